"""Bad input: one line that says what is wrong, exit code 2, no traceback. And where settings come from."""

import json
import shlex

import pytest

from alma.archive import open_archive
from alma.cli import options
from alma.cli.main import app, run
from alma.records import ConfigError

SMALL = shlex.split(
    "--domain toy --steps 1 --children 2 --collect-size 5 --deploy-size 3 --validation-size 3 --finalists 1 "
    "--repeats 1 --workers 1"
)
BROKEN = "def f(:\n"
NO_MEMORY_CLASS = "x = 1\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder with a few bad files in it, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in [*options.os.environ]:
        if name.startswith("ALMA_") or name == "ALFWORLD_DATA":
            monkeypatch.delenv(name)
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "empty.py").write_text(NO_MEMORY_CLASS)
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "a-file").write_text("")
    for name, text in {
        "not.toml": "steps = = 3",
        "unknown.toml": "domain = 'toy'\nstairs = 3",
        "words.toml": "domain = 'toy'\nsteps = 'three'",
        "truth.toml": "domain = 'toy'\nsteps = true",
        "list.toml": "domain = 'toy'\nselector = ['rank']",
        "half.toml": "domain = 'toy'\nbudget_minutes = 'soon'",
        "flat.toml": "domain = 'toy'\noptions = 3",
        "preset.toml": "preset = 'huge'",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").write_text("")


BAD = {
    "learn": "no domain",
    "learn --domain chess": "unknown domain 'chess'",
    "learn --domain toy --agent gpt": "unknown agent 'gpt'",
    "learn --domain toy --proposer muse": "unknown proposer 'muse'",
    "learn --domain toy --selector luck": "unknown selector 'luck'",
    "learn --domain toy --proposer command:": "needs a program: write it as",
    "learn --domain toy --schedule daily": "--schedule must be generational or steady, not 'daily'",
    "learn --domain toy --racing 0.7": "--racing is a chance of error, like 0.05, and below 0.5, not 0.7",
    "learn --domain toy --racing 0.05 --mode online": "--racing needs --mode frozen",
    "learn --domain toy --callback tracker": "unknown callback 'tracker'",
    "learn --domain toy --callback no_such:track": "--callback no_such:track: No module named",
    "learn --domain toy --callback os:sep": "is nothing that can be called",
    "learn --domain toy --sandbox none": "unknown sandbox 'none'",
    "learn --domain toy --mode offline": "--mode must be frozen or online",
    "learn --domain toy --preset huge": "unknown preset 'huge'",
    "learn --domain toy --steps -1": "--steps must be at least 1, not -1",
    "learn --domain toy --collect-size -5": "--collect-size must be at least 0",
    "learn --domain toy --seed -1": "--seed must be at least 0",
    "learn --domain toy --budget-episodes 0": "--budget-episodes must be above 0",
    "learn --domain toy --budget-minutes -1": "--budget-minutes must be above 0",
    "learn --domain toy --step-limit 0": "--step-limit must be above 0",
    "learn --domain toy --steps three": "--steps",
    "learn --domain toy --steps": "--steps",
    "learn --domain toy --stairs 3": "--stairs",
    "learn --domain toy --deploy-size 5 --set toy.seeded=0 --collect-size 500": "toy has 120 tasks",
    "learn --domain toy --set habit=0": "write it as toy.NAME=VALUE",
    "learn --domain toy --set toy.habit": "write it as toy.NAME=VALUE",
    "learn --domain toy --set alfworld.habit=0": "options begin with toy.",
    "learn --domain toy --set toy.colour=red": "toy has no option colour",
    "learn --domain alfworld:households --set alfworld.habit=7": "habit must be a number from 0 to 1",
    "learn --domain alfworld": "alfworld",
    "learn --config missing.toml": "can't read missing.toml",
    "learn --config other": "can't read other",
    "learn --config not.toml": "not.toml:",
    "learn --config unknown.toml": "unknown option 'stairs'",
    "learn --config words.toml": "steps must be a whole number, not 'three'",
    "learn --config truth.toml": "steps must be a whole number",
    "learn --config list.toml": "selector must be text",
    "learn --config half.toml": "budget_minutes must be a number",
    "learn --config flat.toml": "options must be a table",
    "learn --config preset.toml": "unknown preset 'huge'",
    f"learn {' '.join(SMALL)} --run a-file": "a-file is a file",
    f"learn {' '.join(SMALL)} --run a-file/deeper": "is a file",
    f"learn {' '.join(SMALL)} --run other --fresh": "holds no run, so it is left alone",
    "learn --domain toy --budget-usd 0": "--budget-usd must be above 0",
    "learn --domain toy --execution-model gpt": "no price is known for gpt: give --set price.gpt=",
    "study --domain toy --seeds 3-1": "--seeds must be like 0-4 or 0,3,7",
    "study --domain toy --seeds ten": "--seeds must be like 0-4 or 0,3,7",
    "study --domain toy --seeds 1,1-2": "names a seed twice",
    f"study {' '.join(SMALL)} --seeds 1 --run a-file": "a-file is a file",
    "resume other": "holds no run",
    "replay other": "holds no run",
    "status other": "holds no run",
    "report other": "has no summary.json yet",
    "domains play": "no domain: name one",
    "domains play chess": "unknown domain 'chess'",
    "domains play toy 9999": "toy has no task '9999' in split train",
    "domains play toy --split west": "unknown split 'west'",
    "domains play toy --set habit=0": "write it as toy.NAME=VALUE",
    "domains play --replay other": "write it as RUN:EPISODE",
    "domains play --replay other:1/2": "holds no run",
    "archive episodes other": "no episodes of any design in other",
    "eval": "Missing argument",
    "eval broken.py --domain toy": "broken.py is not valid Python: line 1",
    "eval missing.py --domain toy": "can't read missing.py",
    "eval bytes.py --domain toy": "bytes.py is not a text file",
    "eval wisdom --domain toy": "unknown design 'wisdom'",
    "eval other:best --domain toy": "has no learned design yet",
    "eval empty_memory --domain toy --size 0": "--size must be at least 1",
    "eval empty_memory --domain toy --size -3": "at least",
    "eval empty_memory --domain toy --split west": "unknown split 'west'",
    "eval empty_memory --domain toy --size 2 --collect-size 2 --run a-file": "a-file is a file",
    "bench --designs baselines,empty_memory --domain toy": "same name",
    "designs show wisdom": "unknown design 'wisdom'",
    "designs check missing.py": "can't read missing.py",
    "designs check broken.py": "broken.py is not valid Python",
    "designs check no_memory": "no design",
    "designs check trajectory_retrieval --domain nowhere": "unknown domain 'nowhere'",
    "archive list nowhere": "holds no run",
    "archive show other x": "holds no run",
    "archive tree a-file": "holds no run",
    "fly": "fly",
    "--fly": "--fly",
    "archive fly": "fly",
}


@pytest.mark.parametrize("command", BAD)
def test_bad_input_is_one_line_and_exit_code_2(command, capsys):
    assert_refused(run(command.split()), BAD[command], capsys)


def assert_refused(code, told, capsys):
    out, error = capsys.readouterr()
    assert code == 2, error
    assert out == ""
    assert error.startswith("alma: ")
    assert error.count("\n") == 1 and error.endswith("\n"), error  # noqa: PT018
    assert told in error
    assert "Traceback" not in error


def test_a_game_file_that_cannot_be_read_is_named(tmp_path, monkeypatch, capsys):
    for number in range(40):
        for folder in ("train", "valid_seen", "valid_unseen"):
            game = tmp_path / f"data/json_2.1.1/{folder}/pick_and_place_simple-Mug-None-Desk-{number}/trial_1"
            game.mkdir(parents=True)
            (game / "game.tw-pddl").write_text("\x00garbage{")
    monkeypatch.setenv("ALFWORLD_DATA", str(tmp_path / "data"))
    small = "--collect-size 2 --deploy-size 2 --validation-size 2 --workers 1"
    assert_refused(run(["learn", "--domain", "alfworld", *small.split()]), "game.tw-pddl", capsys)
    command = "eval empty_memory --domain alfworld --size 2 --collect-size 2"
    assert_refused(run(command.split()), "game.tw-pddl", capsys)


def test_a_design_file_that_does_not_work_is_told(tmp_path, capsys):
    assert_refused(run(["designs", "check", "empty.py"]), "defines no class", capsys)
    raises = (
        "from alma.memory import Memory\nclass M(Memory):\n    async def retrieve(self, s):\n        1 / 0\n"
    )
    (tmp_path / "raises.py").write_text(raises)
    assert_refused(
        run(["designs", "check", "raises.py"]), "raises.py fails in retrieve: ZeroDivisionError", capsys
    )
    assert run(["designs", "check", "raises.py", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["failure"]["call"] == "retrieve"


def test_the_folder_of_another_run_is_refused(tmp_path, capsys):
    command = ["learn", *SMALL, "--run", "runs/one", "--json"]
    assert run(command) == 0
    capsys.readouterr()
    assert_refused(run([*command, "--steps", "2"]), "another configuration (steps was 1, now 2)", capsys)
    assert run([*command, "--concurrency", "1"]) == 0
    assert run([*command, "--steps", "2", "--fresh"]) == 0


def config_of(arguments, environment=None, monkeypatch=None):
    """The configuration that `alma learn` would run with."""
    seen = []
    monkeypatch.setattr("alma.cli.learn.run_search", lambda config, *rest: seen.append(config), raising=False)
    for name, value in (environment or {}).items():
        monkeypatch.setenv(name, value)
    assert run(["learn", *arguments]) == 0
    return seen[0]


def test_flags_go_over_environment_over_file_over_preset(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(
        "preset = 'smoke'\nsteps = 5\nchildren = 5\nfinalists = 5\n[options]\nhabit = 0\n"
    )
    found = config_of(
        ["--config", "mine.toml", "--children", "7"],
        {"ALMA_CHILDREN": "6", "ALMA_FINALISTS": "6"},
        monkeypatch,
    )
    assert (found.children, found.finalists, found.steps, found.deploy_size) == (7, 6, 5, 12)
    assert (found.domain, found.preset, dict(found.options)) == ("alfworld:households", "smoke", {"habit": 0})


def test_an_environment_variable_that_makes_no_sense_is_told(monkeypatch, capsys):
    monkeypatch.setenv("ALMA_STEPS", "many")
    assert_refused(run(["learn", "--domain", "toy"]), "ALMA_STEPS", capsys)


def test_the_config_of_a_run_asks_for_the_same_run(tmp_path, monkeypatch, capsys):
    command = ["learn", *SMALL, "--set", "toy.habit=0", "--seed", "3", "--budget-minutes", "2", "--json"]
    assert run([*command, "--run", "one"]) == 0
    assert run(["learn", "--config", "one/config.toml", "--run", "two", "--json"]) == 0
    hashes = []
    for name in ("one", "two"):
        with open_archive(tmp_path / name / "archive.db", "search", create=False, read_only=True) as archive:
            hashes.append(archive.archive_hash())
            assert archive.run().seed == 3
    assert hashes[0] == hashes[1]
    assert (tmp_path / "one/config.toml").read_text() == (tmp_path / "two/config.toml").read_text()


def test_run_config_refuses_what_a_program_gets_wrong():
    with pytest.raises(ConfigError, match="no domain"):
        options.run_config({})
    assert app.registered_commands
