"""The levels by way of Gymnasium, checked with its own checker; skipped where it isn't installed."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

from alma.domains.babaisai.engine import Game
from alma.domains.babaisai.gymnasium_env import make, numbers
from alma.domains.babaisai.levels import draw
from alma.domains.babaisai.solver import solve
from alma.records import ConfigError, DomainError


@pytest.mark.parametrize("name", ["you_win", "make_win", "two_room-make_you", "goto_win-distr_win_rule"])
def test_gymnasium_checks_it(name: str) -> None:
    checker = pytest.importorskip("gymnasium.utils.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker.check_env(make(name, "ansi"), skip_render_check=True)


def test_one_seed_is_one_level_and_a_win_ends_it() -> None:
    pytest.importorskip("gymnasium")
    environment = make("goto_win", "ansi")
    first, info = environment.reset(seed=5)
    again, _ = environment.reset(seed=5)
    other, _ = environment.reset()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert info["text"].startswith("Active rules:\n")
    layout = draw("make_win", 7)
    environment.reset(options={"layout": draw("goto_win", 7)})
    assert environment.render().startswith("################\n")
    steps = [environment.step(action) for action in solve(draw("goto_win", 7)).actions]
    assert steps[-1][1] == pytest.approx(1 - 0.9 * len(steps) / 100)
    assert [step[2] for step in steps] == [False] * (len(steps) - 1) + [True]
    assert numbers(Game(layout)).shape == (8, 8, 3)


def test_the_step_limit_truncates() -> None:
    pytest.importorskip("gymnasium")
    environment = make("make_win", step_limit=3)
    environment.reset(seed=0)
    assert [environment.step(0)[3] for _ in range(3)] == [False, False, True]


def test_numbers_tell_types_colours_and_words_apart() -> None:
    shown = numbers(Game(draw("you_win", 3)))
    assert shown[0, 0].tolist() == [1, 0, 0]
    assert shown[1, 1, 0] == 10
    assert shown[2, 1, 0] == 7
    assert shown[3, 1].tolist() == [8, 0, 0]
    assert shown[4, 1].tolist() == [9, 0, 0]
    assert shown[4, 2].tolist() == [9, 1, 0]
    assert set(shown[2:4, 3:5, 0].ravel().tolist()) <= {2, 3, 4}


def test_unknown_ids_and_a_missing_extra_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DomainError, match="no level family"):
        make("goto_lose")
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    from alma.domains.babaisai import gymnasium_env

    gymnasium_env._environment_class.cache_clear()
    with pytest.raises(ConfigError, match="extra `gymnasium`"):
        make("goto_win")


def test_the_domain_loads_without_gymnasium() -> None:
    code = "import sys; import alma.domains.babaisai; print('gymnasium' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
