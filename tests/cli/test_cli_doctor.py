"""`alma doctor RUN`: a sound run is said to be sound; each kind of damage is named, with exit code 1."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from alma.archive import SCHEMA
from alma.cli.main import run
from alma.experiments.lock import run_lock
from alma.testing.plug_in import install_toy

SMALL = (
    "learn --domain toy --agent reader --steps 1 --children 2 --collect-size 4 --deploy-size 3 "
    "--validation-size 2 --finalists 1 --repeats 1 --workers 1 --held-out-size 0 --sandbox unsafe"
).split()


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "run"
    with pytest.MonkeyPatch.context() as patch:
        plug_in = install_toy(tmp_path_factory.mktemp("plug-in"))
        patch.syspath_prepend(plug_in)
        patch.setenv("PYTHONPATH", str(plug_in))
        assert run([*SMALL, "--run", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(sound, tmp_path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "run"))


def examined(folder, capsys):
    code = run(["doctor", str(folder), "--json"])
    return code, {row["what"]: (row["ok"], row["detail"]) for row in json.loads(capsys.readouterr().out)}


def sql(folder, statement):
    with closing(sqlite3.connect(folder / "archive.db")) as connection, connection:
        connection.execute(statement)


def test_a_sound_run_has_a_line_for_each_thing_and_is_not_changed(copy, capsys):
    before = (copy / "archive.db").read_bytes()
    assert run(["doctor", str(copy)]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[1] for line in printed.splitlines()] == [
        "schema", "integrity", "records", "designs", "lock", "config.toml", "summary.json",
    ]  # fmt: skip
    assert all(line.startswith("ok ") for line in printed.splitlines())
    assert f" {SCHEMA}\n" in printed
    assert (copy / "archive.db").read_bytes() == before


def cut(folder):
    path = folder / "archive.db"
    path.write_bytes(path.read_bytes()[: 40 * 1024])


def scribble(folder):
    data = bytearray((folder / "archive.db").read_bytes())
    data[4096 * 12 : 4096 * 16] = b"\xff" * (4096 * 4)
    (folder / "archive.db").write_bytes(data)


DAMAGE = {
    "a file that is no database": (lambda f: (f / "archive.db").write_text("x" * 9000), "archive", "not a"),
    "a file that was cut": (cut, "archive|integrity check|records", "malformed|rror|invalid|missing|damaged"),
    "overwritten pages": (scribble, "archive|integrity check|records", "."),
    "a row without its parent": (
        lambda f: sql(f, "DELETE FROM designs"), "integrity check", "row without its parent",
    ),
    "a trajectory": (lambda f: sql(f, "UPDATE packs SET body = x'00'"), "records", "damaged trajectories"),
    "a newer schema": (
        lambda f: sql(f, "UPDATE alembic_version SET version_num = '0999'"), "schema", "upgrade alma-meta",
    ),
    "another program's database": (
        lambda f: ((f / "archive.db").unlink(), sql(f, "CREATE TABLE recipes (name TEXT)")),
        "archive", "something else",
    ),
    "a changed design": (
        lambda f: next((f / "designs").glob("*/memory.py")).write_text("x = 1"), "designs", "not as in",
    ),
    "a configuration": (lambda f: (f / "config.toml").write_text("= ="), "config.toml", "."),
    "a summary": (lambda f: (f / "summary.json").write_text("{"), "summary.json", "."),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(copy, capsys, kind):
    import re

    damage, where, says = DAMAGE[kind]
    damage(copy)
    code, rows = examined(copy, capsys)
    assert code == 1
    wrong = {what: detail for what, (ok, detail) in rows.items() if not ok}
    assert wrong
    assert all(re.fullmatch(where, what) for what in wrong), wrong
    assert all(re.search(says, detail) for detail in wrong.values()), wrong
    assert not any("Traceback" in detail or "\n" in detail for detail in wrong.values())


def test_an_older_schema_is_no_damage_and_is_left_as_it_is(copy, capsys):
    sql(copy, "UPDATE alembic_version SET version_num = '0001'")
    code, rows = examined(copy, capsys)
    assert code == 0
    assert rows["schema"][1].startswith(f"0001, this ALMA has {SCHEMA}")


def test_who_holds_a_run_is_told(copy, capsys):
    with run_lock(copy):
        code, rows = examined(copy, capsys)
    assert code == 0
    assert rows["lock"][1].startswith("held by process ")
    assert examined(copy, capsys)[1]["lock"] == (True, "free")


def test_a_folder_without_a_run_is_bad_input(tmp_path, capsys):
    assert run(["doctor", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"alma: {tmp_path} holds no run (no archive.db in it)\n"
