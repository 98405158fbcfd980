"""One error tree whose branches say whose fault it was.

Blame decides what becomes of an episode: a design's fault counts against the design, a provider's,
engine's or sandbox's fault never does. The text of each error says what happened and what to do next.
"""

from __future__ import annotations


class AlmaError(Exception):
    """Base of every error that ALMA raises on purpose."""


class ConfigError(AlmaError):
    """The user's input is wrong; one line on stderr, exit code 2."""


class BudgetExceeded(AlmaError):  # noqa: N818  reaching a budget is no error
    """A budget is used up; the run ends cleanly, exit code 0."""


class RunPaused(AlmaError):  # noqa: N818  it goes on with `alma resume`
    """Too many episodes went missing to compare designs by; exit code 3."""


class DesignError(AlmaError):
    """The memory design failed: exception, time-out, bad reply, a broken limit.

    `trace` is a short cleaned traceback for the author of the design, `call` the method that failed.
    """

    def __init__(self, message: str, *, call: str = "", trace: str = "") -> None:
        super().__init__(message)
        self.call = call
        self.trace = trace


class ProviderError(AlmaError):
    """A model server failed (429, 5xx, time-out, transport); never a score."""


class DomainError(AlmaError):
    """A game engine crashed, hung or could not read its data; never a score."""


class SandboxError(AlmaError):
    """The sandbox itself failed; the worker is rebuilt, nobody is blamed."""
