"""A throw-away machine: what attacks are tried in, so that one which succeeds harms nothing.

`try_attacks` builds one (own user, process, mount, network, message and name spaces, a root of its own in
memory, limits and a deadline), plants canaries in it and runs every attack: without walls, or in a sandbox.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from alma.sandbox.plan import make_plan

HERE = Path(__file__).parent
ORDINARY = 12345


@dataclass(frozen=True)
class Outcome:
    stopped: bool
    how: str


def try_attacks(
    walls: str, *, user: str = "ordinary", without=(), attacks=None, seconds=120
) -> dict[str, Outcome]:
    """Each attack's outcome. `walls`: "none", "namespaces" or "landlock"; `user`: "root" or "ordinary"."""
    plan = make_plan()
    order = {
        "binds": [[bind.source, bind.target] for bind in plan.binds] + [[str(HERE), "/python/machine"]],
        "masks": plan.masks,
        "program": plan.program,
        "environment": plan.environment,
        "walls": walls,
        "user": user,
        "without": list(without),
        "attacks": attacks,
    }
    source = str(HERE.parents[2] / "src")
    done = subprocess.run(
        [sys.executable, str(HERE / "build.py"), json.dumps(order)],
        capture_output=True,
        text=True,
        timeout=seconds,
        env={"PYTHONPATH": source, "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-500:]
    return {name: Outcome(*row) for name, row in json.loads(done.stdout.splitlines()[-1]).items()}
