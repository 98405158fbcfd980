"""An environment of the domain contract around one quest in one world of the engine."""

from __future__ import annotations

import re
from collections.abc import Callable

from alma.domains.textworld.engine import Engine
from alma.domains.textworld.logic import INVENTORY
from alma.domains.textworld.worlds import Quest
from alma.records import DomainError, Observation, Outcome, Step

NOTHING = "Nothing happens."
REFUSED = "That command is not part of the game."
ENDED = "The game is over."
FILES = ("save", "restore", "script", "unscript", "transcript", "record", "unrecord", "recording", "replay")
CONTROL = (
    "restart",
    "quit",
    "q",
    "undo",
    "again",
    "g",
    "oops",
    "verify",
    "random",
    "commands",
    "notify",
    "version",
)
TELLING = ("notify", "version")
PROGRAM = frozenset((*FILES, *CONTROL, *TELLING))
"""Words that speak to the program and not to the world."""
PROGRAM_PREFIX = "tw-"
SEVERAL = re.compile(r"[.;\n\r]|\bthen\b", re.IGNORECASE)
"""What would make the engine take one line for more than one command."""
LONGEST_COMMAND = 180
"""In characters; the engine cuts longer lines."""
ESCAPE = "\\"
"""Begins a command to the interpreter itself."""


class FetchEnvironment:
    """Plays one quest. The step limit is the caller's; `done` means that the goal is reached, or lost.

    Success is read from the facts, which follow from the actions that the engine carried out.
    """

    def __init__(self, engine: Engine, quest: Quest, put_back: Callable[[Engine], None]) -> None:
        self._engine: Engine | None = engine
        self._put_back = put_back
        self._goal = quest.goal
        thing = engine.named[quest.thing]
        place = engine.named[quest.place] if quest.place else INVENTORY
        self._wanted = {("in", thing, place), ("on", thing, place)}
        self._won = False

    def reset(self) -> Observation:
        engine = self._open()
        self._won = False
        return Observation(engine.reset(), self._goal, engine.view.commands)

    def step(self, action: str) -> Step:
        engine = self._open()
        command = action.strip()
        if self._won or engine.ended:
            return Step(action, ENDED, (), float(self._won), True, "the game is over")
        if answer := refusal(command):
            return Step(action, answer, engine.view.commands, 0.0, False, "not an admissible action")
        admissible = command in engine.view.commands
        text = engine.step(command)
        self._won = not engine.facts.isdisjoint(self._wanted)
        done = self._won or engine.ended
        error = None if admissible else "not an admissible action"
        commands = () if done else engine.view.commands
        return Step(action, text, commands, float(self._won), done, error)

    def outcome(self) -> Outcome:
        return Outcome(float(self._won), self._won)

    def close(self) -> None:
        """The engine is kept for the next quest in this world."""
        if self._engine is not None:
            self._put_back(self._engine)
            self._engine = None

    def _open(self) -> Engine:
        if self._engine is None:
            raise DomainError("this environment is closed")
        return self._engine


def refusal(command: str) -> str:
    """The answer to a command that is kept from the engine, or "". It costs a step and ends nothing."""
    words = command.lower().split()
    plain = command.isascii() and command.isprintable() and ESCAPE not in command
    if not words or not plain or len(command) > LONGEST_COMMAND:
        return NOTHING
    if words[0] in PROGRAM or words[0].startswith(PROGRAM_PREFIX) or SEVERAL.search(command):
        return REFUSED
    return ""
