"""What a run will ask of its models, before it asks them: calls, tokens, dollars and hours.

The executor plays a few levels of the search with a stand-in for its model, which takes commands at random
and counts what it is told. How long answers are and how long they take is assumed: the constants below.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from alma.domains.pool import EnvironmentPool
from alma.experiments import plug_ins
from alma.experiments.house import TEST_SPLITS, Phases, parallel_games, run_levels
from alma.learning.config import RunConfig
from alma.learning.rollout import play
from alma.learning.verify import FEW_LEVELS
from alma.models.contract import Reply, Request
from alma.records import ConfigError, Level, Usage, derive_seed

PROBES = 4
"""Levels that are played with the stand-in."""
CHARS_A_TOKEN = 4
ANSWER_TOKENS, ANSWER_SECONDS = 200, 3.0
"""Of one command of the executor, reasoning included."""
META_PROMPT, META_ANSWER, META_SECONDS = 14_000, 8_000, 120.0
"""Of one request to the meta agent; in the kept live searches prompts had 11,000 to 14,000 tokens."""
META_CALLS = {"llm-chain": 3.3}
"""Requests a candidate, repairs included; 1.2 where a proposer isn't named here."""
FEW_CANDIDATES = 10
FREE = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Load:
    """What one model will be asked, and its rates: US dollars a million tokens of prompt, of answer and of
    cached prompt; None where nobody knows."""

    model: str
    calls: float = 0.0
    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0
    rates: tuple[float, float, float] | None = FREE

    @property
    def usd(self) -> tuple[float, float]:
        """With every repeated prefix served from a cache, and with none."""
        prompt, completion, cached = self.rates or FREE
        most = self.prompt * prompt + self.completion * completion
        return (most - self.cached * (prompt - cached)) / 1e6, most / 1e6

    def times(self, count: float) -> Load:
        return replace(
            self,
            calls=count * self.calls,
            prompt=count * self.prompt,
            cached=count * self.cached,
            completion=count * self.completion,
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """`episode` and `proposal` are what one episode and one candidate's proposal ask, None without a model.

    `affordable` is how many candidates the budget holds, at worst and at best; None without a budget.
    """

    episodes: Mapping[str, int]
    candidates: int
    episode: Load | None
    proposal: Load | None
    hours: float
    affordable: tuple[int, int] | None = None

    @property
    def loads(self) -> list[Load]:
        """The whole run's, by model."""
        found = []
        if self.episode is not None:
            found.append(self.episode.times(sum(self.episodes.values())))
        if self.proposal is not None:
            found.append(self.proposal.times(self.candidates))
        return found

    @property
    def usd(self) -> tuple[float, float]:
        both = [load.usd for load in self.loads]
        return sum(low for low, _ in both), sum(high for _, high in both)

    @property
    def episode_steps(self) -> float:
        """Commands that an episode took with the stand-in."""
        return 0.0 if self.episode is None else self.episode.calls

    @property
    def too_few(self) -> bool:
        """Whether the budget surely holds less than a search needs."""
        return self.affordable is not None and self.affordable[1] < min(FEW_CANDIDATES, self.candidates)


def planned_episodes(config: RunConfig, levels: Mapping[str, Sequence[Level]]) -> dict[str, int]:
    """How many episodes each part of a run plays, when every candidate is evaluated to the end."""
    search = (1 + config.steps * config.children) * len(levels["search"]) * config.repeats
    validation = config.finalists * len(levels["validation"]) * config.repeats
    tested = sum(len(levels.get(split, ())) for split in TEST_SPLITS)
    designs = 3 + (2 if config.controls else 0)
    designs += plug_ins.writes_freely(config.proposer, config.meta_model)
    tables = tested * config.held_out_repeats * config.collections * designs
    if config.held_out_size and config.controls:
        tables += config.collect_size + search + validation
    return {
        "collect": config.collect_size,
        "search": search,
        "validation": validation,
        "tables": tables,
    }


async def estimate(config: RunConfig) -> Estimate | None:
    """None when no model is asked. Raises ConfigError for names and prices that are wrong."""
    if config.execution_model is None and config.meta_model is None:
        return None
    domain = plug_ins.domain(config.domain, config.options)
    agent = plug_ins.agent(config.agent, domain, config.agent_options)
    levels = run_levels(domain, Phases.of(domain, config), config)
    searched = levels["search"]
    episodes = planned_episodes(config, levels)
    if config.collect_agent not in (None, config.agent):
        episodes["collect"] = 0
    episode = None
    if config.execution_model is not None and agent.runs_in == "host":
        stand_in = StandIn(random.Random(derive_seed(config.seed, "estimate")))
        pool = EnvironmentPool(domain, 1)
        limit = config.step_limit or domain.step_limit(config.preset)
        try:
            for level in searched[:PROBES]:
                stand_in.past = ""
                await play(
                    pool, agent, level, recall="", on_step=None, step_limit=limit, seed=0, model=stand_in
                )
        finally:
            await pool.close()
        episode = stand_in.load(config, min(PROBES, len(searched)))
    proposal = None
    if config.meta_model is not None:
        calls = META_CALLS.get(config.proposer, 1.2)
        rates = _rates(config, config.meta_model)
        one = Load(config.meta_model, 1.0, META_PROMPT, 0.0, META_ANSWER, rates)
        proposal = one.times(calls)
    candidates = config.steps * config.children
    hours = 0.0
    if episode is not None:
        games = parallel_games(config)
        hours += sum(episodes.values()) * episode.calls * ANSWER_SECONDS / games / 3600
    if proposal is not None:
        hours += config.steps * proposal.calls * META_SECONDS / 3600
    return Estimate(
        episodes, candidates, episode, proposal, hours, _affordable(config, episodes, episode, proposal)
    )


def _affordable(
    config: RunConfig, episodes: Mapping[str, int], episode: Load | None, proposal: Load | None
) -> tuple[int, int] | None:
    """Candidates that every given budget holds after its shares for validation and tables."""
    candidates = config.steps * config.children
    kept = (episodes["validation"] + episodes["tables"]) / max(1, sum(episodes.values()))
    own = episodes["search"] / (1 + candidates)
    own += min(FEW_LEVELS, own)
    found: list[tuple[int, int]] = []
    for unit in ("calls", "tokens", "usd"):
        budget = getattr(config, f"budget_{unit}")
        if budget is None:
            continue
        holds = []
        for worst in (True, False):
            per_episode = 0.0 if episode is None else _cost(episode, unit, worst)
            per_candidate = own * per_episode + (0.0 if proposal is None else _cost(proposal, unit, worst))
            left = (1 - kept) * budget - (episodes["collect"] + own) * per_episode
            holds.append(max(0, min(candidates, int(left / per_candidate))) if per_candidate else candidates)
        found.append((holds[0], holds[1]))
    if not found:
        return None
    return min(low for low, _ in found), min(high for _, high in found)


def _cost(load: Load, unit: str, worst: bool) -> float:
    if unit == "calls":
        return load.calls
    if unit == "tokens":
        return load.prompt + load.completion
    return load.usd[1] if worst else load.usd[0]


def _rates(config: RunConfig, name: str) -> tuple[float, float, float] | None:
    """None for a plug-in's model, whose price is its own business."""
    try:
        price = plug_ins.price(name, config.prices)
        return price.prompt, price.completion, price.prompt if price.cached is None else price.cached
    except ConfigError:
        if plug_ins.is_plug_in_model(name):
            return None
        raise


@dataclass
class StandIn:
    """A model that takes commands at random and counts what it is told, in characters."""

    chance: random.Random
    name: str = "stand-in"
    usage: Usage = field(default_factory=Usage)
    past: str = ""
    calls: int = 0
    told: int = 0
    again: int = 0

    async def ask(self, request: Request, *, key: str) -> Reply:
        text = "\n".join(message.content for message in request.messages)
        same = next((n for n, (a, b) in enumerate(zip(self.past, text, strict=False)) if a != b), None)
        self.again += min(len(self.past), len(text)) if same is None else same
        self.calls, self.told, self.past = self.calls + 1, self.told + len(text), text
        return Reply(self.chance.choice(request.choices or ("look",)), Usage())

    def load(self, config: RunConfig, episodes: int) -> Load:
        """One episode's, on average, at the executor's price."""
        name = config.execution_model or ""
        answers = self.calls * ANSWER_TOKENS
        whole = Load(
            name,
            self.calls,
            self.told / CHARS_A_TOKEN,
            self.again / CHARS_A_TOKEN,
            answers,
            _rates(config, name),
        )
        return whole.times(1 / episodes)
