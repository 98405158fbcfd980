"""The ledger in SQL: each paid call is reserved before it is made and settled after.

A reservation is on disk before the request leaves, so a crash can't hide a call that cost money. Not a
budget: what may be spent is decided in `learning`.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import asdict

from sqlalchemy import func, insert, select, update

from alma.archive.database import Database
from alma.archive.tables import Call
from alma.records import Finish, Settled, Usage

_FIELDS = ("calls", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "usd")


class SqlLedger:
    """Books the calls of one run (`alma.records.Ledger`). Every method may raise ArchiveError."""

    def __init__(self, database: Database, run_id: str) -> None:
        self.database = database
        self.run_id = run_id

    def reserve(self, key: str, role: str, model: str, worst_case_usd: float) -> int:
        """Book a call that is about to be made, at its worst-case price; returns its number."""
        with self.database.write() as connection:
            last = select(func.coalesce(func.max(Call.number), 0)).where(Call.run_id == self.run_id)
            number = int(connection.execute(last).scalar_one()) + 1
            row = {"run_id": self.run_id, "number": number, "key": key, "role": role, "model": model}
            row |= {"state": "reserved", "worst_case_usd": worst_case_usd, "reserved": time.time()}
            connection.execute(insert(Call).values(**row, **asdict(Usage())))
        return number

    def settle(self, call_id: int, usage: Usage, answer: str, finish: Finish = "stop") -> None:
        """Book the true usage and keep the answer. Raises ValueError when the call isn't open."""
        body = zlib.compress(answer.encode("utf-8", "surrogatepass"))
        self._close(call_id, state="settled", answer=body, finish=finish, **asdict(usage))

    def release(self, call_id: int) -> None:
        """The call cost nothing (never sent, or refused). Raises ValueError when it isn't open."""
        self._close(call_id, state="released")

    def recorded(self, key: str) -> Settled | None:
        """The first settled call under `key`, for resume and replay."""
        here = (Call.run_id == self.run_id, Call.key == key, Call.state == "settled")
        columns = [getattr(Call, name) for name in _FIELDS]
        with self.database.read() as connection:
            row = connection.execute(
                select(Call.answer, Call.finish, *columns).where(*here).order_by(Call.number).limit(1)
            ).first()
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

    def _close(self, call_id: int, **values: object) -> None:
        here = (Call.run_id == self.run_id, Call.number == call_id, Call.state == "reserved")
        with self.database.write() as connection:
            if (
                connection.execute(update(Call).where(*here).values(settled=time.time(), **values)).rowcount
                == 0
            ):
                raise ValueError(f"call {call_id} is not open in the ledger")
