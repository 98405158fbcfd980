"""Which levels a phase meets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alma.learning.levels import check_disjoint, choose, levels_there, ordered
from alma.records import ConfigError, Phase
from alma.testing.toy import ToyDomain

UNSEEDED = ToyDomain({"seeded": 0})
TASKS = len(UNSEEDED.tasks("train"))


@given(st.integers(1, 60), st.integers(1, 59), st.integers(0, 2**32))
def test_phases_of_one_protocol_do_not_overlap(first, second, seed):
    collect = choose(UNSEEDED, Phase("train", first), seed)
    deploy = choose(UNSEEDED, Phase("train", second, first), seed)
    assert (len(collect), len(deploy)) == (first, second)
    assert not set(collect) & set(deploy)
    assert len({*collect, *deploy}) == first + second
    check_disjoint(UNSEEDED, [("collect", collect), ("deploy", deploy)])


def test_the_order_depends_on_the_seed_and_nothing_else():
    orders = [ordered(ToyDomain({"seeded": 0}), "train", seed, 0) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert len(set(orders[0])) == TASKS
    assert set(orders[0]) == set(orders[2])


def test_a_smaller_phase_is_the_beginning_of_a_larger_one():
    assert ordered(UNSEEDED, "train", 1, 10) == ordered(UNSEEDED, "train", 1, 50)[:10]


def test_size_zero_is_the_whole_split_or_the_rest_of_it():
    assert len(choose(UNSEEDED, Phase("train", 0), 1)) == TASKS
    assert len(choose(UNSEEDED, Phase("train", 0, 100), 1)) == TASKS - 100


@pytest.mark.parametrize(
    "phase", [Phase("train", TASKS + 1), Phase("train", 30, 100), Phase("train", 0, TASKS)]
)
def test_too_few_tasks_name_the_options_to_change(phase):
    with pytest.raises(ConfigError, match=f"toy has {TASKS} tasks in split train") as caught:
        choose(UNSEEDED, phase, 1)
    for option in ("--collect-size", "--deploy-size", "--validation-size"):
        assert option in str(caught.value)


def test_a_missing_split_says_where_to_look():
    class NoValidation(ToyDomain):
        def tasks(self, split):
            return [] if split == "validation" else super().tasks(split)

    with pytest.raises(ConfigError, match="has no split validation; see: alma domains list"):
        choose(NoValidation(), Phase("validation", 1), 1)


def test_a_seeded_domain_makes_as_many_levels_as_are_asked_for():
    domain = ToyDomain()
    levels = choose(domain, Phase("train", 2 * TASKS + 5), 1)
    assert len({domain.content_key(level) for level in levels}) == 2 * TASKS + 5
    assert [level.seed for level in levels] == [0] * TASKS + [1] * TASKS + [2] * 5
    assert [level.task for level in levels[:TASKS]] != [level.task for level in levels[TASKS : 2 * TASKS]]


def test_levels_that_are_one_game_under_two_names_are_noticed():
    class Twins(ToyDomain):
        def content_key(self, level):
            return level.task.kind

    levels = ordered(Twins(), "train", 1, 0)
    coins = [level for level in levels if level.task.kind == "coin"]
    keys = [level for level in levels if level.task.kind == "key"]
    check_disjoint(Twins(), [("collect", coins), ("deploy", keys)])
    with pytest.raises(ConfigError, match="a level of deploy is also in collect"):
        check_disjoint(Twins(), [("collect", coins[:1]), ("deploy", [*keys, coins[1]])])


def test_a_split_with_seeded_levels_has_as_many_as_are_asked_for():
    seeded, exact = ToyDomain(), ToyDomain({"seeded": 0})
    assert levels_there(seeded, "validation", 1000) == 1000
    assert levels_there(exact, "validation", 1000) == len(exact.tasks("validation"))
    assert levels_there(exact, "validation", 3) == 3


class NoTests(ToyDomain):
    def tasks(self, split):
        return [] if split == "out_of_distribution" else super().tasks(split)


def test_an_empty_split_has_none():
    assert levels_there(NoTests(), "out_of_distribution", 50) == 0
