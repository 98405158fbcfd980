"""Which levels a phase meets: a seeded order of a split, cut into slices that don't overlap.

Tasks are shuffled by the protocol's order seed, so the levels of a phase depend on nothing else.
Where a domain has seeded levels and too few tasks, level seeds make more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from alma.domains.contract import Domain
from alma.records import ConfigError, DomainError, Level, Phase, Split, derive_seed


def ordered(domain: Domain, split: Split, order_seed: int, count: int) -> list[Level]:
    """The first `count` levels of a split's seeded order (all tasks once, when `count` is 0).

    Raises ConfigError when the split has too few tasks and the domain can't make more levels.
    """
    tasks = domain.tasks(split)
    if not tasks:
        raise ConfigError(f"{domain.name} has no split {split}; see: alma domains list")
    count = count or len(tasks)
    if count > len(tasks) and not domain.seeded_levels:
        raise _too_few(domain, split, len(tasks), count)
    levels: list[Level] = []
    round_ = 0
    while len(levels) < count:
        rng = np.random.default_rng(derive_seed(order_seed, "order", domain.name, split, round_))
        levels += [Level(tasks[i], round_) for i in rng.permutation(len(tasks))]
        round_ += 1
    return levels[:count]


def choose(domain: Domain, phase: Phase, order_seed: int) -> list[Level]:
    """The levels of one phase. Raises ConfigError when there are none."""
    levels = ordered(domain, phase.split, order_seed, phase.start + phase.size if phase.size else 0)
    if not levels[phase.start :]:
        raise _too_few(domain, phase.split, len(levels), phase.start + 1)
    return levels[phase.start :]


def levels_there(domain: Domain, split: Split, asked: int) -> int:
    """`asked`, or as many levels as the split has; where levels have seeds, that is any number."""
    tasks = len(domain.tasks(split))
    return asked if tasks and domain.seeded_levels else min(asked, tasks)


def check_disjoint(domain: Domain, phases: Iterable[tuple[str, Sequence[Level]]]) -> None:
    """Raise ConfigError when two phases share a level by content, or when a level can't be read."""
    owner: dict[str, str] = {}
    for name, levels in phases:
        try:
            keys = {domain.content_key(level) for level in levels}
        except DomainError as error:
            raise ConfigError(str(error)) from error
        for key in keys:
            if owner.setdefault(key, name) != name:
                raise ConfigError(
                    f"{domain.name}: a level of {name} is also in {owner[key]}; choose other sizes or seeds"
                )


def _too_few(domain: Domain, split: Split, there: int, asked: int) -> ConfigError:
    return ConfigError(
        f"{domain.name} has {there} tasks in split {split}, but {asked} are asked for; "
        "choose smaller sizes (--collect-size, --deploy-size, --validation-size, --held-out-size)"
    )
