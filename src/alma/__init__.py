"""ALMA learns memory designs for agents.

The public names below are loaded when they are first used: a design in the sandbox imports
`alma.memory`, and must not pay for the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alma.api import Run, learn, load_run
    from alma.learning.config import RunConfig
    from alma.memory import Episode, Memory, Recall, Situation, Step, Toolkit
    from alma.records import AlmaError, ConfigError, Design, Level, Task

__version__ = "0.1.0"

_HOMES = {
    "alma.api": ("Run", "learn", "load_run"),
    "alma.learning.config": ("RunConfig",),
    "alma.memory": ("Episode", "Memory", "Recall", "Situation", "Step", "Toolkit"),
    "alma.records": ("AlmaError", "ConfigError", "Design", "Level", "Task"),
}

__all__ = [
    "AlmaError",
    "ConfigError",
    "Design",
    "Episode",
    "Level",
    "Memory",
    "Recall",
    "Run",
    "RunConfig",
    "Situation",
    "Step",
    "Task",
    "Toolkit",
    "learn",
    "load_run",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'alma' has no attribute {name!r}")
