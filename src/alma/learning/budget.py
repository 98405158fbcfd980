"""What a run may spend: counted units with limits, and a clock. Reaching a limit is a good end.

A charge is made before the work, so a limit is never passed. Safe to use from one event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

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
        self._held: dict[str, float] = {}
        self._clock = clock
        self._end = None if minutes is None else clock() + 60 * minutes

    def charge(self, unit: str, amount: float) -> None:
        """Book `amount` of `unit`; raises BudgetExceeded, and books nothing, past a limit.

        A negative amount gives back what was booked for work that was not done.
        """
        limit, held = self._limits.get(unit), self._held.get(unit, 0.0)
        spent = self.spent.get(unit, 0.0)
        if amount < 0:
            self.spent[unit] = spent + amount
            return
        if limit is not None and spent + amount > limit - held + 1e-9:
            kept = f", {held:g} kept for what comes after" if held else ""
            raise BudgetExceeded(f"the budget of {limit:g} {unit} is used up ({spent:g} spent{kept})")
        if self._end is not None and self._clock() > self._end:
            raise BudgetExceeded("the budget of minutes is used up")
        self.spent[unit] = spent + amount

    def book(self, unit: str, amount: float) -> None:
        """Add what was truly spent, past a limit too: money that is gone is never hidden."""
        self.spent[unit] = self.spent.get(unit, 0.0) + amount

    def hold_back(self, share: float, units: Sequence[str]) -> None:
        """Keep this share of the limits of these units for later; 0 frees it."""
        self._held = {unit: share * limit for unit, limit in self._limits.items() if unit in units}

    def remaining(self, unit: str) -> float | None:
        """What may still be spent of `unit`; None without a limit."""
        limit = self._limits.get(unit)
        return None if limit is None else limit - self._held.get(unit, 0.0) - self.spent.get(unit, 0.0)
