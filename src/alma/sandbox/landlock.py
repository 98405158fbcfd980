"""The `landlock` back-end: the inner walls alone, for places without namespaces, such as a container.

The kernel still refuses files, network, processes and signals. What it doesn't do: hide that a file
exists, hide the host's processes from being counted, or give a worker a /tmp (there is none here).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from alma.sandbox.contract import SandboxReport
from alma.sandbox.plan import ENVIRONMENT, readable
from alma.sandbox.self_check import check_walls
from alma.sandbox.zygote_sandbox import ZygoteSandbox, interpreter

REMARK = "; that a file exists, and its size, stays visible"


class LandlockSandbox(ZygoteSandbox):
    """Workers in the machine's own spaces, held by Landlock, the call filter and limits."""

    name = "landlock"

    def __init__(self, without: Sequence[str] = ()) -> None:
        """`without`: inner walls to leave out, for tests that show what each is for."""
        super().__init__()
        self._without = without

    def _command(self, control: int) -> tuple[list[str], Mapping[str, str]]:
        read, folders = readable()
        settings = {"walls": "landlock", "read": read, "folders": folders, "without": list(self._without)}
        return interpreter("alma.sandbox.zygote", str(control), json.dumps(settings)), ENVIRONMENT

    async def self_check(self) -> SandboxReport:
        return await check_walls(self, REMARK)
