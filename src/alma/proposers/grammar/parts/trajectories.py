"""Whole past episodes, found again by what the new one looks like."""

from __future__ import annotations

from alma.memory import JSON, Episode, Situation
from alma.proposers.grammar.parts.common import alike, words


class Trajectories:
    """Keeps episodes as they were and recalls the most similar ones."""

    def __init__(self, key: str, count: int, observations: bool, keep: int) -> None:
        self.key = key
        self.count = count
        self.observations = observations
        self.keep = keep
        self.episodes: list[Episode] = []

    def learn(self, episode: Episode) -> None:
        self.episodes.append(episode)
        del self.episodes[: -self.keep]

    def recall(self, situation: Situation) -> JSON:
        ranked = sorted(self.episodes, key=lambda e: self.similarity(e.situation, situation), reverse=True)
        return [{"goal": e.situation.goal, "steps": self.steps(e)} for e in ranked[: self.count]]

    def similarity(self, past: Situation, now: Situation) -> float:
        goal = alike(words(past.goal), words(now.goal))
        place = alike(words(past.observation), words(now.observation))
        return {"goal": goal, "place": place, "both": goal + place}[self.key]

    def steps(self, episode: Episode) -> JSON:
        if self.observations:
            return [{"action": s.action, "observation": s.observation} for s in episode.steps]
        return [s.action for s in episode.steps]
