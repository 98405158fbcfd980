"""What was done more often in won episodes than in lost ones."""

from __future__ import annotations

from collections import Counter

from alma.memory import JSON, Episode, Situation
from alma.proposers.grammar.parts.common import unnumbered, words


class Contrasts:
    """Counts actions (without numbers) in won and in lost episodes; the difference is the insight."""

    def __init__(self, top: int, about_goal: bool) -> None:
        self.top = top
        self.about_goal = about_goal
        self.won: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.wins = 0
        self.losses = 0

    def learn(self, episode: Episode) -> None:
        actions = {unnumbered(step.action) for step in episode.steps}
        if episode.success:
            self.wins += 1
            self.won.update(actions)
        else:
            self.losses += 1
            self.lost.update(actions)

    def recall(self, situation: Situation) -> JSON:
        if not self.wins or not self.losses:
            return []
        goal = set(words(situation.goal))
        lift = {
            action: count / self.wins - self.lost[action] / self.losses
            for action, count in self.won.items()
            if not self.about_goal or goal & set(words(action)[1:])
        }
        best = sorted(lift, key=lambda action: (-lift[action], action))[: self.top]
        return [action for action in best if lift[action] > 0]
