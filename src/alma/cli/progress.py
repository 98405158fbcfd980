"""Progress of long work: a live line in a terminal, plain lines elsewhere. Everything goes to stderr."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Progress:
    """Hears the events of a job (`listen`) and shows them. Use as a context manager."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._status: Status | None = None
        self._started = time.monotonic()
        self._stage = "starting"
        self._episodes = 0
        self._candidates = 0
        self._of = 0
        self._base: float | None = None
        self._best: float | None = None
        self._shown = 0.0

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._status = self._console.status("starting")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def listen(self, kind: str, payload: Mapping[str, Any]) -> None:
        if kind == "episode":
            self._episodes += 1
        elif kind == "stage":
            self._stage = str(payload["name"])
            self._of = int(payload.get("candidates", self._of))
            self._candidates = 0
            self._say(f"[bold]{escape(self._stage)}[/bold]")
        elif kind == "collected":
            self._say(f"collected {payload['episodes']} episodes without memory, {payload['wins']} won")
        elif kind == "no_memory":
            self._base = payload["score"]
            self._say(f"no memory scores {100 * payload['score']:.1f} %")
        elif kind in ("evaluated", "failed", "duplicate"):
            self._candidates += 1
            if kind == "evaluated":
                self._best = max(self._best or 0.0, payload["score"])
                score = f"{100 * payload['score']:5.1f} %"
                self._say(f"{self._count()} {score}  {payload['design']} {escape(str(payload['name']))}")
            elif kind == "failed":
                why = escape(str(payload["message"]))
                self._say(f"{self._count()} failed   {payload['design']} {why}")
        elif kind == "validated":
            score = f"{100 * payload['score']:5.1f} %"
            self._say(f"finalist {score}  {payload['design']} {escape(str(payload['name']))}")
        elif kind == "entry":
            self._say(f"  playing {payload['name']}")
        self._refresh()

    def _count(self) -> str:
        return f"{self._candidates:3d}/{self._of}"

    def _say(self, line: str) -> None:
        self._console.print(f"[dim]{time.monotonic() - self._started:6.1f}s[/dim] {line}")

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._status is None or now - self._shown < 0.2:
            return
        self._shown = now
        rate = self._episodes / max(1e-9, now - self._started)
        best = "" if self._best is None else f", best {100 * self._best:.1f} %"
        base = "" if self._base is None else f" against {100 * self._base:.1f} % without memory"
        self._status.update(
            f"{escape(self._stage)}: {self._episodes} episodes, {rate:.0f} a second{best}{base}"
        )
