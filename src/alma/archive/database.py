"""Opening an archive's database: settings, schema version, and errors in words a user can act on.

Everything that differs between SQLite and a database server stays here. Not for queries: those are in
`reading` and `sql`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, inspect, make_url, text
from sqlalchemy.pool import QueuePool

from alma.archive.contract import ArchiveError
from alma.records import ConfigError

SCHEMA = "0003"
"""The newest migration. Revisions are numbered, so a database with a greater one is newer than this code."""

BUSY_SECONDS = 20.0
"""How long a write waits for another process before it gives up."""


@dataclass(frozen=True, slots=True)
class Database:
    """An open database. Owned by whoever called `open_database`, who closes it."""

    engine: Engine
    where: str

    def read(self) -> AbstractContextManager[Connection]:
        """A connection whose reads see one moment. Raises ArchiveError."""
        return self._translated(self.engine.begin)

    def write(self) -> AbstractContextManager[Connection]:
        """One transaction, on disk when the block ends without an error. Raises ArchiveError."""
        return self._translated(self.engine.execution_options(alma_begin="BEGIN IMMEDIATE").begin)

    def problems(self) -> list[str]:
        """What SQLite's own checks find wrong with the file; empty when it's sound."""
        if self.engine.dialect.name != "sqlite":
            return []
        with self.read() as connection:
            found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            orphans = [
                f"row without its parent in {row[0]}"
                for row in connection.exec_driver_sql("PRAGMA foreign_key_check")
            ]
        return [line for line in found if line != "ok"] + orphans

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _translated(self, begin: Callable[[], AbstractContextManager[Connection]]) -> Iterator[Connection]:
        try:
            with begin() as connection:
                yield connection
        except exc.DBAPIError as error:
            raise ArchiveError(_reason(error, self.where)) from error


def open_database(where: str | Path, *, create: bool = True, read_only: bool = False) -> Database:
    """Open the database at a path or SQLAlchemy URL, and bring its schema up to date.

    Raises ConfigError when it isn't there (and `create` is off), is no ALMA archive, is damaged, or was
    written by a newer ALMA; ArchiveError when the disk or server doesn't let us.
    """
    path = _sqlite_path(where)
    if path is None:
        database = Database(
            _server_engine(str(where)), make_url(str(where)).render_as_string(hide_password=True)
        )
    else:
        if not path.exists() and (read_only or not create):
            raise ConfigError(f"no archive at {path}")
        database = Database(_file_engine(path, read_only), str(path))
    try:
        _check_schema(database, read_only=read_only)
    except BaseException:
        database.close()
        raise
    return database


def examine(path: Path) -> tuple[str, list[str]]:
    """The schema's version and what is wrong with the file, which is only read, whatever its version.

    Raises ConfigError when it is missing or no archive, ArchiveError when it can't be read.
    """
    if not path.exists():
        raise ConfigError(f"no archive at {path}")
    database = Database(_file_engine(path, read_only=True), str(path))
    try:
        with database.read() as connection:
            found = _schema_of(connection)
        if not found:
            raise ConfigError(f"{path} is {'empty' if found == '' else 'a database of something else'}")
        return found, database.problems()
    finally:
        database.close()


def _sqlite_path(where: str | Path) -> Path | None:
    if isinstance(where, Path) or "://" not in where:
        return Path(where)
    try:
        url = make_url(where)
    except exc.ArgumentError as error:
        raise ConfigError(f"{where!r} is not a database URL") from error
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database == ":memory:":
        raise ConfigError("an archive needs a file; an in-memory SQLite database would be lost")
    return Path(url.database)


def _server_engine(url: str) -> Engine:
    try:
        engine = create_engine(url, json_serializer=to_json, pool_pre_ping=True)
    except (exc.ArgumentError, exc.NoSuchModuleError, ImportError) as error:
        raise ConfigError(f"can't use the database URL: {error} (is its driver installed?)") from error
    return engine


def _file_engine(path: Path, read_only: bool) -> Engine:
    options = _read_only_options(path) if read_only else "mode=rwc"
    uri = f"file:{quote(str(path.absolute()))}?{options}"

    def connect() -> sqlite3.Connection:
        # isolation_level=None: Python's own implicit transactions would leave DDL and reads outside.
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys=ON")
            if not read_only:
                connection.execute("PRAGMA journal_mode=WAL")
                # FULL: what was reported as kept is still there after a power cut; NORMAL may lose it.
                connection.execute("PRAGMA synchronous=FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        creator=connect,
        poolclass=QueuePool,
        json_serializer=to_json,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("alma_begin", "BEGIN"))

    return engine


def _read_only_options(path: Path) -> str:
    """A WAL database in a folder that can't be written is readable only if told that nobody writes to it."""
    log = path.with_name(path.name + "-wal")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        if not log.exists() or log.stat().st_size == 0:
            return "mode=ro&immutable=1"
    except sqlite3.DatabaseError:
        pass  # not a database: said in the user's words when the schema is checked
    return "mode=ro"


def _check_schema(database: Database, *, read_only: bool) -> None:
    try:
        with database.engine.begin() as connection:
            found = _schema_of(connection)
    except exc.DBAPIError as error:
        if _is_damaged(error):
            raise ConfigError(
                f"{database.where} is not a readable SQLite database ({error.orig}): "
                "move it away, or put back a copy that works"
            ) from error
        raise ArchiveError(_reason(error, database.where)) from error
    if found == SCHEMA:
        return
    if found is None:
        raise ConfigError(f"{database.where} is a database of something else than ALMA: choose another place")
    if found > SCHEMA:
        raise ConfigError(
            f"{database.where} was written by a newer ALMA (schema {found}, this one knows {SCHEMA}): "
            "upgrade alma-meta"
        )
    if read_only:
        what = f"was written by an older ALMA (schema {found})" if found else "is empty"
        raise ConfigError(f"{database.where} {what}: open it for writing once, for example by `alma resume`")
    upgrade(database)


def _schema_of(connection: Connection) -> str | None:
    """The revision, "" for an empty database, None for a database that isn't an archive."""
    names = inspect(connection).get_table_names()
    if "alembic_version" not in names:
        return None if names else ""
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations up to `revision` in one transaction. Raises ArchiveError."""
    # Alembic takes a quarter of a second to import, and most runs find their schema up to date.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    try:
        with database.engine.execution_options(alma_begin="BEGIN IMMEDIATE").connect() as connection:
            if connection.dialect.name == "sqlite":
                # A migration that rebuilds a table must not trip over its references. Only settable here,
                # before the transaction.
                connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            with connection.begin():
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
            if connection.dialect.name == "sqlite":
                connection.connection.cursor().execute("PRAGMA foreign_keys=ON")
    except exc.DBAPIError as error:
        raise ArchiveError(_reason(error, database.where)) from error


def to_json(value: Any) -> str:
    """JSON for a column: keys keep their order, Mappings are fine, NaN is refused with ValueError."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _is_damaged(error: exc.DBAPIError) -> bool:
    return any(
        words in str(error.orig) for words in ("not a database", "malformed", "unsupported file format")
    )


def _reason(error: exc.DBAPIError, where: str) -> str:
    said = str(error.orig).strip()
    cures = {
        "disk is full": "free some space, then `alma resume`",
        "readonly": "make it writable, or copy the run to a place that is",
        "locked": "another process is writing to it; wait for it or stop it",
        "unable to open": "check that the folder exists and may be written",
        "disk I/O": "check the disk, then `alma resume`",
        "malformed": "the file is damaged: put back a copy that works",
        "not a database": "the file is damaged: put back a copy that works",
    }
    cure = next((cure for words, cure in cures.items() if words in said), "")
    return f"archive {where}: {said}" + (f"; {cure}" if cure else "")
