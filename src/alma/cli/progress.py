"""Progress of long work: a live panel in a terminal, plain lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

import rich.progress
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from alma.cli.screen import Screen
from alma.cli.tally import ENDS, Tally


class Progress:
    """Hears the events of a job (`listen`) and shows them on stderr. Use as a context manager."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self._console = console or Screen(stderr=True, quiet=quiet, highlight=False)
        self._tally = Tally()
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if self._console.is_terminal and not self._console.quiet:
            self._live = Live(
                get_renderable=self._panel, console=self._console, refresh_per_second=4, transient=True
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def listen(self, kind: str, payload: Mapping[str, Any]) -> None:
        self._tally.hear(kind, payload)
        line = self._line(kind, payload)
        if line:
            self._console.print(f"[dim]{self._tally.seconds:6.1f}s[/dim] {line}")

    def _line(self, kind: str, payload: Mapping[str, Any]) -> str:
        """What an event has to say as a line of its own; nothing for most."""
        stage = self._tally.stage
        count = f"{stage.candidates_done:3d}/{stage.candidates}"
        if kind == "search":
            return f"[bold]search {payload['number']} of {payload['of']}: seed {payload['seed']}[/bold]"
        if kind == "stage":
            return f"[bold]{escape(str(payload['name']))}[/bold]"
        if kind == "collected":
            return f"collected {payload['episodes']} episodes without memory, {payload['wins']} won"
        if kind == "no_memory":
            return f"no memory scores {100 * payload['score']:.1f} %"
        if kind == "evaluated":
            score = f"{100 * payload['score']:5.1f} %"
            return f"{count} {score}  {payload['design']} {escape(str(payload['name']))}"
        if kind == "failed":
            return f"{count} failed   {payload['design']} {escape(str(payload['message']))}"
        if kind == "validated":
            score = f"{100 * payload['score']:5.1f} %"
            return f"finalist {score}  {payload['design']} {escape(str(payload['name']))}"
        if kind == "waiting":
            count = payload["requests"]
            return f"waiting for {count} answer{'s' * (count > 1)} to {escape(str(payload['file']))}"
        if kind == "entry":
            return f"  playing {payload['name']}"
        return ""

    def _panel(self) -> RenderableType:
        """The live part: the stage and how far it is, who is in flight, and what it all comes to."""
        tally = self._tally
        head = Table.grid(padding=(0, 1))
        left = tally.seconds_left
        head.add_row(
            Text(tally.stage.name, style="bold"),
            ProgressBar(total=1.0, completed=tally.stage.done(), width=24),
            Text(_parts(tally)),
            Text("" if left is None else f"about {_duration(left)} left in this stage", style="dim"),
        )
        rows: list[RenderableType] = [head]
        for (step, index), (doing, design, name) in sorted(tally.in_flight.items()):
            rows.append(
                Text(f"  step {step} child {index}  {doing:9} {design}  {name}", style="cyan", no_wrap=True)
            )
        best = "–" if tally.best is None else f"{100 * tally.best:.1f} %"
        base = "–" if tally.base is None else f"{100 * tally.base:.1f} %"
        rows.append(Text(f"  best {best} against {base} without memory"))
        rate = f"{tally.episodes} episodes, {tally.rate:.0f} a second"
        rows.append(Text(f"  {rate} · {_spend(tally)} · {_duration(tally.seconds)}", style="dim"))
        return Group(*rows)


class Events:
    """Hears the events of a job and writes each as a line of JSON; episodes only as a sum every second."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._tally = Tally()
        self._told = 0.0

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def listen(self, kind: str, payload: Mapping[str, Any]) -> None:
        self._tally.hear(kind, payload)
        if kind not in ("episode", "finished"):
            self.write(kind, payload)
        now = time.monotonic()
        if now - self._told >= 1.0 or kind in ENDS:
            self._told = now
            self.write("progress", self._tally.as_json())

    def finish(self, payload: Mapping[str, Any]) -> None:
        """The last sums, then the event `finished`."""
        self.write("progress", self._tally.as_json())
        self.write("finished", payload)

    def write(self, kind: str, payload: Mapping[str, Any]) -> None:
        line = json.dumps({"event": kind, **payload})
        self._stream.write(line + "\n")
        self._stream.flush()


class Download:
    """Shows how far a download is: a bar in a terminal, a line every few seconds elsewhere, on stderr."""

    def __init__(self, name: str) -> None:
        console = Screen(stderr=True, highlight=False)
        self._bar = rich.progress.Progress(
            "[progress.description]{task.description}",
            rich.progress.BarColumn(),
            rich.progress.DownloadColumn(),
            rich.progress.TransferSpeedColumn(),
            rich.progress.TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._plain = not console.is_terminal
        self._console, self._name, self._told = console, name, time.monotonic()
        self._task = self._bar.add_task(escape(name), total=None)

    def __enter__(self) -> Download:
        if not self._plain:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._plain:
            self._bar.stop()

    def heard(self, done: int, whole: int | None) -> None:
        self._bar.update(self._task, completed=done, total=whole)
        now = time.monotonic()
        if self._plain and now - self._told > 2:
            self._told = now
            of = f" of {whole / 1e6:.1f}" if whole else ""
            self._console.print(f"{escape(self._name)}: {done / 1e6:.1f}{of} MB", soft_wrap=True)


def _parts(tally: Tally) -> str:
    stage = tally.stage
    if stage.candidates:
        return f"{stage.candidates_done}/{stage.candidates} candidates"
    return f"{stage.episodes_done}/{stage.episodes} episodes" if stage.episodes else ""


def _spend(tally: Tally) -> str:
    if not tally.calls:
        return "no model calls"
    return f"${tally.usd:.2f} in {tally.calls} calls, {tally.tokens} tokens"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02d} min" if hours else f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
    )
