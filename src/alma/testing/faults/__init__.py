"""Faults on purpose: a program that is killed, starved or cut off at a chosen moment, for tests of a crash.

    python -m alma.testing.faults kill-after@12 drop@3 -- -m alma.cli.main learn ...

A moment is the number of a commit of the archive or of a model call, so it is the same in every run. The
program under test holds no line for this: faults sit in `sqlite3`, `time`, the providers' entry points and
the process tree. Real disks that are full or read-only are made in a namespace (`in_namespace`).
"""

from alma.testing.faults.plan import KINDS, Fault, install, parse
from alma.testing.faults.processes import command, descendants, in_namespace, processes, start

__all__ = ["KINDS", "Fault", "command", "descendants", "in_namespace", "install", "parse", "processes", "start"]
