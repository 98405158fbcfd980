"""What a run is asked to do, in one frozen record. Made by the command line or by the caller of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from alma.records import JSON, ConfigError, Mode

Schedule = Literal["generational", "steady"]

BUDGETS = ("episodes", "calls", "tokens", "usd", "minutes")
"""What a budget can be given in: the settings `budget_episodes`, …"""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Sizes are numbers of levels; `step_limit` is in steps, `recall_limit` in characters.

    `collections` counts the independent collections of the held-out tables; `controls` says how many
    random designs the tables average (0 leaves the controls out). `small_model` and `strong_model` answer
    designs' own calls; without them the executor's does. `hint` is advice for the meta
    agent, `start_from` names designs that the archive begins with, and `collect_agent` is the executor that
    collects where it is another one. `racing` is the chance that a design that would be the best so far is
    stopped early (0: none is).
    """

    domain: str
    agent: str = "reader"
    collect_agent: str | None = None
    execution_model: str | None = None
    meta_model: str | None = None
    small_model: str | None = None
    strong_model: str | None = None
    base_url: str | None = None
    prices: Mapping[str, JSON] = field(default_factory=dict)
    model_concurrency: int = 50
    embedder: str = "auto"
    hint: str = ""
    start_from: tuple[str, ...] = ()
    proposer: str = "grammar"
    selector: str = "pareto"
    schedule: Schedule = "generational"
    racing: float = 0.0
    sandbox: str = "auto"
    mode: Mode = "frozen"
    seed: int = 0
    steps: int = 10
    children: int = 5
    collect_size: int = 100
    deploy_size: int = 60
    validation_size: int = 120
    finalists: int = 5
    repeats: int = 2
    held_out_size: int = 0
    held_out_repeats: int = 2
    collections: int = 3
    controls: int = 0
    concurrency: int = 3
    workers: int = 0
    preset: str = "default"
    step_limit: int | None = None
    recall_limit: int = 6000
    options: Mapping[str, JSON] = field(default_factory=dict)
    agent_options: Mapping[str, JSON] = field(default_factory=dict)
    budget_episodes: int | None = None
    budget_calls: int | None = None
    budget_tokens: int | None = None
    budget_usd: float | None = None
    budget_minutes: float | None = None

    def __post_init__(self) -> None:
        least = {
            "steps": 1,
            "children": 1,
            "collect_size": 0,
            "deploy_size": 1,
            "validation_size": 1,
            "finalists": 1,
            "repeats": 1,
            "held_out_size": 0,
            "held_out_repeats": 1,
            "collections": 1,
            "controls": 0,
            "concurrency": 1,
            "model_concurrency": 1,
            "workers": 0,
            "recall_limit": 1,
            "seed": 0,
        }
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(
                    f"--{name.replace('_', '-')} must be at least {low}, not {getattr(self, name)}"
                )
        if not 0.0 <= self.racing < 0.5:
            raise ConfigError(f"--racing is a chance of error, like 0.05, and below 0.5, not {self.racing:g}")
        if self.racing and self.mode == "online":
            raise ConfigError(
                "--racing needs --mode frozen: an online memory still learns while it is scored"
            )
        if len(self.start_from) > self.children:
            raise ConfigError(
                f"--start-from names {len(self.start_from)} designs and --children is {self.children}: "
                f"give --children {len(self.start_from)} or more"
            )
        for name in ("step_limit", *(f"budget_{unit}" for unit in BUDGETS)):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"--{name.replace('_', '-')} must be above 0, not {value}")

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "start_from": list(self.start_from)}
