"""The `namespaces` back-end: designs that see no file, network or process of the machine.

Needs Linux with user namespaces, Landlock and seccomp; no root, no package. The walls are in `walls/`,
this module starts them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from alma.sandbox.contract import SandboxReport
from alma.sandbox.plan import ENVIRONMENT, make_plan
from alma.sandbox.self_check import check_walls
from alma.sandbox.zygote_sandbox import ZygoteSandbox, interpreter


class NamespacesSandbox(ZygoteSandbox):
    """A zygote in a root of its own; a worker in own user, process, mount, message and name spaces."""

    name = "namespaces"

    def __init__(self, without: Sequence[str] = ()) -> None:
        """`without`: inner walls to leave out, for tests that show what each is for."""
        super().__init__()
        self._without = without

    def _command(self, control: int) -> tuple[list[str], Mapping[str, str]]:
        plan = json.dumps(make_plan().as_json())
        without = json.dumps(list(self._without))
        return interpreter("alma.sandbox.launcher", str(control), plan, without), ENVIRONMENT

    async def self_check(self) -> SandboxReport:
        return await check_walls(self)
