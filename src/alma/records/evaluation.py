"""How designs are measured: the protocol, each episode's score, and the evaluation they add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from alma.records.identity import content_hash
from alma.records.play import JSON, Trajectory
from alma.records.task import Split
from alma.records.usage import Usage

Stage = Literal["verify", "search", "validation", "held_out"]
Fault = Literal["design", "provider", "domain", "sandbox"]
Mode = Literal["frozen", "online"]
Primary = Literal["success", "reward"]


@dataclass(frozen=True, slots=True)
class Phase:
    """Which levels a phase meets: `size` of a split (0 = all), from position `start` of its seeded order."""

    split: Split
    size: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class Protocol:
    """Which memory meets which tasks. Part of every evaluation's identity, printed with every table.

    `order_seed` seeds the order in which a split's tasks are drawn. `collection` tells independent
    collections apart. Lengths: `step_limit` in steps, `recall_limit` in characters.
    """

    domain: str
    collect: Phase
    deploy: Phase
    repeats: int
    step_limit: int
    order_seed: int
    mode: Mode = "frozen"
    recall_limit: int = 6000
    collection: int = 0
    options: Mapping[str, JSON] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One deployed episode. `reward` is None when the episode is missing through nobody's play (`fault`).

    A design's fault is no reason to leave an episode out: it is played without recall and keeps its
    reward, with `fault="design"`.
    """

    level_key: str
    cluster: str
    repeat: int
    reward: float | None
    success: bool | None
    steps: int
    fault: Fault | None = None
    message: str = ""
    recall: str = ""
    recall_cut: bool = False
    step_recalls: tuple[str | None, ...] = ()
    """What was recalled before each action, where the design does that; None: the earlier text stood."""
    trajectory: Trajectory | None = None
    usage: Usage = field(default_factory=Usage)

    def score(self, primary: Primary) -> float:
        """What a domain with that primary number counts it for, in [0, 1]; 0 when it is missing."""
        return float(bool(self.success)) if primary == "success" else float(self.reward or 0.0)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All episodes of one design under one protocol. `id` is `evaluation_id(...)` of its ingredients."""

    id: str
    design_id: str
    stage: Stage
    protocol: Protocol
    episodes: Sequence[EpisodeRecord]
    seconds: float = 0.0
    note: str = ""
    usage: Usage = field(default_factory=Usage)
    log: tuple[str, ...] = ()
    """Lines that the design left with `kit.log`: some of them where there are many, none twice."""

    @property
    def played(self) -> list[EpisodeRecord]:
        return [episode for episode in self.episodes if episode.reward is not None]

    @property
    def missing(self) -> int:
        return len(self.episodes) - len(self.played)

    @property
    def faults(self) -> int:
        """Episodes in which the design itself failed."""
        return sum(episode.fault == "design" for episode in self.episodes)

    @property
    def reward(self) -> float:
        """Mean reward over the episodes that were played, 0 if none."""
        rewards = [episode.reward for episode in self.episodes if episode.reward is not None]
        return sum(rewards) / len(rewards) if rewards else 0.0

    @property
    def success(self) -> float:
        """Share of played episodes that solved their task, 0 if none."""
        return sum(bool(e.success) for e in self.played) / len(self.played) if self.played else 0.0


def evaluation_id(
    design_id: str, stage: Stage, protocol: Protocol, agent: str, levels: Sequence[str], collection: str
) -> str:
    """The identity of an evaluation; the same id is never evaluated twice.

    `agent` is the executor's name and content version, `collection` the hash of the collected
    trajectories, `levels` the content keys of the deployed levels in order.
    """
    return content_hash(
        {
            "design": design_id,
            "stage": stage,
            "protocol": protocol.as_json(),
            "agent": agent,
            "levels": list(levels),
            "collection": collection,
        }
    )
