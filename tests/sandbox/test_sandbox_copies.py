"""Frozen calls: each acts on a copy of its own, of the memory and of all that the design keeps elsewhere."""

import asyncio

import pytest

from alma.testing.loop import in_loop

COUNTS = """
def __init__(self, kit):
    super().__init__(kit)
    self.calls = []
    {extra}

async def update(self, episode):
    self.calls.append("update")

async def retrieve(self, situation):
    self.calls.append(situation.token)
    self.kit.store("calls")[situation.token] = 1
    return [len(self.calls), len(self.kit.store("calls"))]
"""

COPIED = {
    "plain data": "",
    "a function without a name": "self.by_length = lambda text: len(text)",
    "a closure over itself": "self.me = lambda: self.me",
    "a module": "import math; self.math = math",
    "a set of its own functions": "self.ways = {'a': D.retrieve, 'b': D}",
}
UNCOPIABLE = ["self.endless = (n for n in [1, 2])", "import threading; self.lock = threading.Lock()"]


@pytest.mark.parametrize("extra", COPIED)
@in_loop
async def test_a_frozen_retrieve_acts_on_a_copy_of_its_own(opened, situation, episode, extra):
    async with opened(COUNTS.format(extra=COPIED[extra])) as process:
        await process.update(episode)
        assert await process.freeze() == process.copies == "copy"
        for token in ("a", "b", "a"):
            assert (await process.retrieve(situation(token), frozen=True, seed=1)).show == [2, 1]
        together = [process.retrieve(situation(str(n)), frozen=True, seed=1) for n in range(8)]
        assert [recall.show for recall in await asyncio.gather(*together)] == [[2, 1]] * 8


HEAD = """
import functools
from collections import defaultdict
from dataclasses import dataclass, field
from alma.memory import Memory, Recall

SEEN = []
BY_KIND = defaultdict(lambda: 0)
NOTES = {"shared": SEEN}


@dataclass
class Note:
    text: str
    tags: list = field(default_factory=list)


@functools.cache
def number(token):
    number.calls = getattr(number, "calls", 0) + 1
    return number.calls


def count(token, seen=[]):
    seen.append(token)
    return len(seen)


class Shelf:
    rows = {}
    asked = 0


class D(Memory):
    notes: list = []
    latest = None
"""
HIDES = {
    "a global": ("SEEN.append(1)", "len(SEEN)"),
    "a global that is set": ("global FRESH; FRESH = globals().get('FRESH', 0) + 1", "FRESH"),
    "a global with a function in it": ("BY_KIND['a'] += 1", "BY_KIND['a']"),
    "a class of the design": ("type(self).notes.append(1)", "len(type(self).notes)"),
    "a class attribute that is set": (
        "type(self).latest = (type(self).latest or 0) + 1",
        "type(self).latest",
    ),
    "another class": (
        "Shelf.rows[len(Shelf.rows)] = 1; Shelf.asked += 1",
        "len(Shelf.rows) + Shelf.asked - 1",
    ),
    "a cache": ("x = number(situation.token)", "number.calls"),
    "a file": (
        "import tempfile; tempfile.NamedTemporaryFile(dir='/tmp', delete=False)",
        "len(__import__('os').listdir('/tmp'))",
    ),
}


@pytest.mark.parametrize("place", HIDES)
@in_loop
async def test_a_frozen_retrieve_leaves_nothing_anywhere_in_the_design(
    opened, situation, episode, sandbox, place
):
    act, tell = HIDES[place]
    if place == "a file" and sandbox.name != "namespaces":
        pytest.skip(f"{sandbox.name} does not claim a /tmp of its own (docs/sandbox.md)")
    body = f"""
async def retrieve(self, situation):
    {act}
    if situation.token.isdigit():
        await self.kit.llm("others run meanwhile")
    return {tell}
"""
    async with opened(body, head=HEAD) as process:
        assert await process.freeze() == "copy"
        for token in "aba":
            assert (await process.retrieve(situation(token), frozen=True, seed=1)).show == 1
        if place != "a file":
            together = [process.retrieve(situation(str(n)), frozen=True, seed=1) for n in range(6)]
            assert [recall.show for recall in await asyncio.gather(*together)] == [1] * 6


@in_loop
async def test_what_updates_left_in_globals_and_classes_is_there_in_every_copy(opened, situation, episode):
    body = """
async def update(self, episode):
    global LAST
    LAST = episode.situation.goal
    SEEN.append(Note("seen", [LAST]))
    BY_KIND["a"] += 1
    self.notes.append(SEEN[-1])
    Shelf.rows["a"] = self

async def retrieve(self, situation):
    return [LAST, BY_KIND["a"], SEEN[-1].tags, SEEN[-1] is self.notes[-1], NOTES["shared"] is SEEN,
            Shelf.rows["a"] is self, isinstance(SEEN[-1], Note), type(self) is D]
"""
    async with opened(body, head=HEAD) as process:
        await process.update(episode)
        assert await process.freeze() == "copy"
        for token in "ab":
            shown = (await process.retrieve(situation(token), frozen=True, seed=1)).show
            assert shown == ["find a cup", 1, ["find a cup"], True, True, True, True, True]


@pytest.mark.parametrize("extra", UNCOPIABLE)
@in_loop
async def test_a_memory_that_cannot_be_copied_says_so_and_is_one(opened, situation, episode, extra):
    async with opened(COUNTS.format(extra=extra)) as process:
        await process.update(episode)
        assert await process.freeze() == "none"
        shown = [(await process.retrieve(situation("a"), frozen=True, seed=1)).show for _ in range(3)]
        assert shown == [[2, 1], [3, 1], [4, 1]]


@in_loop
async def test_an_online_memory_remembers_its_retrieves(opened, situation, episode):
    async with opened(COUNTS.format(extra="")) as process:
        assert (await process.retrieve(situation("a"), frozen=False, seed=1)).show == [1, 1]
        await process.update(episode)
        assert (await process.retrieve(situation("b"), frozen=False, seed=1)).show == [3, 2]


@in_loop
async def test_a_frozen_memory_is_frozen_again_after_more_updates(opened, situation, episode):
    async with opened(COUNTS.format(extra="")) as process:
        for updates in (1, 2):
            await process.update(episode)
            await process.freeze()
            assert (await process.retrieve(situation(), frozen=True, seed=1)).show == [updates + 1, 1]


@in_loop
async def test_copies_share_episodes_and_not_what_a_design_made_of_them(opened, situation, episode):
    body = """
def __init__(self, kit):
    super().__init__(kit)
    self.past, self.last = [], Recall([])

async def update(self, episode):
    self.past.append(episode)
    self.original = id(episode)

async def retrieve(self, situation):
    self.last.show.append("changed")
    self.past.append(None)
    return [id(self.past[0]) == self.original, self.last.show, len(self.past)]
"""
    async with opened(body) as process:
        await process.update(episode)
        await process.freeze()
        for token in ("a", "b"):
            recall = await process.retrieve(situation(token), frozen=True, seed=1)
            assert recall.show == [True, ["changed"], 2]
