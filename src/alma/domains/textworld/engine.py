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
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

from alma.domains.textworld.logic import Change, Fact, Logic, Rules, View, apply
from alma.domains.textworld.worlds import Story
from alma.records import ConfigError, DomainError

EXTRA = "pip install 'alma-meta[textworld]'"
SEED = 1
"""Of the interpreter's own chance. The games draw nothing from it, but it must not be the clock."""

MOMENTS = 160
"""How many moments of a world are kept; one takes some three kilobytes, its view included."""

PACKED = 3
"""The level of compression: one moment differs little from the beginning, so the fast ones do as well."""

_State = tuple[bytes, tuple[Any, ...]]

TRACE = "tw-trace-actions"
EVENT = re.compile(r"\[([^\]]+)\]\n?")
CARRIED_OUT = " - succeeded"
STATUS = re.compile(r"\n?>[ ]*(?:-=.*)?\Z", re.DOTALL)
SCORED = re.compile(r"\n*Your score has just gone up by ([^\n ]*)[^\n]*\n?")
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
"""The engine writes points as words."""
FINAL = re.compile(r"\n*You scored \d+ out of.*", re.DOTALL)
LOST, WON = "*** You lost! ***", "*** The End ***"
FIRST_ROOM = re.compile(r"-= [^=\n]+ =-")


def require() -> None:
    """Raises ConfigError when the extra isn't installed; imports nothing."""
    if find_spec("jericho") is None:
        raise ConfigError(f"domain textworld needs the engine: {EXTRA}")


@dataclass(slots=True)
class _Moment:
    """What the engine said and where it stood after one exact list of commands."""

    text: str
    changes: tuple[Change, ...]
    view: View
    ended: bool
    state: _State
    points: int = 0
    won: bool = False
    next: dict[str, _Moment] = field(default_factory=dict)


class Engine:
    """Plays one world, again and again. Owned by one process; not thread-safe.

    The engine is deterministic, so what it said to a list of commands is kept, and a list that begins the
    same way is played by it from where the two part. At most MOMENTS moments are kept.

    With `scored`, the score is the task's own, so the game's words on it are left in what it says.
    """

    def __init__(self, story: Story, rules: Rules, *, scored: bool = False) -> None:
        require()
        self._scored = scored
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
        self._frotz.step(TRACE)
        self._base: Any = self._frotz.get_state()
        view = self._logic.view(story.facts)
        text = clean(banner[room.start() if room else 0 :])
        self._first = _Moment(text, (), view, False, self._state())
        self._kept = 0
        self._standing = self._first
        self.reset()

    def reset(self) -> str:
        """Put the game back to its beginning; what it says there."""
        if self._kept > MOMENTS:
            self._first.next.clear()
            self._kept = 0
        self.facts: frozenset[Fact] = self._first_facts
        self._now = self._first
        return self._first.text

    def step(self, command: str) -> str:
        """Give the game a command; what it says, cleaned. The facts and the view follow."""
        moment = self._now.next.get(command)
        if moment is None:
            moment = self._now.next[command] = self._play(command)
            self._kept += 1
        for change in moment.changes:
            self.facts = apply(self.facts, change)
        self._now = moment
        return moment.text

    def bare(self) -> Callable[[str], str]:
        """The interpreter itself, at the beginning, without any account: for timing it."""
        self._standing = _Moment("", (), self._first.view, False, self._first.state)
        self._restore(self._first.state)
        frotz: Any = self._frotz
        return lambda command: str(frotz.step(command)[0])

    @property
    def view(self) -> View:
        return self._now.view

    @property
    def ended(self) -> bool:
        """Whether the game itself is over."""
        return self._now.ended

    @property
    def won(self) -> bool:
        """Whether the game's own quest is done."""
        return self._now.won

    @property
    def points(self) -> int:
        """The game's own score."""
        return self._now.points

    def _play(self, command: str) -> _Moment:
        if self._standing is not self._now:
            self._restore(self._now.state)
        said: str = self._frotz.step(command)[0]
        facts, view = self.facts, self._now.view
        changes = []
        for event in EVENT.findall(said):
            name, carried_out, _ = event.partition(CARRIED_OUT)
            change = view.changes.get(name.lower()) if carried_out else None
            if change is not None:
                changes.append(change)
                facts = apply(facts, change)
                view = self._logic.view(facts)
        ended = LOST in said or WON in said
        text = clean(EVENT.sub("", said), scored=self._scored)
        points = self._now.points + sum(map(_number, SCORED.findall(said)))
        self._standing = _Moment(text, tuple(changes), view, ended, self._state(), points, WON in said)
        return self._standing

    def _state(self) -> _State:
        """Where the interpreter stands: what differs from the beginning, packed, and its few numbers."""
        memory, stack, *numbers, said = self._frotz.get_state()
        differs = (memory ^ self._base[0]).tobytes() + (stack ^ self._base[1]).tobytes()
        return zlib.compress(differs + said, PACKED), tuple(numbers)

    def _restore(self, state: _State) -> None:
        packed, numbers = state
        unpacked = zlib.decompress(packed)
        parts, begin = [], 0
        for base in self._base[:2]:
            differs = np.frombuffer(unpacked, base.dtype, len(base), begin)
            parts.append(base ^ differs)
            begin += differs.nbytes
        self._frotz.set_state((*parts, *numbers, unpacked[begin:]))


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


def clean(text: str, *, scored: bool = False) -> str:
    """What the game says, without what the program adds to it; points only where they are `scored`."""
    text = STATUS.sub("", FINAL.sub("", text if scored else SCORED.sub("\n", text)))
    lines = [line.strip() for line in text.strip().splitlines()]
    return "\n".join(line for i, line in enumerate(lines) if line or (i and lines[i - 1]))


def _number(word: str) -> int:
    if word in NUMBERS:
        return NUMBERS.index(word) + 1
    raise DomainError(f"the game gives {word!r} points at once, which is more than can be read")
