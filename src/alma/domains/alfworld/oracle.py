"""Plays our engine and the stock one in lockstep and reports every difference.

    python -m alma.domains.alfworld.oracle [--games N] [--steps N] [--official PATH] [--json]
    python -m alma.domains.alfworld.oracle --record FILE

The stock engine is the truth about what ALFWorld games do. Needs the extra `oracle`. Exit code 1 when
anything differs: a text, a command list, a score, an end. PATH is a folder of official games or an
archive of one (`.tar.gz`). `--record` writes stock transcripts that the tests compare without the extra.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import random
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alma.domains.alfworld.engine import Board, Game
from alma.domains.alfworld.export import to_game_json
from alma.domains.alfworld.households import draw, household_tasks
from alma.domains.alfworld.oddities import make_odd
from alma.domains.alfworld.pddl import ACTIONS
from alma.domains.alfworld.solver import solve
from alma.domains.alfworld.stock import Shown, StockEngine, require
from alma.domains.alfworld.walks import REFUSED, verb, walk
from alma.domains.alfworld.world import load_world
from alma.records import ConfigError, Split, derive_seed

PROCESSES = 2
GAMES_A_PROCESS = 12
"""The stock engine leaks, so its process is replaced after this many games."""
TRANSCRIPTS = 30
DIALS: tuple[Mapping[str, Any], ...] = (
    {},
    {"scramble": True},
    {"habit": 0.0},
    {"old_wording": True},
    {"odd": True},
)


@dataclass(frozen=True, slots=True)
class Match:
    """One game to compare: its label (which seeds the walk), its text and the steps of the walk."""

    label: str
    game: str
    steps: int
    record: bool = False


@dataclass(slots=True)
class Verdict:
    """What a comparison found. `difference` is empty when the engines agreed throughout."""

    label: str
    steps: int = 0
    won: int = 0
    verbs: Counter[str] = field(default_factory=Counter)
    difference: str = ""
    transcript: list[Any] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m alma.domains.alfworld.oracle", description=__doc__)
    parser.add_argument("--games", type=int, default=60, help="household games (official: as many again)")
    parser.add_argument("--steps", type=int, default=40, help="steps of the random walk in each game")
    parser.add_argument("--official", type=Path, help="folder or .tar.gz with official games")
    parser.add_argument("--record", type=Path, help="write transcripts of the stock engine to this file")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    if options.games < 1 or options.steps < 0:
        parser.error("--games must be at least 1 and --steps at least 0")
    try:
        require()
        matches = list(_matches(options))
    except (OSError, ConfigError) as error:
        print(f"oracle: {error}", file=sys.stderr)  # noqa: T201
        return 2
    began = time.monotonic()
    verdicts = list(_play_all(matches))
    if options.record is not None:
        _write_transcripts(options.record, matches, verdicts)
    _report(verdicts, time.monotonic() - began, options.json)
    return 1 if any(verdict.difference for verdict in verdicts) else 0


def _matches(options: argparse.Namespace) -> Iterator[Match]:
    if options.record is not None:
        for label, game in household_games(TRANSCRIPTS):
            yield Match(label, game, options.steps, record=True)
        return
    for label, game in household_games(options.games):
        yield Match(label, game, options.steps)
    if options.official is not None:
        for label, game in official_games(options.official, options.games):
            yield Match(label, game, options.steps)


def household_games(count: int) -> Iterator[tuple[str, str]]:
    """Generated games in turn over the six types, the dials, and known and new houses."""
    splits: tuple[Split, ...] = ("train", "out_of_distribution", "in_distribution")
    for index in range(count):
        dials = DIALS[index // 6 % len(DIALS)]
        tasks = household_tasks(splits[index // 2 % len(splits)])
        # A stride that shares no factor with the number of tasks a type; steps of six keep the type.
        task = tasks[(index % 6 + 6 * (index * 41 % (len(tasks) // 6))) % len(tasks)]
        world, asked = draw(task.id, dials.get("habit", 1.0), dials.get("scramble", False))
        label, old = f"{task.id} {dict(dials)}", bool(dials.get("old_wording", False))
        if dials.get("odd"):
            yield label, to_game_json(make_odd(world, asked, random.Random(derive_seed(0, "odd", task.id))))
            continue
        world = load_world(to_game_json(world, old_wording=old))
        yield label, to_game_json(world, solve(world, asked), old_wording=old)


def official_games(path: Path, count: int) -> Iterator[tuple[str, str]]:
    """Official games in turn over the task types, chosen evenly from each."""
    names = sorted(name for name in _game_names(path) if "movable" not in name and "Sliced" not in name)
    by_type: dict[str, list[str]] = {}
    for name in names:
        by_type.setdefault(name.split("/")[-3].split("-", 1)[0], []).append(name)
    if not by_type:
        raise ConfigError(f"no official games in {path}")
    chosen: list[str] = []
    for turn in range(-(-count // len(by_type))):
        for group in by_type.values():
            # Steps of an irrational share of the group spread over all splits, whatever the count is.
            name = group[int(len(group) * (turn + 1) * 0.618034) % len(group)]
            if name not in chosen:
                chosen.append(name)
    yield from _read_games(path, chosen[: max(count, len(by_type))])


def _game_names(path: Path) -> list[str]:
    if path.is_dir():
        return [str(game) for game in path.glob("**/game.tw-pddl")]
    with tarfile.open(path) as archive:
        return [name for name in archive.getnames() if name.endswith("game.tw-pddl")]


def _read_games(path: Path, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    if path.is_dir():
        for name in names:
            yield name, Path(name).read_text(encoding="utf-8")
        return
    wanted = set(names)
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name in wanted else None
            if file is not None:
                yield member.name, file.read().decode("utf-8")


def _play_all(matches: Sequence[Match]) -> Iterator[Verdict]:
    """Matches in processes of their own, in order; progress on stderr."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES, maxtasksperchild=GAMES_A_PROCESS) as pool:
        for number, verdict in enumerate(pool.imap(compare, matches, chunksize=1), 1):
            state = "DIFFERS" if verdict.difference else "same"
            print(f"[{number}/{len(matches)}] {state} {verdict.steps} steps {verdict.label}", file=sys.stderr)  # noqa: T201
            yield verdict


def compare(match: Match) -> Verdict:
    """Play one game on both engines: the walkthrough, then after a reset a random walk."""
    verdict = Verdict(match.label)
    board = Board(load_world(match.game))
    stock = StockEngine()
    stock.load(match.game)
    rng = random.Random(derive_seed(0, "oracle", match.label))
    for commands in (iter(board.world.walkthrough), None):
        game = Game(board)
        shown = stock.reset()
        rows: list[Any] = [[None, shown.text, shown.commands, shown.score]]
        verdict.transcript.append(rows)
        if not _same(
            verdict, "reset", shown, Shown(board.intro, game.menu.commands, float(game.won), game.won)
        ):
            return verdict
        for command in commands or walk(game, match.steps, rng):
            verdict.verbs[verb(game, command)] += 1
            text = game.step(command)
            shown = stock.step(command)
            rows.append([command, shown.text, shown.commands, shown.score])
            verdict.steps += 1
            if not _same(verdict, command, shown, Shown(text, game.menu.commands, float(game.won), game.won)):
                return verdict
        if commands is not None:
            verdict.won += game.won
            if not game.won and board.world.walkthrough:
                verdict.difference = "the walkthrough does not win"
                return verdict
    if not match.record:
        verdict.transcript.clear()
    return verdict


def _same(verdict: Verdict, command: str, stock: Shown, ours: Shown) -> bool:
    for name in Shown._fields:
        theirs, mine = getattr(stock, name), getattr(ours, name)
        if theirs != mine:
            if name == "commands":
                theirs, mine = sorted(set(theirs) - set(mine)), sorted(set(mine) - set(theirs))
            verdict.difference = f"after {command!r} {name}: stock {theirs!r}, ours {mine!r}"
            return False
    return True


def _write_transcripts(path: Path, matches: Sequence[Match], verdicts: Sequence[Verdict]) -> None:
    """One line a game: what it is (domain and grammar are package data), and what the stock engine showed."""
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        for match, verdict in zip(matches, verdicts, strict=True):
            world = load_world(match.game)
            row = {
                "label": match.label,
                "problem": json.loads(match.game)["pddl_problem"],
                "task": world.task,
                "works": [sorted(kinds) for kinds in (world.rules.clean, world.rules.heat, world.rules.cool)],
                "old_wording": "help" not in world.rules.actions,
                "walkthrough": world.walkthrough,
                "plays": verdict.transcript,
            }
            file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")


def _report(verdicts: Sequence[Verdict], seconds: float, as_json: bool) -> None:
    verbs: Counter[str] = Counter()
    for verdict in verdicts:
        verbs.update(verdict.verbs)
    differences = {verdict.label: verdict.difference for verdict in verdicts if verdict.difference}
    report = {
        "games": len(verdicts),
        "walkthroughs_won": sum(verdict.won for verdict in verdicts),
        "steps": sum(verdict.steps for verdict in verdicts),
        "commands": {name: verbs[name] for name in sorted({*ACTIONS.values(), REFUSED})},
        "differences": differences,
        "seconds": round(seconds, 1),
    }
    if as_json:
        print(json.dumps(report, indent=2))  # noqa: T201
        return
    print(f"{report['games']} games, {report['steps']} steps, {len(differences)} differences")  # noqa: T201
    print(f"{report['walkthroughs_won']} walkthroughs won, {report['seconds']} s")  # noqa: T201
    for name in sorted(verbs):
        print(f"  {name:18} {verbs[name]}")  # noqa: T201
    for label, difference in differences.items():
        print(f"DIFFERS {label}: {difference}")  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
