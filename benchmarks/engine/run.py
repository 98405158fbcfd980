"""Measures our ALFWorld engine and the stock one on the same games and commands, in one run.

    python benchmarks/engine/run.py [--games N] [--steps N] [--official PATH] [--json]

Needs the extra `oracle` for the stock column; without it only ours is measured. Seconds are CPU seconds
of this process, so other work on the machine matters little. `new` steps are the first visit of a state,
`again` a second play of the same game, whose texts and command lists are still in the board's caches.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from alma.domains.alfworld.engine import Board, Game
from alma.domains.alfworld.households import generate, household_tasks
from alma.domains.alfworld.oracle import household_games, official_games
from alma.domains.alfworld.stock import StockEngine
from alma.domains.alfworld.walks import walk
from alma.domains.alfworld.world import load_world
from alma.records import ConfigError

GENERATED = 200


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--games", type=int, default=6, help="household games (official: as many again)")
    parser.add_argument("--steps", type=int, default=30, help="steps in each game")
    parser.add_argument("--official", type=Path, help="folder or .tar.gz with official games")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    games = list(household_games(options.games))
    if options.official is not None:
        games += official_games(options.official, options.games)
    try:
        stock = StockEngine()
    except ConfigError as error:
        stock = None
        print(f"only our engine is measured: {error}")
    rows = [_measure(label, game, options.steps, stock) for label, game in games]
    report = {name: median(row[name] for row in rows) for name in rows[0]}
    report["ours_generate_seconds"] = _generation()
    report["games"], report["steps_a_game"] = len(rows), options.steps
    if stock is not None:
        report["step_ratio"] = report["stock_step_seconds"] / report["ours_step_new_seconds"]
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _table(report)


def _measure(label: str, game: str, steps: int, stock: StockEngine | None) -> dict[str, float]:
    row: dict[str, float] = {}
    load_world(game)  # compiles the grammar, which games of one version share
    board, row["ours_load_seconds"] = _timed(lambda: Board(load_world(game)))
    rehearsal, commands = Game(Board(load_world(game))), []
    for command in walk(rehearsal, steps, random.Random(label)):
        commands.append(command)
        rehearsal.step(command)
    for name in ("new", "again"):
        played, row[f"ours_reset_{name}_seconds"] = _timed(lambda: Game(board))
        _, seconds = _timed(partial(_play, played, commands))
        row[f"ours_step_{name}_seconds"] = seconds / steps
    if stock is not None:
        _, row["stock_load_seconds"] = _timed(lambda: stock.load(game))
        _, row["stock_reset_seconds"] = _timed(stock.reset)
        _, seconds = _timed(partial(_play, stock, commands))
        row["stock_step_seconds"] = seconds / steps
    return row


def _play(engine: Game | StockEngine, commands: list[str]) -> None:
    for command in commands:
        engine.step(command)


def _generation() -> float:
    tasks = household_tasks("train")[:GENERATED]
    generate(tasks[0].id)
    _, seconds = _timed(lambda: [Board(generate(task.id)) for task in tasks])
    return seconds / len(tasks)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def _table(report: dict[str, float]) -> None:
    print(f"{report['games']} games, {report['steps_a_game']} steps each; medians over games, CPU seconds")
    print(f"{'':22}{'ours':>12}{'stock':>12}")
    rows = (
        ("load a file", "ours_load_seconds", "stock_load_seconds"),
        ("make a household", "ours_generate_seconds", ""),
        ("reset", "ours_reset_new_seconds", "stock_reset_seconds"),
        ("step, new state", "ours_step_new_seconds", "stock_step_seconds"),
        ("step, seen before", "ours_step_again_seconds", ""),
    )
    for title, ours, stock in rows:
        theirs = f"{report[stock]:12.6f}" if stock in report else f"{'–':>12}"
        print(f"{title:22}{report[ours]:12.6f}{theirs}")
    print(f"{'steps a second':22}{1 / report['ours_step_new_seconds']:12.0f}", end="")
    print(f"{1 / report['stock_step_seconds']:12.1f}" if "stock_step_seconds" in report else "")
    if "step_ratio" in report:
        print(f"ours makes {report['step_ratio']:.0f} steps in the time of one of the stock engine")


if __name__ == "__main__":
    main()
