"""The generated households: solvable, disjoint, habitual, and their two dials do what they say."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter, defaultdict

import pytest
from scipy.stats import chi2

from alma.domains.alfworld import Households
from alma.domains.alfworld.engine import Board, Game
from alma.domains.alfworld.households import KINDS, draw, generate, household_tasks
from alma.domains.alfworld.houses import PLACES, all_houses, house_names
from alma.domains.alfworld.solver import solve
from alma.domains.contract import Domain
from alma.records import SPLITS, ConfigError, DomainError, Level, Task


def test_it_is_a_picklable_domain_that_says_it_is_generated() -> None:
    domain = pickle.loads(pickle.dumps(Households({"habit": 0.5, "scramble": 1})))
    assert isinstance(domain, Domain)
    assert domain.options == {"habit": 0.5, "scramble": 1}
    assert domain.generated
    assert domain.version == Households().version
    assert [domain.step_limit(preset) for preset in ("paper", "default", "smoke")] == [30, 50, 30]


def test_splits_have_their_sizes_and_every_type_in_equal_parts() -> None:
    domain = Households()
    sizes = {split: len(domain.tasks(split)) for split in SPLITS}
    assert sizes["train"] >= 2000
    assert min(sizes.values()) >= 400
    for split in SPLITS:
        counts = Counter(task.kind for task in domain.tasks(split))
        assert set(counts) == set(KINDS)
        assert min(counts.values()) >= 0.1 * sizes[split]


def test_no_content_is_met_in_two_splits_or_twice_in_one() -> None:
    domain = Households()
    keys = [domain.content_key(Level(task)) for split in SPLITS for task in domain.tasks(split)]
    assert len(set(keys)) == len(keys)


def test_new_houses_are_met_out_of_distribution_only() -> None:
    domain = Households()
    houses = {split: {domain.cluster(Level(task)) for task in domain.tasks(split)} for split in SPLITS}
    assert houses["train"] == houses["validation"] == houses["in_distribution"] == set(house_names())
    assert houses["out_of_distribution"] == set(house_names(new=True))
    assert len(houses["train"]) >= 12
    assert not houses["train"] & houses["out_of_distribution"]
    kinds = Counter(all_houses()[name].kind for name in house_names())
    assert min(kinds.values()) >= 3
    assert kinds == Counter(all_houses()[name].kind for name in house_names(new=True))


def test_a_house_shows_in_its_first_observation() -> None:
    looks: dict[str, set[str]] = defaultdict(set)
    for split in ("train", "out_of_distribution"):
        for task in household_tasks(split)[:240]:
            looks[task.id.split("/")[1]].add(Board(generate(task.id)).first_look)
    assert all(len(texts) == 1 for texts in looks.values())
    assert len({text for texts in looks.values() for text in texts}) == len(looks) == len(all_houses())


def test_houses_are_as_big_as_official_rooms() -> None:
    sizes = [len(house.places) for house in all_houses().values()]
    assert min(sizes) >= PLACES[0] >= 14
    assert max(sizes) <= PLACES[1]


@pytest.mark.parametrize(("habit", "scramble", "every"), [(1.0, False, 1), (0.0, False, 5), (1.0, True, 5)])
def test_every_game_is_won_by_the_scripted_player(habit: float, scramble: bool, every: int) -> None:
    for split in SPLITS:
        for task in household_tasks(split)[::every]:
            world, asked = draw(task.id, habit, scramble)
            assert not Game(Board(world)).won
            assert 2 < len(solve(world, asked)) <= 11


def _place_statistic(habit: float) -> float:
    """The p-value of "things lie evenly over their legal places", for things that no goal names."""
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for task in household_tasks("train"):
        world, asked = draw(task.id, habit)
        house = task.id.split("/")[1]
        for thing in world.things:
            if thing.kind != asked.otype:
                seen[house, thing.kind][thing.places[0]] += 1
    statistic, freedom = 0.0, 0
    for (house, otype), counts in seen.items():
        legal = len(all_houses()[house].legal[otype])
        expected = counts.total() / legal
        statistic += sum((n - expected) ** 2 for n in counts.values()) / expected
        statistic += (legal - len(counts)) * expected
        freedom += legal - 1
    return float(chi2.sf(statistic, freedom))


def test_habit_0_leaves_no_preferred_places_and_habit_1_does() -> None:
    assert _place_statistic(0.0) > 0.001
    assert _place_statistic(1.0) < 1e-9


def test_habits_have_a_layer_of_the_house_and_one_of_the_room_kind() -> None:
    at_own, at_kind, total = 0, 0, 0
    for task in household_tasks("out_of_distribution"):
        world, asked = draw(task.id)
        house = all_houses()[task.id.split("/")[1]]
        for thing in world.things:
            if thing.kind != asked.otype and len(house.legal[thing.kind]) > 8:
                place = next(i for i, (id_, _) in enumerate(house.places) if id_ == thing.places[0])
                at_own += place in house.favourites[thing.kind]
                at_kind += place in house.shared[thing.kind]
                total += 1
    assert 0.5 < at_own / total < 0.75
    assert 0.3 < at_kind / total < 0.65


def _appliance_of_heat(task_id: str, scramble: bool) -> str:
    """The type of place where the game lets a held thing be heated, found by trying every place."""
    world, asked = draw(task_id, scramble=scramble)
    board = Board(world)
    game = Game(board)
    for command in solve(world, asked):
        game.step(command)
        if game.held >= 0:
            break
    found = set()
    for place in board.receptacle_names:
        game.step(f"go to {place}")
        found.update(place.split()[0] for command in game.menu.commands if command.startswith("heat "))
    (appliance,) = found
    return appliance


def test_scramble_changes_which_appliance_heats_and_nothing_else_does() -> None:
    tasks = [task for task in household_tasks("train") if task.kind == "heat"][:60]
    assert {_appliance_of_heat(task.id, False) for task in tasks} == {"microwave"}
    scrambled = Counter(_appliance_of_heat(task.id, True) for task in tasks)
    assert len(scrambled) >= 8
    assert max(scrambled.values()) <= 20


def test_scramble_moves_no_thing() -> None:
    plain, scrambled = (generate("train/h00/cool/000004", scramble=scramble) for scramble in (False, True))
    assert plain.things == scrambled.things
    assert plain.goal == scrambled.goal


def test_the_same_task_is_the_same_game_in_another_process() -> None:
    program = (
        "from alma.domains.alfworld import Households\n"
        "from alma.records import Level\n"
        "domain = Households()\n"
        "level = Level(domain.tasks('train')[7])\n"
        "env = domain.open(level)\n"
        "print(domain.content_key(level), env.reset(), env.step('go to drawer 1'))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert Households().content_key(Level(household_tasks("train")[7])) in runs[0]


@pytest.mark.parametrize(
    "options",
    [
        {"habit": -1},
        {"habit": 2},
        {"habit": "much"},
        {"habit": None},
        {"scramble": 2},
        {"scramble": "x"},
        {"colour": 1},
    ],
)
def test_bad_options_are_a_config_error(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Households(options)  # type: ignore[arg-type]


def test_options_may_come_as_text() -> None:
    assert Households({"habit": "0", "scramble": "1"}).options == {"habit": 0.0, "scramble": 1}


@pytest.mark.parametrize(
    "task_id", ["", "train/h00/heat", "train/h99/heat/000001", "train/h01/heat/000001", "a/b/c/d"]
)
def test_a_task_that_does_not_exist_is_a_domain_error(task_id: str) -> None:
    with pytest.raises(DomainError, match="no household task"):
        Households().open(Level(Task("alfworld:households", task_id, "train")))
