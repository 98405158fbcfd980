"""Actions that ended a game badly."""

from __future__ import annotations

from collections import Counter

from alma.memory import JSON, Episode, Situation
from alma.proposers.grammar.parts.common import unnumbered


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
