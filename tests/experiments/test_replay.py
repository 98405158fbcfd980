"""Replay: the same archive again, or the first event that isn't; also of runs that ended early."""

import shutil
import sqlite3
import sys
from dataclasses import replace

import pytest

from alma.archive import Happening
from alma.experiments.learn import learn
from alma.experiments.record import Record
from alma.experiments.replay import first_difference, replay
from alma.learning.config import RunConfig
from alma.records import ConfigError
from alma.testing.loop import in_loop

CONFIG = RunConfig(
    domain="toy",
    steps=2,
    children=2,
    collect_size=12,
    deploy_size=6,
    validation_size=6,
    finalists=2,
    repeats=1,
    held_out_size=6,
    held_out_repeats=1,
    collections=2,
    controls=2,
    workers=1,
)
AGENT = """
import json, os
from pathlib import Path

known = json.loads(Path("archive/index.json").read_text())
Path("design.py").write_text(f'''
from alma.memory import Memory


class Made(Memory):
    async def retrieve(self, situation):
        return "open {os.path.basename(os.getcwd())} {len(known)}"
''')
"""
SEARCH = replace(CONFIG, held_out_size=0, controls=0)


class StopError(Exception):
    pass


def stop_after(kind, times):
    """A listener that ends the run at the n-th event of a kind, as a crash would."""
    heard = []

    def listen(event, payload):
        heard.append(event)
        if heard.count(kind) == times:
            raise StopError

    return listen


@in_loop
async def test_a_finished_run_replays_with_its_controls_and_tables(tmp_path):
    await learn(CONFIG, tmp_path / "run")
    found = await replay(CONFIG, tmp_path / "run", tmp_path / "again")
    assert found.difference is None
    told = [str(happening) for happening in Record(tmp_path / "run").history()]
    assert found.events == len(told) == len(Record(tmp_path / "again").history())
    for part in ("collection", "without memory", "step 1, child 0: proposes", "validation", "held out"):
        assert any(line.startswith(part) for line in told), part
    assert found.archive_hash == Record(tmp_path / "run").hash()


@pytest.mark.parametrize("stop", [("evaluated", 1), ("evaluate", 3), ("verify", 2), ("validated", 1)])
@in_loop
async def test_what_a_stopped_run_had_done_replays(tmp_path, stop):
    with pytest.raises(StopError):
        await learn(SEARCH, tmp_path / "run", stop_after(*stop))
    found = await replay(SEARCH, tmp_path / "run", tmp_path / "again")
    assert found.difference is None, str(found.difference)
    assert 2 <= found.events == len(Record(tmp_path / "again").history())


@pytest.mark.parametrize("stop", [None, ("evaluated", 3)])
@in_loop
async def test_a_steady_search_replays_as_it_went(tmp_path, stop):
    steady = replace(SEARCH if stop else CONFIG, schedule="steady", steps=3, racing=0.2)
    if stop:
        with pytest.raises(StopError):
            await learn(steady, tmp_path / "run", stop_after(*stop))
    await learn(steady, tmp_path / "run")
    found = await replay(steady, tmp_path / "run", tmp_path / "again")
    assert found.difference is None, str(found.difference)
    assert found.archive_hash == Record(tmp_path / "run").hash()


@in_loop
async def test_a_search_by_a_program_replays_without_the_program(tmp_path):
    agent = tmp_path / "agent.py"
    agent.write_text(AGENT)
    asked = replace(SEARCH, proposer=f"command:{sys.executable} {agent}")
    summary = await learn(asked, tmp_path / "run")
    assert summary["search"]["candidates"] == 4
    agent.unlink()
    found = await replay(asked, tmp_path / "run", tmp_path / "again")
    assert found.difference is None, str(found.difference)
    assert not (tmp_path / "again/workspaces").exists()


@in_loop
async def test_a_run_that_its_budget_ended_replays(tmp_path):
    few = replace(SEARCH, budget_episodes=60)
    summary = await learn(few, tmp_path / "run")
    assert "budget" in summary["search"]["ended"]
    found = await replay(few, tmp_path / "run", tmp_path / "again")
    assert found.difference is None, str(found.difference)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("update episodes set reward = 0.25 where evaluation_id in (select id from evaluations "
         "where stage = 'search' and design_id != 'no_memory')", "at search"),
        ("update evaluations set id = 'other' || id where stage = 'validation'", "at validation"),
        ("update events set payload = replace(payload, '[]', '[\"x\"]') where kind = 'draws'", "parents"),
    ],
)  # fmt: skip
@in_loop
async def test_the_first_difference_is_named(tmp_path, change, told):
    await learn(SEARCH, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "changed")
    database = sqlite3.connect(tmp_path / "changed/archive.db")
    with database:
        changed = database.execute(change).rowcount
        if change.startswith("update evaluations"):
            for table in ("episodes", "packs"):
                database.execute(
                    f"update {table} set evaluation_id = 'other' || evaluation_id where evaluation_id in "
                    "(select substr(id, 6) from evaluations where id like 'other%')"
                )
    database.close()
    assert changed
    found = await replay(SEARCH, tmp_path / "changed", tmp_path / "again")
    assert found.difference is not None
    assert told in str(found.difference)
    assert "recorded: " in str(found.difference)
    assert found.difference.number > 2


@in_loop
async def test_a_replay_needs_a_run_and_an_empty_folder(tmp_path):
    with pytest.raises(ConfigError, match="holds no run"):
        await replay(SEARCH, tmp_path, tmp_path / "again")
    await learn(SEARCH, tmp_path / "run")
    with pytest.raises(ConfigError, match="is not empty"):
        await replay(SEARCH, tmp_path / "run", tmp_path / "run")


def test_histories_differ_where_they_part():
    one, other = Happening("step 0", "parents none"), Happening("step 1", "parents a", "hash")
    assert first_difference([one, other], [one, other]) is None
    ended = first_difference([one, other], [one])
    assert (ended.number, ended.replayed) == (2, None)
    assert str(ended) == "event 2 differs; recorded: step 1: parents a (hash); replayed: nothing more"
