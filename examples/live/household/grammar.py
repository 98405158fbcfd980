"""Recalls where things were seen, then plans that worked, then what verbs were used with, then how to go
about it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from alma.memory import JSON, Episode, Memory, Situation, Toolkit


def words(text: str) -> list[str]:
    """The words of a text in order, lower case, without numbers."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


def names(text: str) -> list[str]:
    """The words of a text, each with the number that follows it: "shelf 2"."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?(?: \d+)?", text.lower())


def alike(a: Iterable[str], b: Iterable[str]) -> float:
    """Jaccard similarity of two collections of words, in [0, 1]."""
    a, b = set(a), set(b)
    return len(a & b) / len(a | b) if a | b else 0.0


def unnumbered(text: str) -> str:
    """The text without its numbers: "go to shelf 2" becomes "go to shelf"."""
    return " ".join(text.translate({ord(digit): None for digit in "0123456789"}).split())


class Places:
    """Counts which action brought a word into sight, and recalls that for the words of the goal.

    `scope` says which past episodes speak: all of them, those that began in the same place, those and
    then (without numbers) similar ones, or all by how similar their place was.
    """

    def __init__(self, scope: str, top: int, numbered: bool, rate: bool, keep: int) -> None:
        self.scope = scope
        self.top = top
        self.numbered = numbered
        self.rate = rate
        self.keep = keep
        self.sightings: list[tuple[frozenset[str], dict[str, list[str]], set[str]]] = []

    def learn(self, episode: Episode) -> None:
        seen = set(words(episode.situation.observation))
        found: dict[str, list[str]] = {}
        for step in episode.steps:
            said = set(words(step.observation))
            for word in said - seen - set(words(step.action)):
                if any(word in action for action in step.admissible or ()):
                    found.setdefault(word, []).append(self.label(step.action))
            seen |= said
        place = frozenset(names(episode.situation.observation))
        self.sightings.append((place, found, {self.label(step.action) for step in episode.steps}))
        del self.sightings[: -self.keep]

    def recall(self, situation: Situation) -> JSON:
        here = frozenset(names(situation.observation))
        similar = [alike(place, here) for place, _, _ in self.sightings]
        same = [float(s > 0.95) for s in similar]
        near = [s**3 for s in similar]
        lines: dict[str, JSON] = {}
        for word in dict.fromkeys(words(situation.goal)):
            if self.scope == "everywhere":
                actions = self.ranked(word, [1.0] * len(similar))
            elif self.scope == "by similarity":
                actions = self.ranked(word, near)
            else:
                actions = self.ranked(word, same)
            if self.scope == "same place, then kind":
                actions += [unnumbered(action) for action in self.ranked(word, near)]
            if actions:
                lines[word] = list(dict.fromkeys(actions))
        return dict(lines)

    def ranked(self, word: str, weights: list[float]) -> list[str]:
        """The actions that brought the word into sight, best first, by weighted count or share of tries."""
        value: dict[str, float] = defaultdict(float)
        for weight, (_, sighted, _) in zip(weights, self.sightings, strict=True):
            for action in sighted.get(word, ()) if weight else ():
                value[action] += weight
        if self.rate:
            for action in value:
                pairs = zip(weights, self.sightings, strict=True)
                value[action] /= 1.0 + sum(weight for weight, (_, _, tried) in pairs if action in tried)
        return sorted(value, key=lambda action: (-value[action], action))[: self.top]

    def label(self, action: str) -> str:
        return action if self.numbered else unnumbered(action)


class CondensedPlans:
    """Keeps of each episode the actions that its end depended on, found by walking back from the end."""

    def __init__(self, key: str, count: int, keep: int) -> None:
        self.key = key
        self.count = count
        self.keep = keep
        self.plans: list[tuple[Situation, list[str]]] = []

    def learn(self, episode: Episode) -> None:
        needed = set(words(episode.situation.goal))
        plan: list[str] = []
        for step in reversed(episode.steps):
            touched = set(names(step.action)[1:])
            plain = {word for name in touched for word in words(name)}
            if touched & needed or plain & needed or not plan:
                needed |= {name for name in touched if name[-1].isdigit()}
                if step.action not in plan:
                    plan.append(step.action)
        self.plans.append((episode.situation, plan[::-1]))
        del self.plans[: -self.keep]

    def recall(self, situation: Situation) -> JSON:
        ranked = sorted(self.plans, key=lambda plan: self.similarity(plan[0], situation), reverse=True)
        return [{"goal": past.goal, "steps": steps} for past, steps in ranked[: self.count]]

    def similarity(self, past: Situation, now: Situation) -> float:
        goal = alike(words(past.goal), words(now.goal))
        place = alike(words(past.observation), words(now.observation))
        return {"goal": goal, "place": place, "both": goal + place}[self.key]


class Tools:
    """Counts the things that stood with each verb in possible actions; recalls them for the goal's verbs."""

    def __init__(self, top: int, executed: bool) -> None:
        self.top = top
        self.executed = executed
        self.used: dict[str, Counter[str]] = defaultdict(Counter)

    def learn(self, episode: Episode) -> None:
        actions = {step.action for step in episode.steps}
        if not self.executed:
            actions |= {a for step in episode.steps for a in step.admissible or ()}
        for action in actions:
            verb, *things = names(action) or [""]
            self.used[verb].update(thing for thing in things if thing[-1].isdigit() or len(things) == 1)

    def recall(self, situation: Situation) -> JSON:
        recalled: dict[str, JSON] = {}
        for word in words(situation.goal):
            if word in self.used:
                recalled[word] = [thing for thing, _ in self.used[word].most_common(self.top)]
        return dict(recalled)


Form = tuple[str, ...]
"""An action with "_" for each thing in it: ("take", "_", "from", "_")."""


Aimed = tuple[Form, tuple[int | None, ...]]
"""A form, and for each of its things which thing of the goal it is (None for another)."""


class Procedures:
    """Learns from every episode what makes an action possible, from won ones what ends a goal.

    Things are the words that carry a number or vary within a verb's actions. For each form of action
    and each thing in it the part counts what had last been done with that thing when the action first
    became possible; chaining these backwards from the actions that a goal asks for gives a plan, also
    for goals that were never reached.
    """

    def __init__(self, modifiers: bool, guess: bool, repeat: bool, agreement: float, contrast: float) -> None:
        self.modifiers = modifiers
        self.guess = guess
        self.repeat = repeat
        self.agreement = agreement
        self.contrast = contrast
        self.variety: dict[str, set[str]] = defaultdict(set)
        self.spread: dict[str, Counter[str]] = defaultdict(Counter)
        self.things: set[str] = set()
        self.met: set[str] = set()
        self.before: dict[tuple[Form, int, str], Counter[tuple[Form, int] | None]] = defaultdict(Counter)
        self.fills: dict[tuple[Form, int], Counter[str]] = defaultdict(Counter)
        self.told: dict[str, Counter[Form]] = defaultdict(Counter)
        self.said: Counter[str] = Counter()
        self.heard_after: Counter[Form] = Counter()
        self.won: list[tuple[list[str], int, list[Aimed]]] = []
        self.lost: Counter[Aimed] = Counter()
        self.losses = 0
        self.handled: dict[str, list[int]] = defaultdict(list)

    def learn(self, episode: Episode) -> None:
        self.notice_things(episode)
        possible = set(episode.situation.admissible or ())
        last: dict[str, tuple[Form, int]] = {}
        for action in sorted(possible):
            self.notice_possible(action, last)
        done: dict[str, set[Form]] = defaultdict(set)
        for step in episode.steps:
            form, things = self.parse(step.action)
            for position, thing in enumerate(things):
                last[thing] = (form, position)
                done[thing].add(form)
            earlier = {known for thing in things for known in done[thing]}
            self.heard_after.update(earlier)
            for word in set(words(step.observation)) - self.things:
                self.said[word] += 1
                self.told[word].update(earlier)
            for action in step.admissible or ():
                if action not in possible:
                    possible.add(action)
                    self.notice_possible(action, last)
        self.notice_end(episode)

    def notice_things(self, episode: Episode) -> None:
        actions = set(episode.situation.admissible or ())
        for step in episode.steps:
            actions.update(step.admissible or ())
        for action in actions:
            self.things |= {words(name)[0] for name in names(action)[1:] if name[-1].isdigit()}
            verb, *rest = words(action) or [""]
            text = " ".join(rest)
            if text not in self.variety[verb]:
                self.variety[verb].add(text)
                self.spread[verb].update(set(rest))
        for verb, variety in self.variety.items():
            if len(variety) >= 5:
                self.things |= {w for w, n in self.spread[verb].items() if n <= len(variety) / 2}

    def parse(self, action: str) -> tuple[Form, list[str]]:
        """The form of an action and the things in it, numbered where the action numbers them."""
        form: list[str] = []
        things: list[str] = []
        for name in names(action):
            if form and words(name)[0] in self.things:
                form.append("_")
                things.append(name)
            else:
                form.append(name)
        return tuple(form), things

    def notice_possible(self, action: str, last: dict[str, tuple[Form, int]]) -> None:
        form, things = self.parse(action)
        for position, thing in enumerate(things):
            kind = words(thing)[0]
            self.fills[form, position][kind] += 1
            self.met.add(kind)
            self.before[form, position, kind][last.get(thing)] += 1
            self.before[form, position, ""][last.get(thing)] += 1

    def notice_end(self, episode: Episode) -> None:
        """Which forms of action were used on the things of the goal, in won and in lost episodes."""
        goal = words(episode.situation.goal)
        aims = self.aims(goal)
        steps: list[Aimed] = []
        handled: dict[Aimed, set[str]] = defaultdict(set)
        for step in episode.steps:
            form, things = self.parse(step.action)
            kinds = [words(thing)[0] for thing in things]
            roles = tuple(aims.index(kind) if kind in aims else None for kind in kinds)
            if any(role is not None for role in roles):
                steps.append((form, roles))
                handled[form, roles].add(things[0])
        if not episode.success:
            self.losses += 1
            self.lost.update(set(steps))
        elif steps:
            shape = [word for word in goal if word not in aims]
            latest = list(dict.fromkeys(reversed(steps)))[::-1]
            self.won.append((shape, len(aims), latest))
            for word in set(shape):
                self.handled[word].append(len(handled[steps[-1]]))

    def aims(self, goal: list[str]) -> list[str]:
        """The things that a goal names, in order."""
        return list(dict.fromkeys(word for word in goal if word in self.things))

    def recall(self, situation: Situation) -> JSON:
        goal = words(situation.goal)
        aims = self.aims(goal)
        shape = [word for word in goal if word not in aims]
        targets = self.targets(shape, aims)
        if self.modifiers:
            targets = self.modified(shape, aims) + targets
        plan: list[str] = []
        for form, things in targets:
            self.chain(form, things, plan, 0)
        return plan * (self.rounds(shape) if self.repeat else 1)

    def rounds(self, shape: list[str]) -> int:
        """How often to go through the plan: the most that a word of the goal stood for in won episodes."""
        means = [sum(counts) / len(counts) for word in shape if (counts := self.handled.get(word))]
        return max(1, round(max(means, default=1.0)))

    def targets(self, shape: list[str], aims: list[str]) -> list[tuple[Form, list[str | None]]]:
        """What won episodes agree on, those with the most alike goals first, for the things of this goal."""
        rated = [(alike(past, shape), steps) for past, n, steps in self.won if n == len(aims)]
        if not rated:
            return self.guessed(aims)
        votes: dict[Aimed, float] = defaultdict(float)
        place: dict[Aimed, float] = defaultdict(float)
        ends: dict[Aimed, float] = defaultdict(float)
        total = 0.0
        for similarity, steps in rated:
            weight = 0.1 + similarity**3
            total += weight
            ends[steps[-1]] += weight
            for index, step in enumerate(steps):
                votes[step] += weight
                place[step] += weight * index / len(steps)
        end = max(ends, key=lambda step: ends[step])
        kept = [
            step
            for step, weight in votes.items()
            if step != end
            and weight >= self.agreement * total
            and self.lost[step] * total <= self.contrast * weight * max(1, self.losses)
        ]
        kept = [*sorted(kept, key=lambda step: place[step] / votes[step]), end]
        return [(form, [aims[role] if role is not None else None for role in roles]) for form, roles in kept]

    def guessed(self, aims: list[str]) -> list[tuple[Form, list[str | None]]]:
        """With no win to go by: the form of action that has taken most of these things at once."""
        if not self.guess or not aims:
            return []
        value: Counter[Form] = Counter()
        for form, _ in self.fills:
            if form.count("_") == len(aims):
                value[form] = min(self.fills[form, i][aim] for i, aim in enumerate(aims))
        best = value.most_common(1)
        return [(best[0][0], list(aims))] if best and best[0][1] else []

    def modified(self, shape: list[str], aims: list[str]) -> list[tuple[Form, list[str | None]]]:
        """Actions that the other words of the goal ask for: by verb, or by what was said after them."""
        asked: list[tuple[Form, list[str | None]]] = []
        for word in dict.fromkeys(shape):
            forms = {form for form, _ in self.fills if form[0] == word and "_" in form}
            forms = forms or {f for f in self.tied(word) if any(self.fills[f, 0][aim] for aim in aims)}
            if not forms or not aims:
                continue
            form = max(sorted(forms), key=lambda f: sum(self.fills[f, 0].values()))
            things: list[str | None] = [max(aims, key=lambda aim: self.fills[form, 0][aim])]
            for position in range(1, form.count("_")):
                things.append(self.fills[form, position].most_common(1)[0][0])
            asked.append((form, things))
        return asked

    def tied(self, word: str) -> set[Form]:
        """The form after which this word is said, and seldom without: "hot" after heating."""
        share = {
            form: count / self.heard_after[form]
            for form, count in self.told.get(word, Counter()).items()
            if "_" in form and count >= 0.8 * self.said[word]
        }
        best = max(share.values(), default=0.0)
        return {form for form, value in share.items() if value == best and best >= 0.1}

    def chain(self, form: Form, things: list[str | None], plan: list[str], depth: int) -> None:
        """Append to `plan` what makes the action possible, then the action."""
        if depth < 4:
            for position, thing in enumerate(things):
                if thing is None:
                    continue
                known = self.before[form, position, thing] or self.before[form, position, ""]
                if not known:
                    continue
                enabler = known.most_common(1)[0][0]
                if enabler is None:
                    continue
                earlier, slot = enabler
                if thing in self.met and not self.fills[earlier, slot][thing]:
                    continue
                needs: list[str | None] = [None] * earlier.count("_")
                needs[slot] = thing
                self.chain(earlier, needs, plan, depth + 1)
        line = self.line(form, things)
        if line and line not in plan:
            plan.append(line)

    def line(self, form: Form, things: list[str | None]) -> str:
        """The action as text, cut before the first thing that is not known."""
        told: list[str] = []
        left = list(things)
        for word in form:
            if word != "_":
                told.append(word)
                continue
            thing = left.pop(0)
            if thing is None:
                break
            told.append(thing)
        return " ".join(told) if len(told) > 1 else ""


class PlacesCondensedPlansToolsProceduresMemory(Memory):
    """Recalls where things were seen, then plans that worked, then what verbs were used with, then how to
    go about it.
    """

    def __init__(self, kit: Toolkit) -> None:
        super().__init__(kit)
        self.places = Places(scope="same place, then kind", top=5, numbered=False, rate=False, keep=1000)
        self.condensed = CondensedPlans(key="both", count=2, keep=50)
        self.tools = Tools(top=3, executed=True)
        self.procedures = Procedures(modifiers=True, guess=False, repeat=False, agreement=0.75, contrast=1.0)

    async def update(self, episode: Episode) -> None:
        self.places.learn(episode)
        self.tools.learn(episode)
        self.procedures.learn(episode)
        if episode.success:
            self.condensed.learn(episode)

    async def retrieve(self, situation: Situation) -> JSON:
        return {
            "where things were seen": self.places.recall(situation),
            "plans that worked": self.condensed.recall(situation),
            "what verbs were used with": self.tools.recall(situation),
            "how to go about it": self.procedures.recall(situation),
        }
