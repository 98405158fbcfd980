"""The first step of the `namespaces` back-end: build a root, move into it, become the zygote there.

Its arguments are the number of the control socket, then the plan and the inner walls to leave out, in JSON.
It tells the host over the socket what the kernel refused; nothing of a design runs here.
"""

from __future__ import annotations

import json
import os
import socket
import sys

from alma.sandbox.plan import Plan
from alma.sandbox.walls import outer


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    plan, without = Plan.from_json(json.loads(sys.argv[2])), json.loads(sys.argv[3])
    try:
        proc = outer.settle(plan.binds, plan.masks)
        os.set_inheritable(control.fileno(), True)
        os.set_inheritable(proc, True)
        settings = json.dumps({"walls": "namespaces", "proc": proc, "without": without})
        command = [plan.program, "-s", "-P", "-m", "alma.sandbox.zygote", str(control.fileno()), settings]
        os.execve(plan.program, command, plan.environment)
    except OSError as error:
        control.send(f"failed: {error.strerror or error}".encode())
        sys.exit(1)


if __name__ == "__main__":
    main()
