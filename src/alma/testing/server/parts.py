"""Two models small enough to predict: one plays the toy domain, one writes designs for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

DESIGN = '''"""Where things were found, version {number}."""

from alma.memory import JSON, Episode, Memory, Situation, Toolkit


class Places(Memory):
    """Remembers the last place opened before a thing was taken, by house and thing."""

    def __init__(self, kit: Toolkit) -> None:
        super().__init__(kit)
        self.places: dict[str, str] = {{}}
        self.version = {number}

    async def update(self, episode: Episode) -> None:
        opened = [step.action for step in episode.steps if step.action.startswith("open")]
        if episode.reward > 0 and opened:
            found = [step.action for step in episode.steps if "You see" in step.observation]
            self.places[self.key(episode.situation)] = (found or opened)[-1]

    async def retrieve(self, situation: Situation) -> JSON:
        return {{"open first": self.places.get(self.key(situation), "")}}

    def key(self, situation: Situation) -> str:
        return situation.observation.split(".")[0] + situation.goal
'''
BROKEN = "\n\nboom = 1 / 0\n"


class Parts:
    """Answers by who is asked: an executor plays, a meta agent writes a design, a broken one now and then."""

    def __init__(self, *, broken_every: int = 3) -> None:
        self.broken_every = broken_every

    def __call__(self, messages: list[dict[str, str]], body: Mapping[str, Any]) -> str:
        system = messages[0]["content"]
        if "design memories" in system:
            return self._design(messages)
        return self._command(messages)

    def _design(self, messages: list[dict[str, str]]) -> str:
        """A design that differs by what it was asked; some of the first tries are broken."""
        asked = " ".join(message["content"] for message in messages if message["role"] == "user")
        number = sum(map(ord, asked)) % 10_007
        source = DESIGN.format(number=number)
        repaired = any("Mend the cause" in message["content"] for message in messages)
        if number % self.broken_every == 0 and not repaired:
            source += BROKEN
        plan = {
            "name": f"places {number}",
            "changes": [{"what": "keep places", "why": "they recur", "expected": "two steps"}],
            "expected_score": 0.9,
        }
        return (
            "## Reflection\nThings lie where they lay.\n\n## Plan\n```json\n"
            f"{json.dumps(plan)}\n```\n\n## Design\n```python\n{source}```\n"
        )

    def _command(self, messages: list[dict[str, str]]) -> str:
        """Take the thing; else open what the notes say; else the first place that wasn't opened."""
        possible: list[str] = re.findall(r"^((?:open|take) .+)$", messages[-1]["content"], re.MULTILINE)
        done = {message["content"] for message in messages if message["role"] == "assistant"}
        notes = "\n".join(re.findall(r"<notes>(.*?)</notes>", messages[1]["content"], re.DOTALL))
        takes = [command for command in possible if command.startswith("take")]
        told = [command for command in possible if command in notes and command not in done]
        new = [command for command in possible if command not in done]
        return (takes or told or new or ["look"])[0]
