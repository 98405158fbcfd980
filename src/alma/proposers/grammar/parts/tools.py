"""What a verb was used with."""

from __future__ import annotations

from collections import Counter, defaultdict

from alma.memory import JSON, Episode, Situation
from alma.proposers.grammar.parts.common import names, words


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
