"""Show the solved episode whose goal and first observation mean nearly the same, as a transcript.

It is found by embeddings (`kit.vectors`) and told as the executor's own prompt tells an episode.
"""

from __future__ import annotations

from alma.memory import JSON, Episode, Memory, Situation


class Nearest(Memory):
    async def update(self, episode: Episode) -> None:
        if not episode.success:
            return
        first = episode.situation
        lines = [first.goal, "", first.observation]
        for step in episode.steps:
            lines += [f"> {step.action}", step.observation]
        solved = self.kit.vectors("solved")
        await solved.add(str(len(solved)), self.key(first), "\n".join(lines))

    async def retrieve(self, situation: Situation) -> JSON:
        found = await self.kit.vectors("solved").search(self.key(situation), k=1)
        return found[0][2] if found else None

    def key(self, situation: Situation) -> str:
        return f"{situation.goal}\n{situation.observation}"
