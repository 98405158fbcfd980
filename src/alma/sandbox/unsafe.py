"""The `unsafe` back-end: each design in a process of its own, with caps and deadlines and no walls.

It keeps a design that raises, hangs, floods or returns nonsense from harming anything but itself. It is
no boundary: the process shares the user's files and network. Taken only where it is asked for by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from alma.records import Design, DesignError, SandboxError
from alma.sandbox.contract import UNSAFE, Limits, NoServices, SandboxReport
from alma.sandbox.plan import ENVIRONMENT
from alma.sandbox.zygote_sandbox import ZygoteSandbox, interpreter

DETAIL = (
    "separate processes with resource limits; no boundary: designs can read your files and use your network"
)


class UnsafeSandbox(ZygoteSandbox):
    """Processes that are separate, not isolated."""

    name = UNSAFE

    def _command(self, control: int) -> tuple[list[str], Mapping[str, str]]:
        settings = json.dumps({"walls": "none"})
        return interpreter("alma.sandbox.zygote", str(control), settings), ENVIRONMENT

    async def self_check(self) -> SandboxReport:
        """Start a worker, load a design that raises and see that the host only hears of it."""
        probe = "from alma.memory import Memory\nclass Probe(Memory):\n    def __init__(self, kit): 1 / 0\n"
        try:
            async with self.open(Design("probe", probe), NoServices(), Limits(), seed=0):
                return SandboxReport(self.name, False, False, "a failing design was not noticed")
        except DesignError as error:
            noticed = "ZeroDivisionError" in str(error)
            return SandboxReport(self.name, noticed, False, DETAIL if noticed else str(error))
        except (SandboxError, OSError) as error:
            return SandboxReport(self.name, False, False, str(error))
