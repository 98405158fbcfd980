"""Plays the reader on household games in this process, with any change made to what it sees.

The benchmark's own small ring: collect, update, retrieve, play; no sandbox, so that a change can be
made at any border.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from alma.agents.contract import Game
from alma.agents.reader import Reader, Weights
from alma.agents.recall import render
from alma.domains.alfworld import Households
from alma.memory import Episode, Memory, Situation, Toolkit
from alma.proposers.grammar.genome import KINDS, Gene, Genome
from alma.proposers.grammar.writer import write
from alma.records import JSON, Level, Observation, Split, Step, derive_seed

LIMIT = 50


@dataclass(frozen=True)
class Case:
    """One line of the benchmark: a design under one condition. `change` names a function of `CHANGES`.

    `kinds`: only test tasks of these types.
    """

    name: str
    genome: Genome | None
    options: tuple[tuple[str, JSON], ...] = ()
    change: str = "none"
    collect: int = 150
    weights: tuple[tuple[str, Any], ...] = ()
    seed: int = 900
    split: Split = "in_distribution"
    kinds: tuple[str, ...] = ()


@dataclass
class Result:
    """Per-level success of a case, in the order of its levels."""

    case: Case
    won: list[bool] = field(default_factory=list)
    wins_collected: int = 0


def gene(part: str, *, wins: bool = False, **settings: JSON) -> Gene:
    values = {name: choices[0] for name, choices in KINDS[part].settings.items()} | settings
    return Gene(part, tuple(values.items()), wins)


PROCEDURES = gene("Procedures", modifiers=True, guess=True, repeat=True, agreement=0.75, contrast=0.6)
PLACES = gene("Places", scope="by similarity", top=3, numbered=False, rate=False, keep=1000)
TRAJECTORY = gene("Trajectories", wins=True, key="both", count=1, observations=False, keep=1000)
BOTH = Genome((PROCEDURES, PLACES))


def run_cases(cases: Sequence[Case], levels: int, collections: int = 4) -> dict[str, Result]:
    """Play every case with several collections; each collection meets its share of the levels."""
    jobs = [(case, part, collections, levels) for case in cases for part in range(collections)]
    results = {case.name: Result(case) for case in cases}
    with ProcessPoolExecutor(2) as pool:
        for (case, *_), (won, wins) in zip(jobs, pool.map(_play_part, jobs), strict=True):
            results[case.name].won += won
            results[case.name].wins_collected += wins
    return results


def _play_part(job: tuple[Case, int, int, int]) -> tuple[list[bool], int]:
    case, part, parts, count = job
    domain = Households(dict(case.options))
    change = CHANGES[case.change](case.seed + part)
    weights = replace(Weights(), **dict(case.weights))
    train = domain.tasks("train")
    start = (case.seed * 7 + part) * case.collect % (len(train) - case.collect - 1)
    shuffled = sorted(train, key=lambda task: derive_seed(case.seed, task.id))
    episodes = []
    for index, task in enumerate(shuffled[start : start + case.collect]):
        seed = derive_seed(case.seed, "collect", part, index)
        first, steps, won = _play(domain, Level(task), "", seed, change, weights)
        episodes.append(Episode(_situation(first), steps, float(won), won))
    memory = _learn(case.genome, episodes)
    asked = [task for task in domain.tasks(case.split) if not case.kinds or task.kind in case.kinds]
    tests = sorted(asked, key=lambda task: derive_seed(case.seed, "test", task.id))
    need = -(-count // parts)
    outcome = []
    for index in range(need):
        task = tests[(part * need + index) % len(tests)]
        level = Level(task)
        first = domain.open(level).reset()
        text = ""
        if memory is not None:
            told = first if change.reader_only else change.observation(first)
            text = change.recall(_now(memory.retrieve(_situation(told))))
        seed = derive_seed(case.seed, "deploy", task.id, part, index)
        outcome.append(_play(domain, level, text, seed, change, weights)[2])
    return outcome, sum(e.success for e in episodes)


class Change:
    """What a condition does at the reader's border. The plain one changes nothing.

    `reader_only`: designs learn from the game's own words, not from what the reader saw.
    """

    reader_only = False

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def words(self, text: str) -> str:
        return text

    def action(self, text: str) -> str:
        """From the reader's words back to the game's."""
        return text

    def recall(self, show: Any) -> str:
        return render(show)[0]

    def observation(self, first: Observation) -> Observation:
        return Observation(self.words(first.text), self.words(first.goal), self.menu(first.admissible))

    def menu(self, actions: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if actions is None else tuple(sorted(self.words(a) for a in actions))


class Renamed(Change):
    """Every word is exchanged one to one for a made-up one: what the reader sees and what designs store."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._back: dict[str, str] = {}

    def words(self, text: str) -> str:
        return _WORD.sub(lambda match: self._name(match.group()), text)

    def action(self, text: str) -> str:
        return _WORD.sub(lambda match: self._back.get(match.group(), match.group()), text)

    def _name(self, word: str) -> str:
        name = _made_up(word, self.seed)
        original = self._back.setdefault(name, word)
        if original.lower() != word.lower():
            raise AssertionError(f"two words share the name {name}")
        if not word[0].isupper():
            self._back[name] = word
        return name


class RenamedToReader(Renamed):
    """Words are exchanged between game and reader only; the design works on the game's own words."""

    reader_only = True

    def recall(self, show: Any) -> str:
        return self.words(render(show)[0])


class AsJson(Change):
    def recall(self, show: Any) -> str:
        import json

        return json.dumps(show, indent=1)


class Numbered(Change):
    """Lists as numbered lines, lines about a word as "word: a; b; c"."""

    def recall(self, show: Any) -> str:
        blocks = []
        for heading, value in (show or {}).items():
            if isinstance(value, dict):
                blocks.append("\n".join(f"{word}: {'; '.join(items)}" for word, items in value.items()))
            elif value:
                lines = "\n".join(f"{number}. {item}" for number, item in enumerate(value, 1))
                blocks.append(f"{heading}:\n{lines}")
        return "\n\n".join(blocks)


class Chained(Change):
    """Plans as one line with arrows, under other headings."""

    def recall(self, show: Any) -> str:
        blocks = []
        for number, value in enumerate((show or {}).values()):
            if isinstance(value, dict):
                blocks.append("\n".join(f"* {word}: {', '.join(items)}" for word, items in value.items()))
            elif value:
                blocks.append(f"note {'abc'[number % 3]}\n{' -> '.join(value)}")
        return "\n\n".join(blocks)


class Scrambled(Change):
    """The recall's words in another order."""

    def recall(self, show: Any) -> str:
        import random

        words = render(show)[0].split()
        random.Random(self.seed).shuffle(words)
        return "\n".join(" ".join(words[i : i + 4]) for i in range(0, len(words), 4))


CHANGES: dict[str, Callable[[int], Change]] = {
    "none": Change,
    "renamed": Renamed,
    "renamed to reader": RenamedToReader,
    "json": AsJson,
    "numbered": Numbered,
    "chained": Chained,
    "scrambled": Scrambled,
}


def _play(
    domain: Households, level: Level, text: str, seed: int, change: Change, weights: Weights
) -> tuple[Observation, tuple[Step, ...], bool]:
    environment = domain.open(level)
    first = environment.reset()
    plain: list[Step] = []

    def step(action: str) -> Step:
        done = environment.step(change.action(action))
        plain.append(done)
        return Step(
            action, change.words(done.observation), change.menu(done.admissible), done.score, done.done
        )

    game = Game(change.observation(first), step, LIMIT)
    _now(Reader(weights).play(game, _Text(text), None, seed))
    won = environment.outcome().success
    if change.reader_only:
        return first, tuple(plain), won
    return game.first, tuple(game.steps), won


class _Text:
    def __init__(self, text: str) -> None:
        self.text = text

    async def on_step(self, steps: tuple[Step, ...]) -> str | None:
        return None


class _NoHost:
    async def call(self, method: str, arguments: dict[str, JSON]) -> Any:
        raise RuntimeError("no models in this benchmark")


def _learn(genome: Genome | None, episodes: Sequence[Episode]) -> Memory | None:
    if genome is None:
        return None
    module = types.ModuleType("benchmark_design")
    sys.modules[module.__name__] = module
    exec(compile(write(genome), "memory.py", "exec"), module.__dict__)
    design = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Memory)][-1]
    memory = design(Toolkit(_NoHost()))
    for episode in episodes:
        _now(memory.update(episode))
    return memory


def _situation(first: Observation) -> Situation:
    return Situation(first.goal, first.text, first.admissible, "alfworld", "benchmark")


def _now(coroutine: Any) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("the coroutine waits for something")


@lru_cache(maxsize=1 << 16)
def _made_up(word: str, seed: int) -> str:
    """A pronounceable name, the same for a word in any case; distinct for distinct words (checked)."""
    number = derive_seed(seed, "name", word.lower())
    syllables = []
    for _ in range(4):
        number, consonant = divmod(number, 17)
        number, vowel = divmod(number, 5)
        syllables.append("bcdfghjklmnprstvz"[consonant] + "aeiou"[vowel])
    return "".join(syllables)


_WORD = re.compile(r"[A-Za-z]+")
