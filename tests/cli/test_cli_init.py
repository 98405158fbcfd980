"""What `alma init` writes works: the domain is learned on, the agent plays, the design checks out."""

import json
import os
import subprocess
import sys
import tomllib

import pytest

from alma.cli.main import run
from alma.domains.gym_text import GymDomain
from alma.domains.questions import Question, Questions, overlap, read_questions
from alma.records import ConfigError, Level
from alma.testing import assert_domain


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def installed(tmp_path, monkeypatch, name):
    """What `pip install -e` does, without an index: metadata from pyproject.toml, sources on the path."""
    project = tomllib.loads((tmp_path / name / "pyproject.toml").read_text())["project"]
    site = tmp_path / "site"
    metadata = site / f"{name}-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {project['version']}\n"
    )
    points = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(points))
    path = [str(site), str(tmp_path / name / "src")]
    for folder in path:
        monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))


def own_tests(tmp_path, name):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_new_domain_passes_its_test_and_is_learned_on(tmp_path, monkeypatch, capsys):
    assert run(["init", "domain", "my_street"]) == 0
    assert "alma domains check my_street" in capsys.readouterr().out
    installed(tmp_path, monkeypatch, "my_street")
    assert len((tmp_path / "my_street/src/my_street/domain.py").read_text().splitlines()) < 120
    done = own_tests(tmp_path, "my_street")
    assert done.returncode == 0, done.stdout
    assert run(["domains", "check", "my_street", "--levels", "2"]) == 0
    assert "FAILS" not in capsys.readouterr().out
    small = "--steps 2 --children 3 --collect-size 80 --deploy-size 40 --validation-size 40 --finalists 2"
    tables = "--repeats 1 --held-out-size 40 --collections 1 --workers 1 --json"
    assert run(f"learn --domain my_street --run one {small} {tables}".split()) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])["summary"]
    scores = {row["name"]: row["success"] for row in summary["tables"][0]["designs"]}
    assert scores["no_memory"] < 0.8
    assert summary["generated"] is True
    assert run(["init", "domain", "my_street"]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_new_agent_passes_its_test(tmp_path, monkeypatch, capsys):
    assert run(["init", "agent", "my_player", "--to", "agents"]) == 0
    assert (tmp_path / "agents/my_player/pyproject.toml").is_file()
    assert run(["init", "agent", "my_player"]) == 0
    installed(tmp_path, monkeypatch, "my_player")
    done = own_tests(tmp_path, "my_player")
    assert done.returncode == 0, done.stdout
    small = "--domain alfworld:households --size 2 --collect-size 2 --workers 1"
    assert run(f"eval empty_memory --agent my_player {small}".split()) == 2
    assert "my_player needs a model" in capsys.readouterr().err


def test_a_new_design_checks_out(tmp_path, capsys):
    assert run(["init", "design", "my_memory"]) == 0
    assert run(["designs", "check", "my_memory.py"]) == 0
    assert run(["designs", "check", "my_memory.py", "--domain", "babaisai"]) == 0
    assert "is fine" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["My-Shop", "class", "9lives", "../up", ""])
def test_a_name_that_is_no_package_is_refused(name, tmp_path, capsys):
    assert run(["init", "domain", name]) == 2
    assert "can't be a package" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


CAPITALS = [
    ("France", "Paris"),
    ("Spain", "Madrid"),
    ("Italy", "Rome"),
    ("Peru", "Lima"),
    ("Chad", "N'Djamena"),
]


def questions(split, extra=""):
    return [
        Question(f"{split}-{land}", f"Capital of {land}{extra}?", (city,), group=land)
        for land, city in CAPITALS
    ]


def capitals():
    return Questions(
        "capitals", {"train": questions("train"), "in_distribution": questions("test", ", please")}
    )


def test_a_data_set_of_questions_is_a_domain():
    domain = capitals()
    assert_domain(domain, levels=3)
    level = Level(domain.tasks("train")[4])
    environment = domain.open(level)
    assert environment.reset().goal == "Capital of Chad?"
    assert environment.step(" ").error
    step = environment.step("the ndjamena!")
    assert (step.score, step.done, step.observation) == (1.0, True, "That is right.")
    assert environment.outcome().success
    environment.reset()
    assert environment.step("Paris").observation == "The right answer is: N'Djamena"
    assert not environment.outcome().success
    assert overlap("the city of Paris", ["Paris"]) == pytest.approx(0.5)


def test_choices_are_what_may_be_answered(tmp_path):
    rows = [
        {
            "id": 1,
            "split": "train",
            "question": "2+2?",
            "answers": "4",
            "choices": ["3", "4"],
            "group": "sums",
        },
        {"id": 2, "split": "validation", "question": "3+3?", "answers": ["6", "six"]},
    ]
    path = tmp_path / "sums.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    domain = Questions("sums", read_questions(path))
    environment = domain.open(Level(domain.tasks("train")[0]))
    assert environment.reset().admissible == ("3", "4")
    assert environment.step("5").error == "not an answer"
    assert environment.step("4").score == 1.0
    for line, told in (("{", "line 1"), ('{"id": 1, "split": "train", "question": "?"}', "lacks 'answers'")):
        path.write_text(line)
        with pytest.raises(ConfigError, match=told):
            read_questions(path)
    with pytest.raises(ConfigError, match="can't read"):
        read_questions(tmp_path / "none.jsonl")


class Corridor:
    """As a Gymnasium environment: walk right to the end; the length is the task, the start is the seed's."""

    def __init__(self, length):
        self.length, self.at = length, 0

    def reset(self, *, seed=None, options=None):
        self.at = (seed or 0) % (self.length - 1)
        return {"mission": "walk to the end", "place": f"tile {self.at} of {self.length}"}, {}

    def step(self, action):
        self.at = max(0, self.at + (1 if action == 1 else -1))
        done = self.at >= self.length - 1
        return {"mission": "walk to the end", "place": f"tile {self.at}"}, float(done), done, False, {}

    def close(self):
        pass


def corridor(task):
    return Corridor(int(task))


def test_a_gymnasium_environment_is_a_domain(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    domain = GymDomain(
        "corridor",
        corridor,
        {"train": ["30", "40", "50"], "in_distribution": ["60"]},
        actions=("left", "right"),
    )
    assert_domain(domain, levels=2)
    environment = domain.open(Level(domain.tasks("train")[0], 3))
    first = environment.reset()
    assert (first.goal, first.admissible) == ("walk to the end", ("left", "right"))
    assert environment.step("fly").error
    for _ in range(40):
        step = environment.step("right")
        if step.done:
            break
    assert environment.outcome().success
    assert environment.step("right").error == "the task is over"
