"""What every domain must do, as checks that anyone can run on their own: `check_domain`.

Each check plays real levels. One that fails tells what it saw and where; one that a domain has nothing for
(an empty split, levels without seeds) says so and passes.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alma.domains.contract import Domain, Environment, Options
from alma.domains.pool import EnvironmentPool
from alma.records import (
    SPLITS,
    AlmaError,
    ConfigError,
    Level,
    Observation,
    Step,
    Task,
    content_hash,
    derive_seed,
)

NONSENSE = ("xyzzy frobnicate", "", " ", "a" * 2000, "\x1b[2J\x00", "go to ../../etc", "снег ❄")
LEAKS = re.compile(r"Traceback \(most recent|0x[0-9a-f]{8,}|<[\w.]+ object at")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it holds, and what was seen."""

    check: str
    ok: bool
    detail: str


Make = Callable[[Options], Domain]
"""Builds a domain from options, as its entry point does."""


def check_domain(
    domain: Domain, *, make: Make | None = None, levels: int = 3, steps: int = 25
) -> list[Finding]:
    """Run every check with so many levels a split and steps an episode. Raises nothing of the domain's.

    With `make`, its entry point, options are checked too.
    """
    sample = {split: _levels(domain, split, levels) for split in SPLITS}
    played = [level for chosen in sample.values() for level in chosen]
    checks: Mapping[str, Callable[[], str]] = {
        "tasks are named once": lambda: _named_once(domain),
        "briefs and step limits are there": lambda: _briefed(domain),
        "bad options are refused": lambda: _options(make),
        "domain and levels travel": lambda: _travels(domain, played),
        "a level is the same in every process": lambda: _same_everywhere(domain, played, steps),
        "reset begins anew": lambda: _begins_anew(domain, played, steps),
        "no level is in two splits": lambda: _apart(domain),
        "level seeds do what the domain says": lambda: _seeded(domain, played),
        "the goal is visible": lambda: _goals(domain, played),
        "what is admissible is accepted": lambda: _accepted(domain, played),
        "nonsense is answered": lambda: _nonsense(domain, played),
        "scores are in range": lambda: _scores(domain, played, steps),
        "a level that isn't there is told": lambda: _missing(domain),
        "closing releases all": lambda: _released(domain, played),
    }
    return [_run(name, check) for name, check in checks.items()]


def assert_domain(domain: Domain, *, make: Make | None = None, levels: int = 3, steps: int = 25) -> None:
    """For tests: raises AssertionError that names every check that doesn't hold."""
    failed = [f for f in check_domain(domain, make=make, levels=levels, steps=steps) if not f.ok]
    assert not failed, "\n".join(f"{one.check}: {one.detail}" for one in failed)


def _run(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except AssertionError as error:
        return Finding(name, False, " ".join(str(error).split())[:500])
    except Exception as error:
        return Finding(name, False, f"raised {type(error).__name__}: {' '.join(str(error).split())[:400]}")


def _levels(domain: Domain, split: Any, count: int) -> list[Level]:
    """Levels spread over a split, with other seeds where the domain has them."""
    tasks = domain.tasks(split)
    places = np.linspace(0, len(tasks) - 1, min(count, len(tasks))).astype(int).tolist() if tasks else []
    return [Level(tasks[place], number if domain.seeded_levels else 0) for number, place in enumerate(places)]


def _named_once(domain: Domain) -> str:
    counts = {split: domain.tasks(split) for split in SPLITS}
    ids = [task.id for tasks in counts.values() for task in tasks]
    assert len(ids) == len(set(ids)), f"{len(ids) - len(set(ids))} ids are used twice"
    assert counts["train"], "the split train is empty, so nothing can be collected"
    for split, tasks in counts.items():
        wrong = [task.id for task in tasks if task.split != split]
        assert not wrong, f"{wrong[0]} is listed under {split} and says otherwise"
    return ", ".join(f"{split} {len(tasks) or 'none'}" for split, tasks in counts.items())


def _briefed(domain: Domain) -> str:
    brief = domain.brief()
    assert brief.executor.strip(), "the brief for the executor is empty"
    assert brief.proposer.strip(), "the brief for the proposer is empty"
    limits = {preset: domain.step_limit(preset) for preset in ("default", "paper", "smoke")}
    assert all(limit > 0 for limit in limits.values()), f"step limits must be above 0: {limits}"
    try:
        domain.step_limit("no such preset")
    except ConfigError:
        return ", ".join(f"{preset} {limit} steps" for preset, limit in limits.items())
    raise AssertionError("an unknown preset must be a ConfigError")


def _options(make: Make | None) -> str:
    if make is None:
        return "not looked at: no `make` was given"
    try:
        make({"no such option": 1})
    except ConfigError as error:
        return str(error)
    raise AssertionError("an unknown option must be a ConfigError")


def _travels(domain: Domain, levels: Sequence[Level]) -> str:
    other = pickle.loads(pickle.dumps(domain))
    for level in levels:
        again = pickle.loads(pickle.dumps(level))
        assert again == level, f"{level.key} is another after pickling"
        assert other.content_key(again) == domain.content_key(level), f"{level.key} has another content key"
    return f"{len(levels)} levels"


def transcript(environment: Environment, ask: Callable[[Any], Any], seed: str, steps: int) -> list[Any]:
    """A random walk over admissible actions, as data. Runs beside the environment, in any process."""
    first = environment.reset()
    told: list[Any] = [_as_data(first)]
    rng = np.random.default_rng(derive_seed(0, "conformance", seed))
    admissible = first.admissible
    for _ in range(steps):
        if not admissible:
            break
        step = environment.step(admissible[int(rng.integers(len(admissible)))])
        told.append(_as_data(step))
        admissible = step.admissible
        if step.done:
            break
    outcome = environment.outcome()
    return [*told, [outcome.reward, outcome.success]]


def _as_data(what: Observation | Step) -> list[Any]:
    parts = {name: what.parts[name] for name in sorted(what.parts)}
    if isinstance(what, Observation):
        return [what.goal, what.text, what.admissible, parts]
    return [what.action, what.observation, what.admissible, what.score, what.done, what.error, parts]


def _same_everywhere(domain: Domain, levels: Sequence[Level], steps: int) -> str:
    here = {level.key: _walk(domain, level, steps) for level in levels}

    async def elsewhere() -> list[list[Any]]:
        pool = EnvironmentPool(domain, 2)
        try:
            jobs = [pool.run(level, transcript, level.key, steps) for level in [*levels, *reversed(levels)]]
            return list(await asyncio.gather(*jobs))
        finally:
            await pool.close()

    for level, there in zip([*levels, *reversed(levels)], asyncio.run(elsewhere()), strict=True):
        for number, (one, other) in enumerate(zip(here[level.key], there, strict=False)):
            assert one == other, (
                f"{level.key} differs at step {number}: {str(one)[:150]} / {str(other)[:150]}"
            )
        assert len(here[level.key]) == len(there), f"{level.key} has another length"
    total = sum(len(told) - 2 for told in here.values())
    return f"{len(levels)} levels, {total} steps, each in three processes"


def _walk(domain: Domain, level: Level, steps: int) -> list[Any]:
    environment = domain.open(level)
    try:
        return transcript(environment, lambda question: None, level.key, steps)
    finally:
        environment.close()


def _begins_anew(domain: Domain, levels: Sequence[Level], steps: int) -> str:
    for level in levels:
        environment = domain.open(level)
        try:
            one = transcript(environment, lambda question: None, level.key, steps)
            other = transcript(environment, lambda question: None, level.key, steps)
        finally:
            environment.close()
        assert one == other, f"{level.key} plays otherwise after a reset"
    return f"{len(levels)} levels"


def _apart(domain: Domain) -> str:
    owner: dict[str, str] = {}
    goals: dict[str, set[str]] = {}
    scenes: dict[str, set[str]] = {}
    for split in SPLITS:
        # Content may be dear to know (it may take the engine), so a large split is sampled.
        for level in _levels(domain, split, 150):
            key = domain.content_key(level)
            assert owner.setdefault(key, split) == split, f"{level.key} is also in {owner[key]}"
            scenes.setdefault(split, set()).add(domain.cluster(level))
        goals[split] = {_first(domain, level).goal for level in _levels(domain, split, 12)}
    told = []
    for split in SPLITS[1:]:
        if goals[split]:
            common = f"{len(goals[split] & goals['train'])} of {len(goals[split])} goals"
            shared = f"{len(scenes[split] & scenes['train'])} of {len(scenes[split])} clusters"
            told.append(f"{split} {common} and {shared}")
    also = f"; also in train: {', '.join(told)}" if told else ""
    return f"{len(owner)} levels looked at{also}"


def _first(domain: Domain, level: Level) -> Observation:
    environment = domain.open(level)
    try:
        return environment.reset()
    finally:
        environment.close()


def _seeded(domain: Domain, levels: Sequence[Level]) -> str:
    keys = {
        (level.task.id, seed): domain.content_key(Level(level.task, seed))
        for level in levels
        for seed in range(4)
    }
    if not domain.seeded_levels:
        assert len(set(keys.values())) <= len(levels), (
            "seeded_levels is False, but the seed changes the level"
        )
        return "levels have no seeds"
    assert len(set(keys.values())) == len(keys), "two seeds of a task have the same content key"
    texts = [
        content_hash(_as_data(_first(domain, Level(level.task, seed)))) for level in levels for seed in (0, 1)
    ]
    differ = sum(one != other for one, other in zip(texts[::2], texts[1::2], strict=True))
    assert differ or len(levels) < 3, "seeds 0 and 1 look the same in every task that was tried"
    return f"seeds 0 and 1 begin otherwise in {differ} of {len(levels)} tasks"


def _goals(domain: Domain, levels: Sequence[Level]) -> str:
    for level in levels:
        first = _first(domain, level)
        assert first.goal.strip(), f"{level.key} has no goal"
        assert first.text.strip(), f"{level.key} has no first observation"
    return f"{len(levels)} levels"


def _accepted(domain: Domain, levels: Sequence[Level]) -> str:
    tried = 0
    for level in levels:
        environment = domain.open(level)
        try:
            for action in (environment.reset().admissible or ())[:40]:
                environment.reset()
                step = environment.step(action)
                assert step.error is None, f"{level.key} lists {action!r} and answers {step.error!r}"
                tried += 1
        finally:
            environment.close()
    return f"{tried} actions" if tried else "this domain lists no actions"


def _nonsense(domain: Domain, levels: Sequence[Level]) -> str:
    for level in levels[:4]:
        environment = domain.open(level)
        try:
            # Where any text may be an action (an answer to a question), only a crash is wrong.
            free = environment.reset().admissible is None
            for action in NONSENSE:
                step = environment.step(action)
                assert step.error or free, f"{level.key} takes {action[:20]!r} for an action"
                assert not step.done or free, f"{action[:20]!r} ends {level.key}"
                if step.done:
                    environment.reset()
                for text in (step.observation, step.error or ""):
                    assert not LEAKS.search(text), f"{action[:20]!r} is answered by the program: {text[:200]}"
                assert len(step.observation) < 20_000, f"the answer to {action[:20]!r} is too long"
        finally:
            environment.close()
    return f"{len(NONSENSE)} actions on {min(4, len(levels))} levels"


def _scores(domain: Domain, levels: Sequence[Level], steps: int) -> str:
    seen: list[float] = []
    for told in (_walk(domain, level, 4 * steps) for level in levels):
        reward, success = told[-1]
        scores = [step[3] for step in told[1:-1]]
        assert all(0.0 <= score <= 1.0 for score in [*scores, reward]), f"a score is outside [0, 1]: {scores}"
        assert isinstance(success, bool), f"success is {success!r}, not a truth value"
        assert not success or reward > 0, "success without reward"
        assert not scores or told[-2][4] or scores[-1] == reward, "the last score isn't the reward"
        for step in told[1:-1]:
            assert not LEAKS.search(step[1]), f"an observation shows the program: {step[1][:200]}"
        seen += scores
    return f"{len(seen)} steps, from {min(seen, default=0):g} to {max(seen, default=0):g}"


def _missing(domain: Domain) -> str:
    task = Task(domain.name.partition(":")[0], "no such task", "train")
    try:
        domain.open(Level(task)).reset()
    except AlmaError as error:
        return " ".join(str(error).split())[:120]
    raise AssertionError("a task that isn't there was opened")


def _released(domain: Domain, levels: Sequence[Level]) -> str:
    def once() -> int:
        for level in levels:
            environment = domain.open(level)
            environment.reset()
            environment.close()
        return len(os.listdir("/proc/self/fd"))

    before = [once() for _ in range(3)][-1]
    after = [once() for _ in range(5)][-1]
    assert after <= before, f"{after - before} file handles stay open after {5 * len(levels)} levels"
    return f"{after} file handles, flat over {5 * len(levels)} levels"


def rows(findings: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    for one in findings:
        yield {"check": one.check, "ok": one.ok, "detail": one.detail}
