"""The domain as its contract has it: splits, options, texts, refused actions, lost levels."""

from __future__ import annotations

import asyncio
import pickle
import re

import pytest

from alma.domains.babaisai import BabaIsAI
from alma.domains.babaisai.domain import LEVEL_SOURCES, SOURCES
from alma.domains.babaisai.engine import ACTIONS, Game
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.play import GOAL, BabaEnvironment, PublishedEnvironment, hopeless
from alma.domains.babaisai.solver import solve
from alma.domains.contract import Domain
from alma.domains.pool import EnvironmentPool, reset
from alma.records import SPLITS, ConfigError, DomainError, Level, Task

BROKEN = Layout.read(
    ["############", "##........##", "##TAISPY..##", "##..aW....##", "##TBISPWbe##", "############"]
)


def test_it_is_a_picklable_domain_with_the_published_splits() -> None:
    domain = pickle.loads(pickle.dumps(BabaIsAI({"split": "published", "lost": "end"})))
    assert isinstance(domain, Domain)
    assert [len(domain.tasks(split)) for split in SPLITS] == [26, 26, 27, 0]
    assert [len(BabaIsAI({"split": "balrog"}).tasks(split)) for split in SPLITS] == [40, 40, 40, 0]
    assert [domain.step_limit(preset) for preset in ("paper", "default", "smoke")] == [20, 100, 30]
    assert domain.seeded_levels
    assert not domain.generated
    level = Level(domain.tasks("train")[0], 5)
    assert pickle.loads(pickle.dumps(level)) == level
    assert domain.cluster(level) == "make_win-distr_obj"
    ids = [task.id for split in SPLITS for task in domain.tasks(split)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("options", [{"split": "all"}, {"lost": 1}, {"seed": 3}])
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="babaisai"):
        BabaIsAI(options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="preset"):
        BabaIsAI().step_limit("long")


def test_its_version_covers_the_code_that_is_played() -> None:
    assert len(BabaIsAI().version) == 16
    assert {"engine.py", "text.py", "levels.py", "streams.py"} <= {*SOURCES, *LEVEL_SOURCES}


def test_the_first_observation_has_goal_rules_map_and_actions() -> None:
    domain = BabaIsAI()
    for split in SPLITS:
        for task in domain.tasks(split):
            first = domain.open(Level(task, 1)).reset()
            assert first.goal == GOAL
            assert first.text.startswith("Active rules:\n")
            assert "\n\nObjects on the map:\n" in first.text
            assert first.admissible == ACTIONS


@pytest.mark.parametrize("action", ["", "jump", "left.", "move left", "\x00", "up " * 500])
def test_what_is_no_action_is_answered_and_changes_nothing(action: str) -> None:
    environment = BabaEnvironment(BROKEN)
    first = environment.reset()
    step = environment.step(action)
    assert step.error == "not an action"
    assert step.observation.endswith(first.text)
    assert "idle, up, right, down, left" in step.observation
    assert "Traceback" not in step.observation
    assert len(step.observation) < 700
    assert not step.done


def test_case_and_blanks_of_an_action_do_not_matter() -> None:
    one, two = BabaEnvironment(BROKEN), BabaEnvironment(BROKEN)
    assert one.step(" Left\n").observation == two.step("left").observation


def test_a_level_without_you_ends_as_lost() -> None:
    environment = BabaEnvironment(BROKEN)
    environment.step("right")
    step = environment.step("up")
    assert (step.done, step.score, step.error, step.admissible) == (True, 0.0, None, ())
    assert step.observation == (
        "Active rules:\nball is win\n\nNothing is YOU any more, so the level is lost."
    )
    assert environment.outcome().reward == 0.0
    after = environment.step("down")
    assert (after.done, after.observation) == (True, "The level is over.")
    assert environment.reset().text.startswith("Active rules:\nbaba is you\n")
    assert not environment.step("down").done


def test_the_published_way_goes_on_with_a_fresh_level_and_shows_no_address() -> None:
    spares = [BROKEN, Layout.read(["########", "##TAaW##", "##IS..##", "##PY..##", "########"])]
    environment = PublishedEnvironment(BROKEN, lambda times: spares[times % 2])
    for _ in range(2):
        environment.reset()
        environment.step("right")
        step = environment.step("up")
        assert not step.done
        assert step.observation.startswith("[...] IS YOU rule was broken, environment resetActive rules:\nba")
        assert "at 0xADDR>" in step.observation
        assert not re.search(r"0x[0-9a-f]{4,}", step.observation)
        assert environment.step("right").observation.startswith("Active rules:\nbaba is you")


def test_in_the_published_way_every_covered_start_is_replaced_at_once() -> None:
    domain = BabaIsAI({"lost": "published"})
    task = next(t for t in domain.tasks("in_distribution") if t.id.endswith("goto_win-distr_win_rule"))
    texts = [domain.open(Level(task, seed)).reset().text for seed in range(60)]
    replaced = [text for text in texts if text.startswith("[...]")]
    assert 1 <= len(replaced) <= 15
    assert not any("[...]" in BabaIsAI().open(Level(task, seed)).reset().text for seed in range(60))


def test_you_that_may_come_back_is_not_lost() -> None:
    turning = Layout.read(["##########", "##TBISTK##", "##TKISPY##", "##be....##", "##########"])
    assert not Game(turning).you_visible()
    assert not hopeless(Game(turning))
    environment = BabaEnvironment(turning)
    assert environment.reset().text.endswith("Nothing that lies on top is YOU.")
    assert environment.step("up").observation.count("\n") > 3
    still = Layout.read(["##########", "##TBISTD##", "##TKISPY##", "##be....##", "##########"])
    assert hopeless(Game(still))


def test_a_win_scores_one_at_its_last_step() -> None:
    domain = BabaIsAI()
    for task in domain.tasks("train")[:4]:
        level = Level(task, 2)
        found = solve(domain.open(level)._layout, 4000)
        assert found.upper == len(found.actions)
        environment = domain.open(level)
        steps = [environment.step(ACTIONS[action]) for action in found.actions]
        assert [step.done for step in steps] == [False] * (len(steps) - 1) + [True]
        assert steps[-1].score == environment.outcome().reward == 1.0
        assert environment.outcome().success


def test_the_originals_own_end_comes_after_a_hundred_steps() -> None:
    environment = BabaEnvironment(BROKEN)
    done = [environment.step("idle").done for _ in range(100)]
    assert done == [False] * 99 + [True]
    assert not environment.outcome().success


@pytest.mark.parametrize("name", ["train", "train/goto_lose", "nowhere/goto_win", "goto_win"])
def test_unknown_tasks_are_domain_errors(name: str) -> None:
    domain, level = BabaIsAI(), Level(Task("babaisai", name, "train"))
    for ask in (domain.open, domain.content_key):
        with pytest.raises(DomainError, match="babaisai"):
            ask(level)


def test_a_worker_sees_the_level_that_the_host_sees() -> None:
    domain = BabaIsAI()
    level = Level(domain.tasks("in_distribution")[6], 4)

    async def first() -> object:
        pool = EnvironmentPool(domain, 1)
        try:
            return await pool.run(level, reset)
        finally:
            await pool.close()

    assert asyncio.run(first()) == domain.open(level).reset()


def test_briefs_name_actions_and_goal_and_no_file() -> None:
    brief = BabaIsAI().brief()
    for text in (brief.executor, brief.proposer):
        assert all(action in text for action in ACTIONS)
        assert "WIN" in text
        assert "/" not in text
