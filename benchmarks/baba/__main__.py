"""Measures our Baba Is AI: raw steps, the text apart, resets, and drawing a level.

    python -m benchmarks.baba [--levels N] [--json]

Uniform random play over all five actions, as in the speeds that the original is known by. Seconds are CPU
seconds of this process, so other work on the machine matters little; the best of three rounds counts.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from alma.domains.babaisai.engine import ACTIONS, STEP_LIMIT, Game
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.levels import draw
from alma.domains.babaisai.play import BabaEnvironment, look

IDS = {
    "8×8": ("goto_win-distr_obj_rule", "make_win-distr_obj_rule"),
    "13×9": ("two_room-goto_win-distr_obj_rule", "two_room-make_win-distr_obj_rule"),
}
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--levels", type=int, default=60, help="levels of each id")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = {size: _measure(names, options.levels) for size, names in IDS.items()}
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print(f"{options.levels} levels of {sum(map(len, IDS.values()))} ids, {STEP_LIMIT} random steps each")
    print("a second of CPU time makes")
    titles = ("raw engine steps", "steps with text", "whole environment steps", "resets", "levels drawn")
    print(f"{'':26}" + "".join(f"{size:>12}" for size in report))
    for title in titles:
        print(f"{title:26}" + "".join(f"{row[title]:12.0f}" for row in report.values()))
    print(f"{'µs for a text':26}" + "".join(f"{row['µs for a text']:12.1f}" for row in report.values()))


def _measure(names: Sequence[str], count: int) -> dict[str, float]:
    rng = random.Random(0)
    plays = [
        (draw(name, seed), [rng.randrange(len(ACTIONS)) for _ in range(STEP_LIMIT)])
        for name in names
        for seed in range(count)
    ]
    steps = len(plays) * STEP_LIMIT
    raw, texts, whole = (_best(partial(_each, way, plays)) for way in (_raw, _with_text, _whole))
    resets = _best(lambda: [Game(layout) for layout, _ in plays])
    drawn = _best(lambda: [draw(name, seed) for name in names for seed in range(count)])
    return {
        "raw engine steps": steps / raw,
        "steps with text": steps / texts,
        "whole environment steps": steps / whole,
        "resets": len(plays) / resets,
        "levels drawn": len(plays) / drawn,
        "µs for a text": 1e6 * (texts - raw) / steps,
    }


def _each(way: Callable[[Layout, Sequence[int]], None], plays: Sequence[tuple[Layout, list[int]]]) -> None:
    for layout, actions in plays:
        way(layout, actions)


def _raw(layout: Layout, actions: Sequence[int]) -> None:
    game = Game(layout)
    for action in actions:
        game.step(action)


def _with_text(layout: Layout, actions: Sequence[int]) -> None:
    game = Game(layout)
    for action in actions:
        game.step(action)
        look(game)


def _whole(layout: Layout, actions: Sequence[int]) -> None:
    environment = BabaEnvironment(layout)
    environment.reset()
    for action in actions:
        if environment.step(ACTIONS[action]).done:
            environment.reset()


def _best(work: Callable[[], Any]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


if __name__ == "__main__":
    main()
