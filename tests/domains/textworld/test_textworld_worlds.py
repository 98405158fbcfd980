"""The worlds that come with the package, and what needs no engine: the index, the rules, the refusals."""

from __future__ import annotations

import pickle
import re
from collections import Counter, defaultdict
from importlib import resources

import pytest

import alma.domains.textworld.domain as domain_module
from alma.cli.main import run
from alma.domains.textworld import Fetch, engine
from alma.domains.textworld.engine import clean
from alma.domains.textworld.logic import Logic, Rules, apply, read_facts
from alma.domains.textworld.play import refusal
from alma.domains.textworld.worlds import PACKAGE, rules, worlds
from alma.experiments import plug_ins
from alma.records import SPLITS, ConfigError, DomainError, Level, Task

SIZE_LIMIT_BYTES = 8_000_000


@pytest.fixture
def fetch(monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """The domain where the extra may be missing: what is asked here needs no engine."""
    monkeypatch.setattr(domain_module, "require", lambda: None)
    return Fetch()


def test_it_is_a_picklable_domain_that_says_it_is_generated(fetch: Fetch) -> None:
    again = pickle.loads(pickle.dumps(fetch))
    assert again.name == "textworld:fetch"
    assert again.generated
    assert again.version == fetch.version
    assert all(15 <= fetch.step_limit(preset) <= 25 for preset in ("paper", "default", "smoke"))


def test_the_package_data_stays_small() -> None:
    files = [file for file in resources.files(PACKAGE).joinpath("data").iterdir() if file.is_file()]
    assert sum(len(file.read_bytes()) for file in files) <= SIZE_LIMIT_BYTES


def test_every_split_has_tasks_of_both_kinds_in_many_worlds_on_four_maps(fetch: Fetch) -> None:
    for split in SPLITS:
        tasks = fetch.tasks(split)
        clusters = {fetch.cluster(Level(task)) for task in tasks}
        assert len(tasks) >= 160
        assert len(clusters) >= 20
        assert {worlds()[cluster].map for cluster in clusters} == {world.map for world in worlds().values()}
        kinds = Counter(task.kind for task in tasks)
        assert set(kinds) == {"find", "bring"}
        assert min(kinds.values()) >= 0.4 * len(tasks)


def test_no_world_is_in_two_splits_and_no_content_is_met_twice(fetch: Fetch) -> None:
    keys = [fetch.content_key(Level(task)) for split in SPLITS for task in fetch.tasks(split)]
    assert len(set(keys)) == len(keys)
    split_of: dict[str, set[str]] = defaultdict(set)
    for world in worlds().values():
        split_of[world.digest].add(world.split)
    assert all(len(splits) == 1 for splits in split_of.values())


def test_out_of_distribution_asks_for_foods_that_no_other_split_has() -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    for world in worlds().values():
        asked[world.split] |= {quest.thing for quest in world.quests}
    known = asked["train"] | asked["validation"] | asked["in_distribution"]
    assert asked["validation"] | asked["in_distribution"] <= asked["train"]
    assert len(asked["out_of_distribution"]) == 16
    assert not asked["out_of_distribution"] & known


def test_a_goal_names_the_thing_and_the_place_and_no_step_of_a_way() -> None:
    for world in worlds().values():
        for quest in world.quests:
            assert quest.thing in quest.goal
            assert quest.place in quest.goal
            assert not set(re.findall("[a-z]+", quest.goal)) & {
                "go",
                "open",
                "north",
                "south",
                "east",
                "west",
            }


def test_an_unknown_task_and_an_unknown_option_are_told(fetch: Fetch) -> None:
    with pytest.raises(DomainError, match="no fetch task"):
        fetch.open(Level(Task("textworld:fetch", "nowhere/find/carrot", "train")))
    with pytest.raises(ConfigError, match="no option"):
        Fetch({"family": "fetch"})


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'alma-meta\[textworld\]'"):
        plug_ins.domain("textworld:fetch", {})
    assert run(["learn", "--domain", "textworld:fetch"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["", "  ", "restart", "QUIT", "q", "save", "restore", "undo", "tw-print", "notify off"]
)
def test_what_speaks_to_the_program_is_refused(command: str) -> None:
    assert refusal(command.strip())


@pytest.mark.parametrize(
    "command", ["go east. go west", "look then wait", "look\nlook", "x" * 300, "\x00", "\\help", "ünïcode"]
)
def test_one_line_is_one_plain_command(command: str) -> None:
    assert refusal(command)


def test_other_words_go_to_the_engine() -> None:
    assert not any(map(refusal, ("go east", "take red hot pepper from counter", "xyzzy", "authentic")))


def test_text_of_the_program_is_stripped() -> None:
    said = (
        "You take it.\n\n\n\nYour score has just gone up by one point.\n\n>" + " " * 90 + "-= Kitchen =-1/9"
    )
    assert clean(said) == "You take it."
    lost = (
        "Not bad.\n\n   *** You lost! ***\n\nYou scored 2 out of a possible 11, in 9 turns.\n\n\nWould > -= A"
    )
    assert clean(lost) == "Not bad.\n\n*** You lost! ***"


def test_the_rules_say_what_is_possible_and_how_facts_change() -> None:
    things = {
        "P": ("P", "P"),
        "I": ("I", "I"),
        "r_0": ("r", "hall"),
        "r_1": ("r", "den"),
        "d_0": ("d", "old door"),
        "c_0": ("c", "chest"),
        "f_0": ("f", "plum"),
    }
    told = (
        "at P r_0;at c_0 r_0;closed c_0;in f_0 c_0;edible f_0;closed d_0;link r_0 d_0 r_1;link r_1 d_0 r_0;"
        "west_of r_0 r_1;east_of r_1 r_0"
    )
    facts = read_facts(told.split(";"))
    logic = Logic(rules(), things)
    view = logic.view(facts)
    assert view.commands == ("examine chest", "inventory", "look", "open chest", "open old door")
    facts = apply(facts, view.changes["opening the chest"])
    assert "take plum from chest" in logic.view(facts).commands
    facts = apply(facts, logic.view(facts).changes["removing the plum from the chest"])
    assert ("in", "f_0", "I") in facts
    assert {"eat plum", "drop plum", "insert plum into chest"} <= set(logic.view(facts).commands)
    facts = apply(facts, view.changes["opening old door"])
    assert "go east" in logic.view(facts).commands


def test_no_two_slots_of_a_rule_are_filled_with_one_thing() -> None:
    data = {
        "rules": [
            {
                "name": "a",
                "before": ["in o I", "in k I"],
                "after": [],
                "command": "use {o} on {k}",
                "event": "a",
            }
        ],
        "types": {"o": ["o"], "k": ["k", "o"], "I": ["I"], "r": ["r"], "P": ["P"]},
        "slots": {"o": "o", "k": "k", "I": "I"},
    }
    things = {"P": ("P", ""), "I": ("I", ""), "r": ("r", ""), "k_0": ("k", "key"), "o_0": ("o", "box")}
    logic = Logic(Rules.from_json(data), things)
    assert logic.view(read_facts(["at P r", "in k_0 I", "in o_0 I"])).commands == ("use box on key",)
