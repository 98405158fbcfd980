"""Past episodes without the detours."""

from __future__ import annotations

from alma.memory import JSON, Episode, Situation
from alma.proposers.grammar.parts.common import alike, names, words


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
