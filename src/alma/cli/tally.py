"""What a job's events add up to: counts, rates, the best so far, and who is in flight. Shows nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ENDS = ("evaluated", "failed", "duplicate")
"""Events after which a candidate is no longer in flight."""


@dataclass(slots=True)
class Stage:
    """A stretch of the job. `candidates` and `episodes` are how many it takes, 0 where nobody knows."""

    name: str
    started: float
    candidates: int = 0
    episodes: int = 0
    candidates_done: int = 0
    episodes_done: int = 0

    def done(self) -> float:
        """The share that is done, in [0, 1]; 0 where nobody knows."""
        if self.candidates:
            return min(1.0, self.candidates_done / self.candidates)
        return min(1.0, self.episodes_done / self.episodes) if self.episodes else 0.0


@dataclass(slots=True)
class Tally:
    """Hears a job's events (`hear`) and keeps the sums. Times are in seconds of `clock`."""

    clock: Callable[[], float] = time.monotonic
    started: float = 0.0
    stage: Stage = field(default_factory=lambda: Stage("starting", 0.0))
    episodes: int = 0
    base: float | None = None
    best: float | None = None
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    in_flight: dict[tuple[int, int], tuple[str, str, str]] = field(default_factory=dict)
    """By place in the search: what is being done with it, its id and its name."""

    def __post_init__(self) -> None:
        self.started = self.stage.started = self.clock()

    def hear(self, kind: str, payload: Mapping[str, Any]) -> None:
        place = (int(payload.get("step", -1)), int(payload.get("index", -1)))
        if kind == "episode":
            self.episodes += 1
            self.stage.episodes_done += 1
        elif kind == "stage":
            sizes = {name: int(payload.get(name, 0)) for name in ("candidates", "episodes")}
            self.stage = Stage(str(payload["name"]), self.clock(), **sizes)
            self.in_flight.clear()
        elif kind == "no_memory":
            self.base = float(payload["score"])
        elif kind in ("verify", "evaluate", "repair"):
            self.in_flight[place] = (kind, str(payload["design"]), str(payload["name"]))
        elif kind == "spend":
            self.calls += int(payload["calls"])
            self.tokens += int(payload["tokens"])
            self.usd += float(payload["usd"])
        if kind in ENDS:
            self.stage.candidates_done += 1
            self.in_flight.pop(place, None)
        if kind == "evaluated" and self.stage.name == "search":
            self.best = max(self.best or 0.0, float(payload["score"]))

    @property
    def seconds(self) -> float:
        return self.clock() - self.started

    @property
    def rate(self) -> float:
        """Episodes a second in this stage."""
        return self.stage.episodes_done / max(1e-9, self.clock() - self.stage.started)

    @property
    def seconds_left(self) -> float | None:
        """What the rest of this stage takes if it goes on as it went; None where nobody knows."""
        done = self.stage.done()
        return None if done <= 0 else (self.clock() - self.stage.started) * (1 - done) / done

    def as_json(self) -> dict[str, Any]:
        left = self.seconds_left
        return {
            "stage": self.stage.name,
            "done": round(self.stage.done(), 4),
            "episodes": self.episodes,
            "episodes_a_second": round(self.rate, 2),
            "seconds": round(self.seconds, 2),
            "seconds_left": None if left is None else round(left, 1),
            "no_memory": self.base,
            "best": self.best,
            "in_flight": len(self.in_flight),
            "calls": self.calls,
            "tokens": self.tokens,
            "usd": self.usd,
        }
