"""Situations, episodes and recalls as JSON, for the channel between host and sandbox.

An episode repeats the same admissible actions at every step, so its strings go into one table and
its steps hold indices. What is decoded is checked: a malformed message raises ValueError.
"""

from __future__ import annotations

from typing import Any

from alma.memory.episode import Episode, Recall, Situation
from alma.records.play import JSON, Step


def situation_to_json(situation: Situation) -> dict[str, Any]:
    return {
        "goal": situation.goal,
        "observation": situation.observation,
        "admissible": list(situation.admissible) if situation.admissible is not None else None,
        "domain": situation.domain,
        "token": situation.token,
    }


def situation_from_json(data: dict[str, Any]) -> Situation:
    return Situation(
        data["goal"], data["observation"], _actions(data["admissible"]), data["domain"], data["token"]
    )


def steps_to_json(steps: tuple[Step, ...] | list[Step]) -> dict[str, Any]:
    table: dict[str, int] = {}

    def index(text: str) -> int:
        return table.setdefault(text, len(table))

    rows = [
        [
            index(step.action),
            index(step.observation),
            [index(a) for a in step.admissible] if step.admissible is not None else None,
            step.score,
            step.done,
            step.error,
            dict(step.parts),
        ]
        for step in steps
    ]
    return {"strings": list(table), "rows": rows}


def steps_from_json(data: dict[str, Any]) -> tuple[Step, ...]:
    strings: list[str] = data["strings"]
    return tuple(
        Step(
            strings[action],
            strings[observation],
            tuple([strings[i] for i in admissible]) if admissible is not None else None,
            score,
            done,
            error,
            parts,
        )
        for action, observation, admissible, score, done, error, parts in data["rows"]
    )


def recall_to_json(recall: Recall | None) -> JSON:
    return None if recall is None else {"show": recall.show, "keep": recall.keep}


def recall_from_json(data: Any) -> Recall | None:
    return None if data is None else Recall(data["show"], data["keep"])


def as_recall(value: Any) -> Recall:
    """What `retrieve` returned, as a Recall: plain JSON is all shown."""
    return value if isinstance(value, Recall) else Recall(value)


def episode_to_json(episode: Episode) -> dict[str, Any]:
    return {
        "situation": situation_to_json(episode.situation),
        "steps": steps_to_json(episode.steps),
        "reward": episode.reward,
        "success": episode.success,
        "recalled": recall_to_json(episode.recalled),
        "on_step": [recall_to_json(recall) for recall in episode.on_step],
    }


def episode_from_json(data: dict[str, Any]) -> Episode:
    return Episode(
        situation_from_json(data["situation"]),
        steps_from_json(data["steps"]),
        data["reward"],
        data["success"],
        recall_from_json(data["recalled"]),
        tuple(recall_from_json(recall) for recall in data["on_step"]),
    )


def _actions(value: list[str] | None) -> tuple[str, ...] | None:
    return tuple(value) if value is not None else None
