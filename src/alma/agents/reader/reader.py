"""The reader: a simulated executor that sees what a language model would see, and is not one.

It scores each admissible action by overlap with the goal, novelty, what the action's verb has
brought so far, and how well it carries out what was recalled; the best score is played. It holds no
word of any domain: everything it knows about words it counts within the episode. Its scores are
those of a simulated executor and say nothing about language models.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Literal, NamedTuple

import numpy as np

from alma.agents.contract import Game, Recalled
from alma.agents.reader.recalled import Reading, read
from alma.agents.reader.words import follows, mentions, phrase, title
from alma.models.contract import Model

READER_VERSION = "2"


@dataclass(frozen=True, slots=True)
class Weights:
    """The reader's constants. Chosen on tuning seeds only; see the benchmark for their sensitivity."""

    noise: float = 0.35
    goal: float = 1.0
    fresh: float = 1.0
    retry: float = 0.6
    verb: float = 0.8
    undo: float = 1.5
    unrelated: float = 1.5
    plan: float = 3.0
    back: float = 1.5
    hint: float = 2.2
    hint_rank: float = 0.93
    hint_tried: float = 0.35
    look_ahead: int = 4
    look_ahead_decay: float = 0.6
    again: float = 0.6


ABOUT = (files(__package__ or "") / "about.md").read_text(encoding="utf-8")
"""What a meta agent is told of this executor."""


class Reader:
    """The simulated executor. Stateless: each episode has a `_Mind` of its own."""

    name = "reader"
    simulated = True
    about = ABOUT
    runs_in: Literal["host", "worker"] = "worker"

    def __init__(self, weights: Weights | None = None) -> None:
        self._weights = weights or Weights()

    @property
    def version(self) -> str:
        """The frozen version, with every constant that differs from it."""
        changed = [
            f"{f.name}={getattr(self._weights, f.name)}"
            for f in fields(Weights)
            if getattr(self._weights, f.name) != f.default
        ]
        return "+".join([READER_VERSION, *changed])

    async def play(self, game: Game, recalled: Recalled, model: Model | None, seed: int) -> None:
        mind = _Mind(game.first.goal, self._weights, np.random.default_rng(seed))
        mind.arrive(game.first.text)
        mind.hear(recalled.text)
        while not game.over:
            fresh_text = await recalled.on_step(tuple(game.steps))
            if fresh_text is not None:
                mind.hear(fresh_text)
            if not game.admissible:
                await game.act("")
                continue
            action = mind.choose(game.admissible)
            step = await game.act(action)
            mind.saw(action, step.observation, step.admissible or ())


class _Known(NamedTuple):
    """What holds of an action for the whole episode: `pair` is its entities when it has two or more."""

    verb: str
    hits: tuple[str, ...]
    pair: frozenset[tuple[str, str]] | None
    subject: str
    things: tuple[str, ...]
    """The things of an action without numbers, in order; none for an action that has some."""


class _Mind:
    """What the reader has noticed in one episode."""

    def __init__(self, goal: str, weights: Weights, rng: np.random.Generator) -> None:
        self._goal = goal
        self._w = weights
        self._rng = rng
        self._goal_words = frozenset(phrase(goal).names)
        self._named = dict.fromkeys(self._goal_words, 0)
        self._tries: dict[str, int] = {}
        self._tries_at: dict[str, dict[str, int]] = {}
        self._place = ""
        self._known: dict[str, _Known] = {}
        self._ever: dict[str, int] = {}
        self._ever_at: dict[str, dict[str, int]] = {}
        self._objects: set[str] = set()
        self._progress: set[frozenset[str]] = set()
        self._handled: set[str] = set()
        self._first: frozenset[str] | None = None
        self._before: frozenset[str] = frozenset()
        self._words: set[str] = set()
        self._verb_tries: dict[str, int] = {}
        self._verb_gains: dict[str, int] = {}
        self._done_pairs: dict[frozenset[tuple[str, str]], str] = {}
        self._enabled: dict[str, str] = {}
        self._back: frozenset[str] = frozenset()
        self._wanted: frozenset[str] = frozenset()
        self._plans: list[_Plan] = []
        self._reading = Reading((), ())
        self._topic: frozenset[str] = self._goal_words
        self._hint: dict[str, dict[str, float]] = {}
        self._heard: str | None = None

    def hear(self, text: str) -> None:
        """Take in a recalled text; what was heard before is replaced."""
        if text == self._heard:
            return
        self._heard = text
        self._reading = read(text, self._goal)
        old = {plan.items: plan for plan in self._plans}
        self._plans = [old.get(items) or _Plan(items, self._goal_words) for items in self._reading.plans]
        topic = set(self._goal_words)
        for plan in self._plans:
            for item in plan.items:
                topic.update(phrase(item).names[1:])
        self._topic = frozenset(topic)
        self._hint = {}

    def choose(self, admissible: tuple[str, ...]) -> str:
        """The action with the best score."""
        self._notice(admissible)
        now = frozenset(admissible)
        rarity = {word: 1.0 - count / len(self._known) for word, count in self._named.items() if count}
        for plan in self._plans:
            plan.look(now, self._first or now)
        self._wanted = frozenset(word for plan in self._plans for word in plan.sought)
        self._back = frozenset(
            way for plan in self._plans for item in plan.wanted for way in self._ways_back(item, now)
        )
        noise = self._rng.normal(0.0, self._w.noise, len(admissible))
        best = int(np.argmax(noise + np.asarray(self._scores(admissible, rarity))))
        self._before = now
        return admissible[best]

    def arrive(self, observation: str) -> None:
        """Notice which place this is, where a game titles its places: there, tries count for one place."""
        place = title(observation)
        if place or not self._tries_at:
            self._place = place
        self._tries = self._tries_at.setdefault(self._place, {})
        self._ever = self._ever_at.setdefault(self._place, {})

    def saw(self, action: str, observation: str, admissible: tuple[str, ...]) -> None:
        """Learn from what the action led to."""
        self._tries[action] = self._tries.get(action, 0) + 1
        said = phrase(action)
        words = set(phrase(observation).names)
        new_actions = [a for a in admissible if a not in self._known]
        for possible in admissible:
            if possible not in self._before:
                self._enabled[possible] = action
        verb = said.names[0] if said.names else ""
        self._verb_tries[verb] = self._verb_tries.get(verb, 0) + 1
        if new_actions or not words <= self._words:
            self._verb_gains[verb] = self._verb_gains.get(verb, 0) + 1
        self._words |= words
        if len(said.entities) >= 2:
            self._done_pairs.setdefault(said.entities, verb)
        for plan in self._plans:
            plan.did(action)
        self._ever[action] = self._ever.get(action, 0) + 1
        hits = frozenset(self._known[action].hits)
        if hits and action not in (self._first or ()):
            self._handled |= hits
            if hits not in self._progress:
                self._progress.add(hits)
                self._tries = {action: 1}
                self._tries_at = {self._place: self._tries}
        self.arrive(observation)

    def _notice(self, admissible: tuple[str, ...]) -> None:
        if self._first is None:
            self._first = frozenset(admissible)
            self._before = self._first
        fresh = [action for action in admissible if action not in self._known]
        self._objects.update(" ".join(phrase(action).names[1:]) for action in fresh)
        for action in fresh:
            said = phrase(action)
            hits = tuple(sorted(self._goal_words.intersection(said.names[1:])))
            verb = said.names[0] if said.names else ""
            pair = said.entities if len(said.entities) >= 2 else None
            things = () if any(said.numbers) else self._things(said.names[1:])
            self._known[action] = _Known(verb, hits, pair, said.subject, things)
            for word in hits:
                self._named[word] += 1

    def _scores(self, admissible: tuple[str, ...], rarity: dict[str, float]) -> list[float]:
        """The score of each action, without noise. One loop: this is where an episode's time goes."""
        w = self._w
        gains = {
            verb: (self._verb_gains.get(verb, 0) + 1.0) / (tries + 1.0)
            for verb, tries in self._verb_tries.items()
        }
        scores = []
        for action in admissible:
            known = self._known[action]
            tries = self._tries.get(action, 0)
            fading = 0.5**tries if tries else 1.0
            score = -w.retry * min(tries, 4) if tries else 0.0
            if known.hits:
                score += w.goal * fading * sum([rarity[word] for word in known.hits])
            gain = gains.get(known.verb, 1.0)
            score -= w.verb * (1.0 - gain)
            if action not in self._before:
                score += w.fresh * fading * gain
            if known.pair is not None:
                if self._done_pairs.get(known.pair, known.verb) != known.verb:
                    score -= w.undo
                if known.subject not in self._topic:
                    score -= w.unrelated
            elif known.things:
                if set(known.things) <= self._done_with(self._enabled.get(action)):
                    score -= w.undo
                if len(known.things) > 1 and self._topic.isdisjoint(known.things[0].split()):
                    score -= w.unrelated
            if self._plans:
                score += w.plan * max([plan.worth(action, w) for plan in self._plans])
                if action in self._back:
                    score += w.back
            if self._reading.hints:
                score += w.hint * self._hinted(action) * (w.hint_tried if action in self._ever else 1.0)
            scores.append(score)
        return scores

    def _done_with(self, action: str | None) -> frozenset[str]:
        """The things of an action that was played."""
        return frozenset(self._known[action].things) if action in self._known else frozenset()

    def _things(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The things in the words of an action without numbers: what other actions are about as a whole."""
        for end in range(1, len(names) - 1):
            if " ".join(names[:end]) in self._objects:
                for start in range(end + 1, len(names)):
                    if " ".join(names[start:]) in self._objects:
                        return " ".join(names[:end]), " ".join(names[start:])
        return (" ".join(names),) if names else ()

    def _ways_back(self, item: str, now: frozenset[str]) -> list[str]:
        """Possible actions that once led to where `item` could be done."""
        ways = []
        for action in self._enabled:
            if follows(item, action) < 0.8 or action in now:
                continue
            way: str | None = action
            for _ in range(3):
                way = self._enabled.get(way) if way is not None else None
                if way in now:
                    ways.append(way)
                    break
        return [way for way in ways if way is not None]

    def _hinted(self, action: str) -> float:
        """The best that a hint says for the action; hints about a word end once that was handled."""
        known = self._hint.get(action)
        if known is None:
            known = self._hint[action] = {}
            for word, items in self._reading.hints:
                for rank, item in enumerate(items):
                    value = self._w.hint_rank**rank * mentions(item, action)
                    if value > known.get(word, 0.0):
                        known[word] = value
        best = 0.0
        for word, value in known.items():
            if value > best and (word not in self._handled or word in self._wanted):
                best = value
        return best


class _Plan:
    """A list of things to do and how far it has come.

    A step that names a goal word and is not possible yet holds the plan: the reader goes on searching
    until it is. Past a held step only actions count that were not there at the start.
    """

    def __init__(self, items: tuple[str, ...], goal_words: frozenset[str]) -> None:
        self.items = items
        self._named = [goal_words & set(phrase(item).names[1:]) for item in items]
        self._goal = [bool(named) for named in self._named]
        self._by_verb: dict[str, list[int]] = {}
        for index, item in enumerate(items):
            self._by_verb.setdefault(phrase(item).names[0] if phrase(item).names else "", []).append(index)
        self._next = 0
        self._rounds = 0
        self._fits: dict[str, tuple[tuple[int, float], ...]] = {}
        self._useful: set[str] = set()
        self._held = False
        self._first: frozenset[str] = frozenset()

    def look(self, now: frozenset[str], first: frozenset[str]) -> None:
        """Skip steps that can't be done now and name nothing of the goal; see whether the next one holds."""
        self._first = first
        for action in now.difference(self._fits):
            self._fits[action] = self._fit(action)
            if self._fits[action]:
                self._useful.add(action)
        possible = {index for action in now & self._useful for index, fit in self._fits[action] if fit >= 0.8}
        while self._next < len(self.items) and self._next not in possible and not self._goal[self._next]:
            ahead = range(self._next + 1, min(self._next + 4, len(self.items)))
            if not any(index in possible for index in ahead):
                break
            self._next += 1
        self._held = self._next < len(self.items) and self._next not in possible and self._goal[self._next]

    @property
    def wanted(self) -> tuple[str, ...]:
        """The step that holds the plan, if one does."""
        return self.items[self._next : self._next + 1] if self._held else ()

    @property
    def sought(self) -> frozenset[str]:
        """Goal words that the held step is the first of the plan to name: they have to be found (again)."""
        if not self._held:
            return frozenset()
        item = self.items[self._next]
        first = {word: self.items[i] for i in reversed(range(len(self.items))) for word in self._named[i]}
        return frozenset(word for word in self._named[self._next] if first[word] == item)

    def worth(self, action: str, w: Weights) -> float:
        """How much of the plan this action would carry out now, in [0, 1]."""
        fits = self._fits.get(action)
        if not fits:
            return 0.0
        best = 0.0
        for index, fit in fits:
            ahead = index - self._next
            if not 0 <= ahead < w.look_ahead:
                continue
            if self._held and ahead and (action in self._first or not self._goal[index]):
                continue
            best = max(best, fit * w.look_ahead_decay**ahead)
        return best * w.again**self._rounds

    def did(self, action: str) -> None:
        """Move on past the nearest step that this action carried out."""
        for index, fit in self._fits.get(action, ()):
            ahead = index - self._next
            if fit < 0.8 or not 0 <= ahead < 4:
                continue
            if self._held and ahead and (action in self._first or not self._goal[index]):
                continue
            self._next = index + 1
            break
        if self._next >= len(self.items):
            self._next = 0
            self._rounds += 1

    def _fit(self, action: str) -> tuple[tuple[int, float], ...]:
        """The steps that the action carries out, and how well; never one that names a goal word it lacks."""
        names = phrase(action).names
        scored = (
            (index, follows(self.items[index], action))
            for index in self._by_verb.get(names[0] if names else "", ())
            if self._named[index].issubset(names)
        )
        return tuple((index, fit) for index, fit in scored if fit > 0)
