"""What a worker does for the benchmark; in a module of its own, so that the worker can import it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from alma.domains.contract import Environment


def replay(environment: Environment, ask: Callable[[Any], Any], actions: Sequence[str]) -> float:
    """Play these actions beside the environment; the reward at the end."""
    environment.reset()
    for action in actions:
        environment.step(action)
    return environment.outcome().reward
