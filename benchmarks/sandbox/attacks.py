"""The table of attacks: what each gets without walls, and under each back-end, in throw-away machines.

    python -m benchmarks.sandbox.attacks

A machine is a set of namespaces with a root in memory; nothing runs outside of one. Exit code 1 when an
attack gets past a back-end that claims to stop it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

COLUMNS: dict[str, dict[str, Any]] = {
    "no walls": {"walls": "none"},
    "outer walls alone": {"walls": "namespaces", "without": ("limits", "capabilities", "landlock", "filter")},
    "without filter": {"walls": "namespaces", "without": ("filter",)},
    "without limits": {"walls": "namespaces", "without": ("limits",)},
    "namespaces": {"walls": "namespaces"},
    "landlock": {"walls": "landlock"},
}


def main() -> int:
    sys.path.insert(0, str(Path("tests/sandbox").resolve()))
    from machine import try_attacks  # type: ignore[import-not-found]
    from machine.attacks import CLAIMED  # type: ignore[import-not-found]

    users = ["root", "ordinary"] if os.getuid() == 0 else ["ordinary"]
    found = {name: [try_attacks(user="ordinary", **how)] for name, how in COLUMNS.items()}
    for name in ("namespaces", "landlock"):
        found[name] = [try_attacks(user=user, **COLUMNS[name]) for user in users]
    print(
        f"`namespaces` and `landlock`: as {' and as '.join(users)} user. The last column is what the kernel"
    )
    print("says where there are no walls and an attack is refused all the same.\n")
    print(f"| attack | {' | '.join(COLUMNS)} | refused anyway |")
    print(f"| --- | {' | '.join('---' for _ in COLUMNS)} | --- |")
    holes = 0
    for attack, claimed in CLAIMED.items():
        cells = []
        for name in COLUMNS:
            stopped = all(one[attack].stopped for one in found[name])
            claims = name not in ("namespaces", "landlock") or name in claimed
            cells.append("stopped" if stopped else "**succeeds**" if claims else "succeeds (not claimed)")
            holes += not stopped and name in claimed
        answer = found["no walls"][0][attack]
        how = answer.how.replace("|", "/")[:40] if answer.stopped else ""
        print(f"| {attack} | {' | '.join(cells)} | {how} |")
    print(f"\n{holes} attacks get past a back-end that claims to stop them.")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
