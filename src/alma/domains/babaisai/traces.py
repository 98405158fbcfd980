"""Replays recorded episodes of the original engine and its text wrapper, and says what differs.

A trace is one JSON object a line: where an episode began, and after each action the map with all that is
covered, facings, rules, reward, ends and text. Where the original failed, the trace ends; what this
engine does there is its own business.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alma.domains.babaisai.engine import ACTIONS, Game
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.text import published

Episode = Mapping[str, Any]


@dataclass(slots=True)
class Verdict:
    """What comparing some episodes found. `faults` are exceptions of the original that end an episode."""

    episodes: int = 0
    steps: int = 0
    won: int = 0
    resets: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def read_traces(path: Path) -> Iterator[Episode]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def replay(episode: Episode, verdict: Verdict) -> None:
    """Play one episode's actions up to the first step that differs."""
    verdict.episodes += 1
    first = episode["init"]
    shown, game = _shown(Game(_layout(first), episode["max_steps"]), episode, first)
    if _differs(episode, 0, {"text": (first["o"], shown)}, verdict):
        return
    for number, step in enumerate(episode["steps"], 1):
        if "error" in step:
            verdict.faults[step["error"]] += 1
            return
        reward = game.step(ACTIONS.index(step["a"]))
        verdict.steps += 1
        verdict.won += game.won
        verdict.resets += "resets" in step
        rows, stacks, facings = game.now().written()
        shown, after = _shown(game, episode, step)
        pairs = {
            "grid": (step["g"], rows),
            "stacks": (step.get("s", {}), stacks),
            "facings": (step.get("f", {}), facings),
            "rules": (step["r"], [str(rule) for rule in game.rules]),
            "reward": (round(step["rw"], 9), round(reward, 9)),
            "terminated": (step["te"], game.ended),
            "truncated": (step["tr"], game.out_of_steps and not game.ended),
            "text": (step["o"], shown),
        }
        if _differs(episode, number, pairs, verdict):
            return
        game = after


def _differs(episode: Episode, number: int, pairs: Mapping[str, tuple[Any, Any]], verdict: Verdict) -> bool:
    found = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if found:
        told = [f"{name}: original {theirs!r}, ours {ours!r}" for name, (theirs, ours) in found.items()]
        verdict.fields.update(found)
        verdict.differences.append(f"{episode['id']} seed {episode['seed']} step {number}: {'; '.join(told)}")
    return bool(found)


def _shown(game: Game, episode: Episode, state: Episode) -> tuple[str | None, Game]:
    """The wrapper's text and the game that goes on, with the fresh levels that were recorded here."""
    fresh: list[Any] = list(state.get("resets", ()))

    def next_level() -> Game:
        if not fresh:
            raise _NoLevelError
        return Game(_layout(fresh.pop(0)), episode["max_steps"])

    try:
        text, after = published(game, next_level)
    except _NoLevelError:
        # Custom levels were recorded without the wrapper's resets: no YOU, no text.
        return None, game
    return (text if not fresh else f"{len(fresh)} recorded resets are left"), after


class _NoLevelError(Exception):
    """The recording has no further level, so there was no reset."""


def _layout(state: Episode) -> Layout:
    return Layout.read(state["g"], state.get("s"), state.get("f"))
