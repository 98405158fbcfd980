"""Random recall: show a solved episode drawn by chance. The control for any way of choosing."""

from __future__ import annotations

from alma.memory import JSON, Episode, Memory, Situation, Toolkit


class RandomRecall(Memory):
    """Keeps solved episodes and recalls one by chance."""

    def __init__(self, kit: Toolkit) -> None:
        super().__init__(kit)
        self.solved: list[Episode] = []

    async def update(self, episode: Episode) -> None:
        if episode.success:
            self.solved.append(episode)

    async def retrieve(self, situation: Situation) -> JSON:
        if not self.solved:
            return None
        episode = self.solved[int(self.kit.rng.integers(len(self.solved)))]
        return {
            "a solved task": episode.situation.goal,
            "what was done": [step.action for step in episode.steps],
        }
