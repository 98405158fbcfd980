"""What holds on any map of the engine, and the rules of the game that are easily got wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alma.domains.babaisai.engine import ACTIONS, Game
from alma.domains.babaisai.layout import Layout
from alma.domains.babaisai.objects import (
    BORDER,
    BY_CODE,
    CODES,
    FIRST_COLOUR,
    FIRST_NOUN,
    FIRST_PROPERTY,
    IS,
    MOVED,
    SHIFT,
    STOP,
    WORDS,
    is_thing,
)
from alma.domains.babaisai.rules import read_rules
from alma.domains.babaisai.text import describe, place_of

WIDTH, HEIGHT = 7, 6
INNER = [code for code in CODES if code not in ("..", "##")]
PLAIN = ["be", "kb", "dr", "we", "aW", "TB", "TK", "TA", "IS", "PY", "PW", "PS", "PP"]


def level(*rows: str, stacks: dict[str, list[str]] | None = None) -> Layout:
    """A map without its border, two letters a cell."""
    width = len(rows[0]) // 2
    edge = "##" * (width + 2)
    return Layout.read([edge, *(f"##{row}##" for row in rows), edge], stacks)


def play(layout: Layout, actions: str) -> Game:
    """Actions by their first letters."""
    game = Game(layout)
    for letter in actions:
        game.step("iurdl".index(letter))
    return game


def layouts(codes: list[str]) -> st.SearchStrategy[Layout]:
    cell = st.one_of(st.just([]), st.lists(st.sampled_from(codes), min_size=1, max_size=3))
    inner = st.lists(cell, min_size=(WIDTH - 2) * (HEIGHT - 2), max_size=(WIDTH - 2) * (HEIGHT - 2))
    return inner.map(_bordered)


def _bordered(cells: list[list[str]]) -> Layout:
    rest = iter(cells)
    stacks = []
    for y in range(HEIGHT):
        for x in range(WIDTH):
            edge = x in (0, WIDTH - 1) or y in (0, HEIGHT - 1)
            stacks.append(tuple(BY_CODE[code] for code in (["##"] if edge else next(rest))))
    return Layout(WIDTH, HEIGHT, tuple(stacks))


actions = st.lists(st.integers(0, 4), max_size=12)


def content(game: Game) -> Counter[int]:
    return Counter(one >> SHIFT for stack in game.now().cells for one in stack)


@settings(max_examples=150, deadline=None)
@given(layouts(PLAIN), actions)
def test_things_are_neither_made_nor_lost_without_turning_or_opening(
    layout: Layout, moves: list[int]
) -> None:
    game = Game(layout)
    for move in moves:
        before, turns = content(game), game.ruleset.turns
        game.step(move)
        made = content(game) - before
        assert before - content(game) == Counter()
        if not turns and not game.ruleset.turns:
            assert made == Counter()


@settings(max_examples=150, deadline=None)
@given(layouts(INNER), actions)
def test_nothing_enters_the_border_and_the_border_never_moves(layout: Layout, moves: list[int]) -> None:
    game = Game(layout)
    for move in moves:
        game.step(move)
    for at, stack in enumerate(game.now().cells):
        edge = at % WIDTH in (0, WIDTH - 1) or at // WIDTH in (0, HEIGHT - 1)
        assert (stack == (BORDER << SHIFT,)) if edge else (BORDER << SHIFT not in stack)
        assert not any(one & MOVED for one in stack)


@settings(max_examples=150, deadline=None)
@given(layouts(PLAIN), st.integers(1, 4))
def test_a_thing_that_stops_is_never_covered(layout: Layout, move: int) -> None:
    game = Game(layout)
    flags = game.ruleset.flags
    stopping = [
        at
        for at, one in enumerate(game.top)
        if is_thing(one >> SHIFT) and flags[one >> SHIFT] == STOP and not game.ruleset.turns
    ]
    before = [game.now().cells[at] for at in stopping]
    game.step(move)
    if not game.ruleset.turns:
        assert [game.now().cells[at] for at in stopping] == before


@settings(max_examples=200, deadline=None)
@given(layouts(INNER))
def test_rules_are_those_that_a_look_at_each_triple_finds(layout: Layout) -> None:
    top = {(at % WIDTH, at // WIDTH): (s[-1] >> SHIFT if s else 0) for at, s in enumerate(layout.cells)}
    found = Counter[str]()
    for x, y in top:
        for dx, dy in ((1, 0), (0, 1)):
            line = [top.get((x + i * dx, y + i * dy), 0) for i in range(-1, 3)]
            found.update(_sentence(line))
    rules = read_rules([s[-1] if s else 0 for s in layout.cells], WIDTH).rules
    assert Counter(map(str, rules)) == found


def _sentence(line: list[int]) -> Iterable[str]:
    """The rule in four cells of which the second begins it, if there is one."""
    before, subject, verb, effect = line
    if not FIRST_NOUN <= subject < IS or verb != IS:
        return
    if FIRST_PROPERTY <= effect < FIRST_COLOUR:
        colour = f"{WORDS[before]} " if before >= FIRST_COLOUR else ""
        yield f"{colour}{WORDS[subject]} is {WORDS[effect]}"
    elif FIRST_NOUN <= effect < IS:
        yield f"{WORDS[subject]} is {WORDS[effect]}"


@settings(max_examples=150, deadline=None)
@given(layouts(INNER), actions)
def test_the_rules_in_force_are_always_those_on_the_map(layout: Layout, moves: list[int]) -> None:
    game = Game(layout)
    for move in moves:
        game.step(move)
        if not game.ruleset.turns:
            assert game.rules == read_rules(game.top, WIDTH).rules


@settings(max_examples=150, deadline=None)
@given(layouts(INNER), actions)
def test_a_copy_and_a_second_play_go_the_same_way(layout: Layout, moves: list[int]) -> None:
    one, two = Game(layout), Game(layout)
    for move in moves:
        twin = one.copy()
        before = one.now()
        assert twin.step(move) == two.step(move)
        assert one.now() == before
        one.step(move)
        assert one.now() == two.now() == twin.now()
        assert Layout.read(*one.now().written()).written() == one.now().written()


def test_idle_moves_nothing_and_only_counts() -> None:
    layout = level("aWPMTA", "TAISPY", "TAISPM")
    game = play(layout, "iii")
    assert game.steps == 3
    assert game.now() == layout


def test_a_rule_that_a_push_makes_wins_only_with_the_next_step() -> None:
    layout = level("TAISPY....", "aWTB..ISPW", "..be......")
    assert not play(layout, "r").won
    assert play(layout, "rd").won


def test_standing_on_what_becomes_win_does_not_win() -> None:
    layout = level("TAISPY....", "aWTB..ISPW", "..........", stacks={"2,2": ["be", "TB"]})
    game = play(layout, "r")
    assert [str(rule) for rule in game.rules] == ["baba is you", "ball is win"]
    assert game.now().written()[1] == {"2,2": ["be", "aW"]}
    assert not game.won
    assert not play(layout, "rl").won
    assert play(layout, "rlr").won


def test_baba_that_is_win_wins_by_bumping_and_not_by_walking() -> None:
    layout = level("TAISPY", "TAISPW", "aW....")
    assert not play(layout, "r").won
    assert play(layout, "l").won


def test_the_last_of_several_you_decides() -> None:
    # The upper ball reaches the key first, then the lower one steps on nothing.
    layout = level("TBISPYbekb", "TKISPW....", "......be..")
    assert not play(layout, "r").won
    layout = level("TBISPY..be..", "TKISPWbekb..")
    assert play(layout, "r").won


def test_reward_falls_with_the_steps_and_the_hundredth_is_the_last() -> None:
    layout = level("TAISPY..", "TBISPW..", "aW..be..")
    assert Game(layout).step(2) == 0.0
    game = Game(layout)
    game.step(2)
    assert game.step(2) == pytest.approx(1 - 0.9 * 2 / 100)
    assert play(layout, "i" * 99).out_of_steps is False
    assert play(layout, "i" * 100).out_of_steps is True


def test_lose_ends_with_minus_one_and_win_beats_it() -> None:
    lost = Game(level("TAISPY..", "TBISPL..", "aWbe...."))
    assert (lost.step(2), lost.lost, lost.won) == (-1.0, True, False)
    both = Game(level("TAISPY..", "TBISPLTB", "aWbe..IS", "......PW"))
    assert (both.step(2) > 0, both.won) == (True, True)


def test_a_colour_rule_shuts_out_the_plain_one() -> None:
    layout = level("TAISPY..", "CrTBISPS", "TBISPS..", "aWbe..br")
    assert play(layout, "rrr").now().written()[1] == {}
    game = play(layout, "r")
    assert CODES[game.top[game.width * 4 + 2] >> SHIFT] == "aW"


def test_open_and_shut_take_each_other_away() -> None:
    game = play(level("TAISPYTK", "TKISPOIS", "TDISPXPP", "aWkbdr.."), "r")
    things = {CODES[one >> SHIFT] for one in game.top if is_thing(one >> SHIFT)}
    assert things == {"aW"}


def test_a_blocked_pull_that_pushes_its_puller_ends() -> None:
    layout = level("TAISPY..", "TAISPU..", "....aWTK")
    game = play(layout, "r")
    assert game.endless
    assert game.now().written()[0] == layout.written()[0]
    assert not play(layout, "lll").endless


def test_the_text_says_what_the_benchmark_says() -> None:
    game = Game(level("TBISPW..", "......be", "aW......", "TAISPY.."))
    here = place_of(game, game.ruleset.you)
    assert here is not None
    assert describe(game, here) == (
        "Active rules:\nball is win\nbaba is you\n\nObjects on the map:\n"
        "rule `ball` 2 step up\nrule `is` 1 step to the right and 2 step up\n"
        "rule `win` 2 steps to the right and 2 step up\nball 3 steps to the right and 1 step up\n"
        "rule `baba` 1 step down\nrule `is` 1 step to the right and 1 step down\n"
        "rule `you` 2 steps to the right and 1 step down"
    )
    assert ACTIONS == ("idle", "up", "right", "down", "left")
