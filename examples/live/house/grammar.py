"""Recalls what verbs were used with, then the way there, then ended games badly, then plans that worked."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from alma.memory import JSON, Episode, Memory, Situation, Step, Toolkit


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


def heading(text: str) -> str:
    """The words of a first line that stands above a text as its title: short, and no sentence. Or ""."""
    first, _, rest = text.strip().partition("\n")
    named = words(first)
    if not rest.strip() or not 0 < len(named) <= 6 or first.rstrip()[-1] in ".!?,:;":
        return ""
    return " ".join(named)


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


Spot = tuple[str, str]
"""A place, and the action there that brings something to light ("" when it is seen on arrival)."""


class Routes:
    """Draws a map of titled places for each place where episodes begin; recalls the way to the goal's things.

    The things of a goal are the runs of words that few goals share. Of a thing that was never seen the
    part knows the role that it plays in the goal, and takes the places of other things in that role. Given
    the steps so far, it recalls the way from where they have led, and leaves out where they have been.
    Without titles it learns and recalls nothing.
    """

    def __init__(self, doors: int, here_only: bool, nearest: bool) -> None:
        self.doors = doors
        self.here_only = here_only
        self.nearest = nearest
        self.goals: list[list[str]] = []
        self.said: Counter[str] = Counter()
        self.moves: dict[Spot, dict[str, Counter[str]]] = defaultdict(dict)
        self.openers: dict[tuple[Spot, str], Counter[str]] = defaultdict(Counter)
        self.shown: dict[str, Counter[tuple[str, Spot]]] = defaultdict(Counter)
        self.visits: Counter[Spot] = Counter()
        self.handled: Counter[tuple[int, str]] = Counter()
        self.counted: dict[tuple[str, ...], Counter[Spot]] = {}
        self.worded: dict[tuple[str, ...], list[str]] = {}

    def learn(self, episode: Episode) -> None:
        start = here = heading(episode.situation.observation)
        if not start:
            return
        self.counted.clear()
        self.worded.clear()
        goal = words(episode.situation.goal)
        self.goals.append(goal)
        self.said.update(set(goal))
        for spot, actions in self.walk(episode.situation, episode.steps).items():
            self.visits[spot] += 1
            for action in actions:
                self.shown[action][start, spot] += 1
        possible = episode.situation.admissible or ()
        for step in episode.steps:
            there = heading(step.observation) or here
            if there != here:
                self.moves[start, here].setdefault(step.action, Counter())[there] += 1
            for action in set(step.admissible or ()).difference(possible) if there == here else ():
                self.openers[(start, here), action][step.action] += 1
            here, possible = there, step.admissible or ()
        if episode.success:
            forms = {self.form(step.action, self.aims(goal)) for step in episode.steps}
            self.handled.update((form.count("{"), form.split()[0]) for form in forms if form)

    def walk(self, situation: Situation, steps: Sequence[Step]) -> dict[Spot, set[str]]:
        """The spots of an episode, in order, each with the actions that were first possible there."""
        here = heading(situation.observation)
        possible = set(situation.admissible or ())
        spots: dict[Spot, set[str]] = {(here, ""): set(possible)}
        for step in steps:
            there = heading(step.observation) or here
            now = set(step.admissible or ())
            spot = (here, step.action) if there == here else (there, "")
            spots.setdefault(spot, set()).update(now - possible if there == here else now)
            here, possible = there, now
        return spots

    def aims(self, goal: list[str]) -> list[str]:
        """The things that a goal names: runs of words that less than a quarter of the goals share."""
        runs: list[list[str]] = [[]]
        for word in goal:
            if 4 * self.said[word] < len(self.goals):
                runs[-1].append(word)
            elif runs[-1]:
                runs.append([])
        return [" ".join(run) for run in runs if run]

    def form(self, action: str, aims: list[str]) -> str:
        """The action with the things of the goal left open, cut after the last: "put {} on {}"; or ""."""
        text = f"{action} "
        for aim in aims:
            text = text.replace(f" {aim} ", " {} ")
        return text[: text.rfind("}") + 1]

    def recall(self, situation: Situation, history: Sequence[Step] = ()) -> JSON:
        start = heading(situation.observation)
        if not start:
            return []
        here = next((h for step in reversed(history) if (h := heading(step.observation))), start)
        been = self.walk(situation, history)
        possible = (history[-1].admissible if history else situation.admissible) or ()
        aims = self.aims(words(situation.goal))
        plan: list[str] = []
        for role, aim in enumerate(aims):
            lines = self.worded.get(tuple(aims[: role + 1])) or self.lines(role, aims)
            if self.last(aim, history).startswith(lines[-1]):
                continue
            if not any(action.startswith(lines[-1]) for action in possible):
                ways = self.ways(start, here)
                spot = self.spot(aim, role, start, ways, been)
                if spot is None:
                    break
                here, reveal = spot
                plan += [*ways[here], *([reveal] if reveal else [])]
            plan += lines
        return list(plan)

    def last(self, aim: str, history: Sequence[Step]) -> str:
        """The last action on the thing that changed something: it is no longer possible."""
        done = [step.action for step in history if step.action not in (step.admissible or ())]
        return next((action for action in reversed(done) if f" {aim} " in f"{action} "), "")

    def lines(self, role: int, aims: list[str]) -> list[str]:
        """What to do with a thing, by verbs of won episodes: on it alone, or on the thing before too."""
        alone = [verb for (count, verb), _ in self.handled.most_common() if count == 1] or ["?"]
        if role == 0:
            return [f"{alone[0]} {aims[0]}"]
        aim, others = aims[role], self.alike(0)
        forms: Counter[str] = Counter()
        opened: dict[str, Counter[str]] = defaultdict(Counter)
        for action, spots in self.shown.items():
            verb = action.split()[0]
            form = self.form(action, [aim, *others]) if f" {aim} " in f"{action} " else ""
            if form.count("{") == 2 and verb != alone[0]:
                forms[form] += spots.total() * (1 + 100 * self.handled[2, verb])
                for (_, (_, reveal)), count in spots.items():
                    opened[form][reveal if self.form(reveal, [aim, *others]).count("{") < 2 else ""] += count
        if not forms:
            return [f"{alone[-1]} {aim}"]
        best = forms.most_common(1)[0][0]
        opening = next((reveal for reveal in opened[best] if reveal.endswith(f" {aim}")), "")
        lines = [*([opening] if opening else []), best.format(aims[role - 1], aim)]
        self.worded[tuple(aims[: role + 1])] = lines
        return lines

    def spot(
        self, aim: str, role: int, start: str, ways: dict[str, list[str]], been: dict[Spot, set[str]]
    ) -> Spot | None:
        """Where to look: where this episode has shown the thing, else where it or its like mostly was."""
        for place, reveal in been:
            if place in ways and any(f" {aim} " in f"{action} " for action in been[place, reveal]):
                return place, ""
        counts = self.sightings(start, aim) or self.sightings(start, *self.alike(role))
        worth = {
            spot: count / (1.0 + self.visits[spot])
            for spot, count in counts.items()
            if spot[0] in ways and spot not in been
        }
        if self.nearest:
            worth = {spot: value / (1.0 + len(ways[spot[0]])) for spot, value in worth.items()}
        return max(sorted(worth), key=lambda spot: worth[spot], default=None)

    def sightings(self, start: str, *aims: str) -> Counter[Spot]:
        """How often any of these things was seen in each spot. Counted once for each question."""
        if (start, *aims) in self.counted:
            return self.counted[start, *aims]
        counts = self.counted[start, *aims] = Counter()
        for action, spots in self.shown.items():
            if any(f" {aim} " in f"{action} " for aim in aims):
                for (begun, spot), count in spots.items():
                    shows = not any(f" {aim} " in f"{spot[1]} " for aim in aims)
                    if shows and (begun == start or not self.here_only):
                        counts[spot] += count
        return counts

    def alike(self, role: int) -> list[str]:
        """The things that play this role in other goals."""
        return sorted({aims[role] for goal in self.goals if len(aims := self.aims(goal)) > role})

    def ways(self, start: str, here: str) -> dict[str, list[str]]:
        """To each place the shortest known list of actions, with what makes each move possible before it."""
        ways: dict[str, list[str]] = {here: []}
        queue = [here]
        for place in queue:
            for move, led in sorted(self.moves.get((start, place), {}).items()):
                there = led.most_common(1)[0][0]
                if there not in ways:
                    opening = [
                        action for action, _ in self.openers[(start, place), move].most_common(self.doors)
                    ]
                    ways[there] = [*ways[place], *opening, move]
                    queue.append(there)
        return ways


class LosingActions:
    """Remembers the last action of episodes that ended lost before their time was up."""

    def __init__(self, top: int) -> None:
        self.top = top
        self.counts: Counter[str] = Counter()

    def learn(self, episode: Episode) -> None:
        if episode.steps and episode.steps[-1].done and not episode.success:
            self.counts[unnumbered(episode.steps[-1].action)] += 1

    def recall(self, situation: Situation) -> JSON:
        return {action: -count for action, count in self.counts.most_common(self.top)}


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


class ToolsRoutesLosingActionsCondensedPlansMemory(Memory):
    """Recalls what verbs were used with, then the way there, then ended games badly, then plans that
    worked.
    """

    def __init__(self, kit: Toolkit) -> None:
        super().__init__(kit)
        self.tools = Tools(top=3, executed=False)
        self.routes = Routes(doors=1, here_only=False, nearest=True)
        self.losing = LosingActions(top=8)
        self.condensed = CondensedPlans(key="place", count=3, keep=50)

    async def update(self, episode: Episode) -> None:
        self.tools.learn(episode)
        self.routes.learn(episode)
        self.losing.learn(episode)
        self.condensed.learn(episode)

    async def retrieve(self, situation: Situation) -> JSON:
        return {
            "what verbs were used with": self.tools.recall(situation),
            "the way there": self.routes.recall(situation),
            "ended games badly": self.losing.recall(situation),
            "plans that worked": self.condensed.recall(situation),
        }

    async def on_step(self, situation: Situation, history: Sequence[Step]) -> JSON:
        """Recall anew from where the steps have led, for what was not yet done."""
        done = {word for step in history for word in step.action.split()[1:]}
        left = [word for word in situation.goal.rstrip(".").split() if word not in done]
        now = replace(situation, goal=" ".join(left))
        return {
            "what verbs were used with": self.tools.recall(now),
            "the way there": self.routes.recall(situation, history),
            "ended games badly": self.losing.recall(now),
            "plans that worked": self.condensed.recall(now),
        }
