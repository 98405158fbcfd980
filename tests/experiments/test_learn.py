"""The main job on the toy domain: a folder that holds all it claims, and that going on repeats nothing."""

import json
from dataclasses import replace

import pytest

from alma.archive import open_archive
from alma.experiments import named
from alma.experiments.house import Phases
from alma.experiments.learn import learn
from alma.learning.config import RunConfig
from alma.learning.levels import check_disjoint, choose
from alma.records import ConfigError, Design
from alma.testing.loop import in_loop
from alma.testing.toy import ToyDomain

CONFIG = RunConfig(
    domain="toy",
    steps=2,
    children=2,
    collect_size=20,
    deploy_size=6,
    validation_size=6,
    finalists=2,
    repeats=1,
    held_out_size=10,
    held_out_repeats=1,
    collections=2,
    controls=2,
    workers=1,
)
SMALL = replace(CONFIG, steps=1, held_out_size=0, controls=0)
NAMES = ["no_memory", "trajectory_retrieval", "random_design", "best_of_n", "learned"]


class Ear:
    def __init__(self):
        self.heard = []

    def __call__(self, kind, payload):
        self.heard.append((kind, dict(payload)))

    def count(self, kind):
        return sum(heard == kind for heard, _ in self.heard)


def without_times(summary):
    copy = json.loads(json.dumps(summary))
    del copy["search"]["seconds"]
    return copy


@in_loop
async def test_a_run_writes_what_it_learned_and_its_tables_and_going_on_repeats_nothing(tmp_path):
    run, ear = tmp_path / "run", Ear()
    summary = await learn(CONFIG, run, ear)
    assert json.loads((run / "summary.json").read_text()) == json.loads(json.dumps(summary))
    check_schema(summary)
    assert ear.count("episode") > summary["search"]["episodes"] > 40
    with open_archive(run / "archive.db", "search", read_only=True, create=False) as archive:
        rows, found = archive.designs(), archive.archive_hash()
        stages = {e.stage for e in archive.evaluations()}
    assert stages == {"verify", "search", "validation"}
    for row in rows:
        folder = run / "designs" / row.id
        assert Design.from_source((folder / "memory.py").read_text()).id == row.id
        assert row.plan in (folder / "notes.md").read_text()
    assert named.design(f"{run}:best").id == summary["learned"]["id"]

    again = Ear()
    repeated = await learn(replace(CONFIG, concurrency=1, workers=2), run, again)
    assert again.count("episode") == 0
    assert without_times(repeated) == without_times(summary)
    with open_archive(run / "archive.db", "search", read_only=True, create=False) as archive:
        assert archive.archive_hash() == found


def check_schema(summary):
    """`summary.json` as the house's design draws it."""
    assert summary.keys() >= {
        "schema_version",
        "run",
        "seed",
        "domain",
        "agent",
        "models",
        "proposer",
        "selector",
    }
    assert summary["sandbox"] in ("namespaces", "landlock", "container")
    assert summary["simulated_executor"] is True
    search, learned = summary["search"], summary["learned"]
    assert search.keys() >= {"candidates", "failed", "episodes", "seconds", "usd", "tokens"}
    assert 0 <= search["failed"] <= search["candidates"] <= 4
    assert learned.keys() >= {"id", "search_score", "validation_score", "gap"}
    assert learned["gap"] == pytest.approx(learned["search_score"] - learned["validation_score"])
    assert [table["split"] for table in summary["tables"]] == ["in_distribution", "out_of_distribution"]
    for table in summary["tables"]:
        assert table["primary"] == "success"
        assert table["protocol"]["deploy"]["split"] == table["split"]
        assert [row["name"] for row in table["designs"]] == NAMES
        for row in table["designs"]:
            assert 0 <= row["success"] <= row["reward"] <= 1
            low, high = row["ci95"]
            assert 0 <= low <= row["success"] <= high <= 1
            assert row["levels"] == 10
            assert row["missing"] == row["calls"] == row["tokens"] == 0
        episodes = {row["name"]: row["episodes"] for row in table["designs"]}
        assert episodes == dict(zip(NAMES, [10, 20, 20, 20, 20], strict=True))
        assert [c["a"] for c in table["comparisons"]] == ["learned"] * 4
        assert [c["b"] for c in table["comparisons"]] == NAMES[:-1]
        for c in table["comparisons"]:
            assert -1 <= c["ci95"][0] <= c["difference"] <= c["ci95"][1] <= 1
            assert 0 <= c["p"] <= c["p_holm"] <= 1


@in_loop
async def test_the_folder_of_another_run_is_refused(tmp_path):
    await learn(SMALL, tmp_path / "run")
    for other in (replace(SMALL, steps=2), replace(SMALL, seed=5), replace(SMALL, options={"habit": 0})):
        with pytest.raises(ConfigError, match=r"another configuration .* --fresh, or .* --run"):
            await learn(other, tmp_path / "run")
    await learn(replace(SMALL, concurrency=1, workers=2, budget_minutes=5.0), tmp_path / "run")


@in_loop
async def test_a_budget_of_episodes_holds_the_finalists_too(tmp_path):
    ear = Ear()
    summary = await learn(replace(SMALL, budget_episodes=60), tmp_path / "run", ear)
    assert "budget" in summary["search"]["ended"]
    assert ear.count("episode") == summary["search"]["episodes"] <= 60
    assert summary["learned"] is not None
    with pytest.raises(ConfigError, match="--budget-episodes 30 is too small"):
        await learn(replace(SMALL, budget_episodes=30), tmp_path / "other")


@in_loop
async def test_without_collected_episodes_a_run_still_works(tmp_path):
    config = replace(SMALL, collect_size=0, held_out_size=4)
    summary = await learn(config, tmp_path / "run")
    assert len(summary["tables"]) == 2


def test_no_two_phases_share_a_level():
    for options in ({}, {"seeded": 0}):
        domain = ToyDomain(options)
        config = replace(CONFIG, collections=4, options=options)
        phases = Phases.of(domain, config)
        slices = [phases.search, phases.validation, *(phases.other_collection(n) for n in range(4))]
        named = [(str(n), choose(domain, phase, 3)) for n, phase in enumerate(slices)]
        check_disjoint(domain, named)


@in_loop
async def test_an_unknown_name_is_told_before_anything_is_started(tmp_path):
    for name in ("domain", "agent", "proposer", "selector", "sandbox"):
        with pytest.raises(ConfigError, match=f"unknown {name} 'nix'; known: "):
            await learn(replace(SMALL, **{name: "nix"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
