"""Programs with faults as processes, the process tree under one, and disks that are full or read-only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any


def start(faults: Sequence[object], *arguments: str, **how: Any) -> subprocess.Popen[str]:
    """`alma ARGUMENTS` with these faults, in a group of its own; `how` goes to Popen."""
    command = [sys.executable, "-m", "alma.testing.faults", *map(str, faults), "--", "-m", "alma.cli.main"]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True, **how}
    return subprocess.Popen([*command, *arguments], text=True, **how)


def processes(*, group: int | None = None, parent: int | None = None) -> list[int]:
    """Processes of a group or of a parent that are alive, from /proc (`pgrep` isn't everywhere)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, above, leader = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                wanted = (parent is None or int(above) == parent) and (group is None or int(leader) == group)
                if wanted and state != "Z":
                    found.append(int(entry.name))
    return found


def descendants(pid: int, wanted: Callable[[str], bool] = lambda words: True) -> list[int]:
    """Children of a process whose command line is `wanted`, with all that is below them; parents first."""
    found = []
    for child in processes(parent=pid):
        if wanted(command(child)):
            found += [child, *descendants(child)]
    return found


def command(pid: int) -> str:
    """The command line of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def in_namespace(script: str, folder: Path, *, seconds: float = 300) -> list[str]:
    """Run a shell script in `folder` where its mounts are its own; returns the lines that it printed."""
    unshare = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    done = subprocess.run(
        [*unshare, "bash", "-c", f"set -u\nexec 2>&1\ncd {folder}\n{script}"],
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    return done.stdout.splitlines()
