"""Where words came into sight."""

from __future__ import annotations

from collections import defaultdict

from alma.memory import JSON, Episode, Situation
from alma.proposers.grammar.parts.common import alike, names, unnumbered, words


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
