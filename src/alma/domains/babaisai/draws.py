"""Compares the levels that we draw with counts over 1,000 levels of the original, id by id.

For each role of an object (the noun of the win rule, baba, walls, ...) the cells it starts on are two
samples of one distribution if the generators agree: a chi-squared test of homogeneity each, and Holm's
correction over all of them. Cells that only one side ever uses where the other never does also show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import chi2

from alma.domains.babaisai.engine import Game
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.levels import Dice, draw, drawn_things, recipe
from alma.domains.babaisai.objects import (
    BABA,
    BORDER,
    CODES,
    FIRST_COLOUR,
    FIRST_NOUN,
    FIRST_PROPERTY,
    IS,
    KINDS,
    SHIFT,
    WALL,
    WORDS,
    is_thing,
    kind_of,
)

REPRESENTATIVE = (
    "you_win",
    "goto_win-distr_win_rule",
    "make_win-distr_obj_rule",
    "make_win-distr_obj-irrelevant_rule#only_ball_win",
    "two_room-goto_win-distr_obj_rule",
    "two_room-maybe_break_stop-goto_win-distr_rule",
    "two_room-make_you-make_win",
    "two_room-make_wall_win",
)
"""One id of each way in which levels are drawn."""
ERROR_RATE = 0.01
LEAST_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table of one id: `p` of the test, and the larger of the two samples' sizes."""

    name: str
    table: str
    p: float
    size: int


def compare(row: Mapping[str, Any], levels: int, first_seed: int = 0) -> Iterator[Comparison]:
    """All tables of one id: where each role starts, what is drawn, which rules hold, what is covered."""
    name = str(row["id"]).removeprefix("env/")
    ours: dict[str, Counter[str]] = {}
    for seed in range(first_seed, first_seed + levels):
        for table, value in _facts(name, seed):
            ours.setdefault(table, Counter())[value] += 1
    theirs = {f"cells of {role}": Counter(counts) for role, counts in row["pos"].items() if role != "border"}
    theirs["covered"] = Counter(row["hidden"])
    if not name.startswith("you_win"):
        theirs["things"], theirs["rules"] = Counter(row["objects"]), Counter(row["rules"])
    for table in sorted(theirs.keys() | ours.keys()):
        a, b = theirs.get(table, Counter()), ours.get(table, Counter())
        yield Comparison(name, table, homogeneity(a, b), max(a.total(), b.total()))


def holm(comparisons: Sequence[Comparison], error_rate: float = ERROR_RATE) -> list[Comparison]:
    """The comparisons that differ, with the given chance of any false one among them."""
    found: list[Comparison] = []
    for rank, one in enumerate(sorted(comparisons, key=lambda c: c.p)):
        if one.p > error_rate / (len(comparisons) - rank):
            break
        found.append(one)
    return found


def homogeneity(a: Counter[str], b: Counter[str]) -> float:
    """P-value of the chi-squared test that two samples come from one distribution; rare values are pooled."""
    total_a, total_b = a.total(), b.total()
    if not total_a and not total_b:
        return 1.0
    if not total_a or not total_b:
        return 0.0
    share = min(total_a, total_b) / (total_a + total_b)
    pooled_a = pooled_b = 0
    pairs = []
    for value in a.keys() | b.keys():
        if (a[value] + b[value]) * share < LEAST_EXPECTED:
            pooled_a, pooled_b = pooled_a + a[value], pooled_b + b[value]
        else:
            pairs.append((a[value], b[value]))
    if pooled_a + pooled_b:
        pairs.append((pooled_a, pooled_b))
    if len(pairs) < 2:
        return 1.0
    statistic = 0.0
    for in_a, in_b in pairs:
        for seen, total in ((in_a, total_a), (in_b, total_b)):
            expected = (in_a + in_b) * total / (total_a + total_b)
            statistic += (seen - expected) ** 2 / expected
    return float(chi2.sf(statistic, len(pairs) - 1))


def _facts(name: str, seed: int) -> Iterator[tuple[str, str]]:
    layout = draw(name, seed)
    you, aim = _aims(name, layout, seed)
    things = []
    for at, stack in enumerate(layout.cells):
        cell = f"{at % layout.width},{at // layout.width}"
        for one in stack:
            role = _role(one >> SHIFT, you, aim)
            if role:
                yield f"cells of {role}", cell
            if is_thing(one >> SHIFT) and kind_of(one >> SHIFT) not in (BABA, WALL):
                things.append(CODES[one >> SHIFT])
        for one in stack[:-1]:
            yield "covered", CODES[one >> SHIFT]
    if not name.startswith("you_win"):
        yield "things", " ".join(sorted(things))
        yield "rules", "; ".join(str(rule) for rule in Game(layout).rules)


def _aims(name: str, layout: Layout, seed: int) -> tuple[int | None, int]:
    """What the level wants to be WIN, a kind; in `you_win` what is YOU and what is WIN, each a `what`."""
    if not name.startswith("you_win"):
        return None, drawn_things(recipe(name), Dice(seed))[0][0]
    rules = {rule.words.split()[-1]: rule for rule in Game(layout).rules}
    codes = {word: "bkdwa"[rule.subject] + "rgbpyeW"[rule.colour] for word, rule in rules.items()}
    return CODES.index(codes["you"]), CODES.index(codes["win"])


def _role(what: int, you: int | None, aim: int) -> str:
    """The name of an object's part in the level, as the original's counts call it."""
    coloured = you is not None
    kind = aim if you is None else kind_of(aim)
    if what == BORDER:
        return ""
    if is_thing(what):
        if coloured:
            return "you_obj" if what == you else "win_obj" if what == aim else "other_obj"
        if kind_of(what) in (BABA, WALL):
            return KINDS[kind_of(what)]
        return "win_obj" if kind_of(what) == kind else "other_obj"
    if what < IS:
        noun = what - FIRST_NOUN
        if noun in (BABA, WALL):
            return f"noun_{KINDS[noun]}"
        return "noun_win" if noun == kind else "noun_other"
    if what == IS:
        return "is"
    return f"text_{WORDS[what]}" if FIRST_PROPERTY <= what < FIRST_COLOUR else "text_color"
