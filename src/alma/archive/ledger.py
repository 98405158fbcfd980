"""The ledger in SQL: each paid call is reserved before it is made and settled after.

A reservation is on disk before the request leaves, so a crash can't hide a call that cost money. Not a
budget: what may be spent is decided in `learning`.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict

from sqlalchemy import Connection, TextClause, func, select, text, update

from alma.archive.database import Database
from alma.archive.tables import Call
from alma.records import Finish, Settled, Usage

_FIELDS = ("calls", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "usd")

# Written out, because every call of a model passes here: composing them takes longer than running them.
_RESERVE = text(
    "INSERT INTO calls (run_id, number, key, role, model, state, worst_case_usd, reserved, "
    + ", ".join(_FIELDS)
    + ") SELECT :run_id, COALESCE(MAX(number), 0) + 1, :key, :role, :model, 'reserved', :worst_case_usd, "
    ":now, 0, 0, 0, 0, 0, 0.0 FROM calls WHERE run_id = :run_id RETURNING number"
)
_OPEN = "WHERE run_id = :run_id AND number = :number AND state = 'reserved'"
_SETTLE = text(
    "UPDATE calls SET state = 'settled', settled = :now, answer = :answer, finish = :finish, "
    + ", ".join(f"{name} = :{name}" for name in _FIELDS)
    + f" {_OPEN}"
)
_RELEASE = text(f"UPDATE calls SET state = 'released', settled = :now {_OPEN}")
# The sum keeps SQLite from walking all calls in order of their number, which takes longer with each.
_RECORDED = text(
    f"SELECT answer, finish, {', '.join(_FIELDS)} FROM calls "
    "WHERE run_id = :run_id AND key = :key AND state = 'settled' ORDER BY number + 0 LIMIT 1"
)


class SqlLedger:
    """Books the calls of one run (`alma.records.Ledger`). Every method may raise ArchiveError."""

    def __init__(self, database: Database, run_id: str) -> None:
        self.database = database
        self.run_id = run_id
        self._together: Connection | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction, and one wait for the disk, for all that is booked inside."""
        with self.database.write() as self._together:
            try:
                yield
            finally:
                self._together = None

    def reserve(self, key: str, role: str, model: str, worst_case_usd: float) -> int:
        """Book a call that is about to be made, at its worst-case price; returns its number."""
        values = {"key": key, "role": role, "model": model, "worst_case_usd": worst_case_usd}
        with self._write() as connection:
            return int(connection.execute(_RESERVE, self._here(values)).scalar_one())

    def settle(self, call_id: int, usage: Usage, answer: str, finish: Finish = "stop") -> None:
        """Book the true usage and keep the answer. Raises ValueError when the call isn't open."""
        body = zlib.compress(answer.encode("utf-8", "surrogatepass"))
        self._close(_SETTLE, call_id, {"answer": body, "finish": finish, **asdict(usage)})

    def release(self, call_id: int) -> None:
        """The call cost nothing (never sent, or refused). Raises ValueError when it isn't open."""
        self._close(_RELEASE, call_id, {})

    def recorded(self, key: str) -> Settled | None:
        """The first settled call under `key`, for resume and replay."""
        with self.database.read() as connection:
            row = connection.execute(_RECORDED, {"run_id": self.run_id, "key": key}).first()
        if row is None:
            return None
        answer, finish, *numbers = row
        usage = Usage(**dict(zip(_FIELDS, numbers, strict=True)))
        return Settled(zlib.decompress(answer).decode("utf-8", "surrogatepass"), usage, finish or "stop")

    def book_lost(self) -> int:
        """Book calls that a crash left open as lost at worst-case price; returns how many.

        Only for the run's one writer, before it makes its first call: whatever is open then has no owner.
        """
        here = (Call.run_id == self.run_id, Call.state == "reserved")
        lost = {"state": "lost", "calls": 1, "usd": Call.worst_case_usd, "settled": time.time()}
        with self.database.write() as connection:
            return int(connection.execute(update(Call).where(*here).values(**lost)).rowcount)

    def spent(self, role: str | None = None) -> Usage:
        """Settled and lost calls added up; open reservations count as one call each at worst-case price."""
        here = [Call.run_id == self.run_id] + ([] if role is None else [Call.role == role])
        sums = [func.coalesce(func.sum(getattr(Call, name)), 0) for name in _FIELDS]
        unsettled = (func.count(), func.coalesce(func.sum(Call.worst_case_usd), 0.0))
        with self.database.read() as connection:
            booked = connection.execute(select(*sums).where(*here)).one()
            calls, usd = connection.execute(select(*unsettled).where(*here, Call.state == "reserved")).one()
        settled = Usage(**dict(zip(_FIELDS, booked, strict=True)))
        return settled + Usage(calls=calls, usd=float(usd))

    def lost(self) -> Usage:
        """What was booked as lost, so that a report can show it on a line of its own."""
        here = (Call.run_id == self.run_id, Call.state == "lost")
        totals = select(func.count(), func.coalesce(func.sum(Call.usd), 0.0)).where(*here)
        with self.database.read() as connection:
            calls, usd = connection.execute(totals).one()
        return Usage(calls=calls, usd=float(usd))

    def _close(self, statement: TextClause, call_id: int, values: Mapping[str, object]) -> None:
        with self._write() as connection:
            if connection.execute(statement, self._here({"number": call_id, **values})).rowcount == 0:
                raise ValueError(f"call {call_id} is not open in the ledger")

    def _here(self, values: Mapping[str, object]) -> dict[str, object]:
        return {"run_id": self.run_id, "now": time.time(), **values}

    def _write(self) -> AbstractContextManager[Connection]:
        return self.database.write() if self._together is None else nullcontext(self._together)
