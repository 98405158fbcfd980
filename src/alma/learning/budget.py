"""What a run may spend: counted units with limits, and a clock. Reaching a limit is a good end.

A charge is made before the work, so a limit is never passed. Safe to use from one event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from alma.records import BudgetExceeded


class RunBudget:
    """Counts `episodes`, `candidates`, `calls`, `tokens`, `usd` against limits, and minutes by the clock."""

    def __init__(
        self,
        limits: Mapping[str, float | None],
        *,
        minutes: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = {unit: limit for unit, limit in limits.items() if limit is not None}
        self.spent: dict[str, float] = {}
        self._clock = clock
        self._end = None if minutes is None else clock() + 60 * minutes

    def charge(self, unit: str, amount: float) -> None:
        """Book `amount` of `unit`; raises BudgetExceeded, and books nothing, past a limit.

        A negative amount gives back what was booked for work that was not done.
        """
        limit = self._limits.get(unit)
        spent = self.spent.get(unit, 0.0)
        if amount < 0:
            self.spent[unit] = spent + amount
            return
        if limit is not None and spent + amount > limit + 1e-9:
            raise BudgetExceeded(f"the budget of {limit:g} {unit} is used up ({spent:g} spent)")
        if self._end is not None and self._clock() > self._end:
            raise BudgetExceeded("the budget of minutes is used up")
        self.spent[unit] = spent + amount

    def remaining(self, unit: str) -> float | None:
        limit = self._limits.get(unit)
        return None if limit is None else limit - self.spent.get(unit, 0.0)
