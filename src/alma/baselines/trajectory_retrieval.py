"""Trajectory retrieval: show the most similar solved episode, whole.

Episodes are found again by the words of their goal and first observation. Only solved ones are
kept, which is kinder to this baseline than keeping all.
"""

from __future__ import annotations

import re

from alma.memory import JSON, Episode, Memory, Situation, Toolkit


def words(situation: Situation) -> tuple[set[str], set[str]]:
    """The words of the goal, and those of the first observation."""
    return (
        set(re.findall(r"[a-z]+", situation.goal.lower())),
        set(re.findall(r"[a-z]+ ?\d*", situation.observation.lower())),
    )


class TrajectoryRetrieval(Memory):
    """Keeps solved episodes and recalls the one whose goal and place are most alike."""

    def __init__(self, kit: Toolkit) -> None:
        super().__init__(kit)
        self.solved: list[Episode] = []

    async def update(self, episode: Episode) -> None:
        if episode.success:
            self.solved.append(episode)

    async def retrieve(self, situation: Situation) -> JSON:
        if not self.solved:
            return None
        nearest = max(self.solved, key=lambda episode: self.similarity(episode.situation, situation))
        return {
            "a similar solved task": nearest.situation.goal,
            "what was done": [step.action for step in nearest.steps],
        }

    def similarity(self, past: Situation, now: Situation) -> float:
        """Jaccard similarity of goals plus that of places, in [0, 2]."""
        return sum(len(a & b) / len(a | b) for a, b in zip(words(past), words(now), strict=True) if a | b)
