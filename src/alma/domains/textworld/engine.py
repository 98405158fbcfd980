"""One world in the real engine: the compiled game runs in Frotz, the Z-machine that Jericho wraps.

The engine decides what happens and what is said; it also names the actions that it carried out, and
from these the facts follow. This module strips what belongs to the program and not to the game: the
banner, the prompt, the status line, the score of the cooking quest that the game file comes with.
Needs the extra `textworld`; nothing imports it before a level is played.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections import OrderedDict
from importlib.util import find_spec
from typing import Any

from alma.domains.textworld.logic import Fact, Logic, Rules, View, apply
from alma.domains.textworld.worlds import Story
from alma.records import ConfigError

EXTRA = "pip install 'alma-meta[textworld]'"
SEED = 1
"""Of the interpreter's own chance. The games draw nothing from it, but it must not be the clock."""

TRACE = "tw-trace-actions"
EVENT = re.compile(r"\[([^\]]+)\]\n?")
CARRIED_OUT = " - succeeded"
STATUS = re.compile(r"\n?>[ ]*(?:-=.*)?\Z", re.DOTALL)
SCORED = re.compile(r"\n*Your score has just gone up by [^\n]*\n?")
FINAL = re.compile(r"\n*You scored \d+ out of.*", re.DOTALL)
LOST, WON = "*** You lost! ***", "*** The End ***"
FIRST_ROOM = re.compile(r"-= [^=\n]+ =-")


def require() -> None:
    """Raises ConfigError when the extra isn't installed; imports nothing."""
    if find_spec("jericho") is None:
        raise ConfigError(f"domain textworld needs the engine: {EXTRA}")


class Engine:
    """Plays one world, again and again. Owned by one process; not thread-safe."""

    def __init__(self, story: Story, rules: Rules) -> None:
        require()
        try:
            jericho: Any = importlib.import_module("jericho")
        except ImportError as error:
            raise ConfigError(f"domain textworld can't load the engine ({error}): {EXTRA}") from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._frotz: Any = jericho.FrotzEnv(str(story.path), SEED)
        self.named = {name: thing for thing, (_, name) in story.things.items()}
        self._logic = Logic(rules, story.things)
        self._first_facts = story.facts
        banner, _ = self._frotz.reset()
        room = FIRST_ROOM.search(banner)
        self.first_text = clean(banner[room.start() if room else 0 :])
        self._frotz.step(TRACE)
        self._begin: Any = self._frotz.get_state()
        self.reset()

    def reset(self) -> None:
        """Put the game back to its beginning."""
        self._frotz.set_state(self._begin)
        self.facts: frozenset[Fact] = self._first_facts
        self.view: View = self._logic.view(self.facts)
        self.ended = False

    def step(self, command: str) -> str:
        """Give the game a command; what it says, cleaned. The facts and the view follow."""
        said: str = self._frotz.step(command)[0]
        for event in EVENT.findall(said):
            name, carried_out, _ = event.partition(CARRIED_OUT)
            change = self.view.changes.get(name.lower()) if carried_out else None
            if change is not None and (change.added or change.removed):
                self.facts = apply(self.facts, change)
                self.view = self._logic.view(self.facts)
        self.ended = LOST in said or WON in said
        return clean(EVENT.sub("", said))


class Shelf:
    """Engines that are not played just now, by world, so that one need not be opened for each episode.

    An engine is either on the shelf or with one environment. Of too many, those longest unused are dropped.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: OrderedDict[str, list[Engine]] = OrderedDict()

    def take(self, world: str) -> Engine | None:
        kept = self._idle.get(world)
        engine = kept.pop() if kept else None
        if kept == []:
            del self._idle[world]
        return engine

    def put_back(self, world: str, engine: Engine) -> None:
        self._idle.setdefault(world, []).append(engine)
        self._idle.move_to_end(world)
        while sum(map(len, self._idle.values())) > self._most:
            oldest = next(iter(self._idle))
            self._idle[oldest].pop()
            if not self._idle[oldest]:
                del self._idle[oldest]

def clean(text: str) -> str:
    """What the game says, without what the program adds to it."""
    text = STATUS.sub("", FINAL.sub("", SCORED.sub("\n", text)))
    lines = [line.strip() for line in text.strip().splitlines()]
    return "\n".join(line for i, line in enumerate(lines) if line or (i and lines[i - 1]))
