"""A paid model and an executor that asks it, small enough to predict: for tests of money and replay.

The model answers with the first place that the prompt recalls, else with the next action in order. It
writes a line to its log at every call, so that a test sees what was really called, in any process.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

from alma.agents.contract import Game, Recalled
from alma.models.contract import Message, Model, Reply, Request
from alma.records import Usage

PRICE = 0.001
"""US dollars a token, of the prompt or of the answer."""


class ToyModel:
    """`toy:FILE`: every call adds a line to FILE. A token is a word."""

    def __init__(self, log: str) -> None:
        self._log = Path(log) if log else None
        self.name = "toy"

    def worst_case(self, request: Request) -> Usage:
        prompt = _tokens(request.messages)
        return Usage(1, prompt, request.max_tokens, usd=PRICE * (prompt + request.max_tokens))

    async def complete(self, request: Request) -> Reply:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as log:
                log.write("call\n")
        await asyncio.sleep(0)
        text = request.messages[-1].content
        actions = text.rpartition("actions: ")[2].split("; ")
        recalled = [action for action in actions if action in text.partition("actions: ")[0]]
        answer = (recalled or actions)[0]
        prompt, words = _tokens(request.messages), len(answer.split())
        return Reply(answer, Usage(1, prompt, words, usd=PRICE * (prompt + words)))


class Talker:
    """An executor whose every action is a model's answer; it tells the model what it hasn't tried."""

    name = "talker"
    version = "1"
    simulated = True
    runs_in: Literal["host", "worker"] = "host"

    async def play(self, game: Game, recalled: Recalled, model: Model | None, seed: int) -> None:
        assert model is not None, "the talker needs --execution-model"
        while not game.over:
            done = {step.action for step in game.steps}
            # What ends the game comes last in the toy's list, and is worth trying first.
            left = [action for action in reversed(game.admissible or ()) if action not in done] or ["wait"]
            prompt = f"{game.first.goal}\n{recalled.text}\nactions: {'; '.join(left)}"
            request = Request((Message("user", prompt),), max_tokens=8)
            await game.act((await model.ask(request, key=str(len(game.steps)))).text)


def _tokens(messages: tuple[Message, ...]) -> int:
    return sum(len(message.content.split()) for message in messages)
