"""Opening databases that aren't what they should be, and the schema's way from first to last."""

import json
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import alma.archive
from alma.archive import ArchiveError, database, open_archive
from alma.archive.database import SCHEMA, open_database, upgrade
from alma.archive.tables import Base
from alma.records import ConfigError, Phase, Protocol


def test_a_fresh_archive_has_the_schema_of_the_code(archive):
    with archive.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == SCHEMA
        assert compare_metadata(context, Base.metadata) == []


def test_the_code_knows_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(Path(alma.archive.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_an_archive_of_the_first_schema_is_brought_up_to_date(path, monkeypatch):
    with monkeypatch.context() as past:
        past.setattr(database, "_check_schema", lambda *_, **__: None)
        old = open_database(path)
    upgrade(old, "0001")
    with old.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO runs VALUES ('run', '1', '{}', 'running', 0, NULL, '{}')")
        row = "'run', 'e', 1, 'd', 'search', ?, 0.5, 1.0, '', NULL, 0"
        protocol = json.dumps(Protocol("toy", Phase("train", 1), Phase("train", 1, 1), 1, 30, 5).as_json())
        connection.exec_driver_sql(f"INSERT INTO evaluations VALUES ({row})", (protocol,))
    old.close()
    with open_archive(path) as archive:
        archive.start_run("run", {}, 1)
        assert archive.database.problems() == []
        (evaluation,) = archive.evaluations()
        assert (evaluation.design_id, evaluation.log) == ("d", ())


def test_sqlite_is_set_up_to_keep_what_it_reported(archive):
    with archive.database.read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_missing_archive_is_said_to_be_missing(path):
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(ConfigError, match="no archive at"):
            open_archive(path, **options)
    assert not path.exists()


def test_a_file_that_is_no_database_is_named_and_left_alone(path):
    path.write_text("this is a shopping list\n" * 100)
    for read_only in (False, True):
        with pytest.raises(ConfigError, match=r"archive\.db is not a readable SQLite database.*move it away"):
            open_archive(path, read_only=read_only)
    assert path.read_text().startswith("this is a shopping list")


def test_a_damaged_database_is_named(path):
    with open_archive(path) as archive:
        archive.start_run("run", {}, 1)
    content = bytearray(path.read_bytes())
    content[100:4096] = b"damage" * 666
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"archive\.db is not a readable SQLite database"):
        open_archive(path)


def test_damage_behind_the_first_page_is_found_by_the_check_or_at_the_read(path, evaluation):
    with open_archive(path) as archive:
        archive.start_run("run", {}, 1)
        archive.add_evaluation(evaluation("e", "no_memory"))
        with archive.database.write() as connection:
            connection.exec_driver_sql("UPDATE packs SET body = x'00'")
        with pytest.raises(ArchiveError, match="damaged trajectories"):
            archive.get_evaluation("e", trajectories=True)
        assert archive.get_evaluation("e").reward == 0.5


def test_a_newer_archive_is_not_touched(path):
    open_archive(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(ConfigError, match=r"newer ALMA \(schema 0999.*upgrade alma-meta"):
        open_archive(path)


def test_a_database_of_another_program_is_not_touched(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(ConfigError, match="something else than ALMA"):
        open_archive(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_an_empty_file_becomes_an_archive_unless_it_is_only_read(path):
    path.touch()
    with pytest.raises(ConfigError, match="is empty"):
        open_archive(path, read_only=True)
    open_archive(path).close()


def test_writing_through_a_reader_is_an_archive_error(path, archive):
    with open_archive(path, read_only=True) as reader, pytest.raises(ArchiveError, match="readonly"):
        reader.add_event("x", {})


def test_a_full_disk_is_said_to_be_full_and_loses_nothing(archive, evaluation):
    archive.add_evaluation(evaluation("e1", "no_memory"))
    with archive.database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(ArchiveError, match="disk is full; free some space"):
        archive.add_evaluation(evaluation("e2", "no_memory", rewards=[0.5] * 2000))
    assert [one.id for one in archive.evaluations()] == ["e1"]
    assert archive.database.problems() == []


def test_a_second_writer_waits_and_then_says_why(path, archive, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with (
        open_archive(path) as other,
        archive.database.write(),
        pytest.raises(ArchiveError, match="another process"),
    ):
        other.add_event("x", {})


def test_a_folder_that_does_not_exist_is_an_archive_error(tmp_path):
    with pytest.raises(ArchiveError, match="check that the folder exists"):
        open_archive(tmp_path / "nowhere" / "archive.db")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://", "in-memory"),
        ("nonsense://host/db", "can't use the database URL"),
        ("://", "not a database URL"),
    ],
)
def test_unusable_urls_are_refused(url, message):
    with pytest.raises(ConfigError, match=message):
        open_archive(url)


def test_a_path_may_be_given_as_url_and_hold_odd_characters(tmp_path):
    odd = tmp_path / "a %20? # b"
    odd.mkdir()
    open_archive(odd / "archive.db").close()
    assert (odd / "archive.db").exists()
    with open_archive(f"sqlite:///{tmp_path}/plain.db") as archive:
        archive.start_run("run", {}, 1)
    assert (tmp_path / "plain.db").exists()


def test_an_archive_that_is_up_to_date_opens_without_alembic(path):
    """Alembic costs a quarter of a second to import, which `alma status` shouldn't pay."""
    open_archive(path).close()
    code = (
        "import sys; from alma.archive import open_archive as o; o(sys.argv[1]).close(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "alembic" not in done.stdout.split()


def test_what_the_first_schema_held_is_still_there_after_all_migrations(path, monkeypatch):
    """Rows as the first schema wrote them: a run, a design, a settled call and one that was in flight."""
    with monkeypatch.context() as past:
        past.setattr(database, "_check_schema", lambda *_, **__: None)
        old = open_database(path)
    upgrade(old, "0001")
    old.close()
    usage = "calls, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, usd"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO runs (id, seed, config, status, started, summary) "
            "VALUES ('run', '1', '{}', 'running', 1.0, '{}')"
        )
        call = (
            "INSERT INTO calls (run_id, number, key, role, model, state, worst_case_usd, reserved, answer, "
        )
        call += f"{usage}) VALUES ('run', ?, ?, 'executor', 'm', ?, 0.5, 1.0, ?, 1, 2, 3, 0, 0, 0.25)"
        connection.execute(call, (1, "a", "settled", zlib.compress(b"an answer")))
        connection.execute(call, (2, "b", "reserved", None))
    with open_archive(path, "run") as archive:
        known = archive.ledger().recorded("a")
        assert (known.text, known.usage.tokens, known.usage.usd, known.finish) == (
            "an answer",
            5,
            0.25,
            "stop",
        )
        assert archive.ledger().book_lost() == 1
        assert archive.ledger().lost().usd == 0.5
        assert archive.database.problems() == []
        with archive.database.read() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
