"""Attacks on a sandbox, as a design could make them: each returns what it got, or raises what stopped it.

They are run as modules without walls in a throw-away machine, which shows that an attack can succeed, and as
the text of a design (`source`) in a worker. `world` names what was planted there. Nothing here may run
outside of both.
"""

from pathlib import Path

from . import files, processes, network, resources, kernel  # isort: skip  the order of the table
from .tools import ATTACKS, CLAIMED, run

__all__ = ["ATTACKS", "CLAIMED", "files", "kernel", "network", "processes", "resources", "run", "source"]

PARTS = ("tools", "files", "processes", "network", "resources", "kernel")


def source() -> str:
    """All parts as one file, which imports nothing of ours."""
    texts = [Path(__file__).with_name(f"{part}.py").read_text(encoding="utf-8") for part in PARTS]
    lines = [line for text in texts for line in text.splitlines() if not line.startswith("from .")]
    return "\n".join(lines) + "\n"
