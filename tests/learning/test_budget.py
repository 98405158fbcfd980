"""A budget is never passed, and reaching it is a clean end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alma.learning.budget import RunBudget
from alma.records import Budget, BudgetExceeded


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@given(st.integers(0, 100), st.lists(st.integers(0, 40)))
def test_a_limit_is_never_passed_and_a_refused_charge_books_nothing(limit, amounts):
    budget: Budget = RunBudget({"episodes": limit})
    spent = 0
    for amount in amounts:
        if spent + amount <= limit:
            budget.charge("episodes", amount)
            spent += amount
        else:
            with pytest.raises(BudgetExceeded):
                budget.charge("episodes", amount)
        assert budget.remaining("episodes") == limit - spent


def test_a_limit_can_be_used_to_the_last_cent():
    budget = RunBudget({"usd": 1.0})
    for _ in range(10):
        budget.charge("usd", 0.1)
    with pytest.raises(BudgetExceeded, match="the budget of 1 usd is used up"):
        budget.charge("usd", 0.01)


def test_units_do_not_pay_for_each_other():
    budget = RunBudget({"episodes": 1, "calls": None})
    budget.charge("calls", 1e9)
    budget.charge("episodes", 1)
    assert budget.remaining("calls") is None
    assert budget.remaining("episodes") == 0
    assert budget.spent == {"calls": 1e9, "episodes": 1}


def test_minutes_go_by_the_clock():
    clock = Clock()
    budget = RunBudget({}, minutes=2, clock=clock)
    budget.charge("episodes", 5)
    clock.now += 119
    budget.charge("episodes", 5)
    clock.now += 2
    with pytest.raises(BudgetExceeded, match="minutes"):
        budget.charge("episodes", 5)
    assert budget.spent == {"episodes": 10}


def test_without_limits_everything_is_allowed():
    budget = RunBudget({})
    budget.charge("episodes", 1e12)
    assert budget.remaining("episodes") is None


def test_a_share_can_be_kept_for_later():
    budget = RunBudget({"usd": 10, "episodes": 10})
    budget.hold_back(0.4, ["usd", "calls"])
    assert (budget.remaining("usd"), budget.remaining("episodes")) == (6, 10)
    budget.charge("usd", 6)
    with pytest.raises(BudgetExceeded, match="6 spent, 4 kept for what comes after"):
        budget.charge("usd", 1)
    budget.hold_back(0.0, ["usd"])
    budget.charge("usd", 4)
    assert budget.remaining("usd") == 0


def test_what_is_truly_spent_is_booked_past_a_limit_too():
    budget = RunBudget({"usd": 1})
    budget.book("usd", 1.5)
    assert budget.remaining("usd") == -0.5
    with pytest.raises(BudgetExceeded):
        budget.charge("usd", 0.01)
