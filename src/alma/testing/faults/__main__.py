"""Runs a module with faults: `python -m alma.testing.faults FAULT... -- -m MODULE ARGUMENTS...`."""

from __future__ import annotations

import runpy
import sys

from alma.testing.faults.plan import install, parse


def main(arguments: list[str]) -> None:
    middle = arguments.index("--")
    install([parse(text) for text in arguments[:middle]])
    dash, module, *rest = arguments[middle + 1 :]
    if dash != "-m":
        raise SystemExit("give -m MODULE after --")
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


main(sys.argv[1:])
