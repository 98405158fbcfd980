"""The 53 level families of the original, by id, and the lists that published work plays.

An id names a generator (`levels`), not a level. Order matters: the published split shuffles it.
"""

from __future__ import annotations

import random

NAMES = (
    "you_win",
    "you_win-fixed_you",
    "make_win-distr_obj_rule",
    "goto_win-distr_obj_rule",
    "goto_win",
    "goto_win-distr_obj",
    "goto_win-distr_rule",
    "goto_win-distr_obj-irrelevant_rule",
    "goto_win-distr_win_rule",
    "make_win-distr_obj",
    "make_win-distr_rule",
    "make_win",
    "make_win-distr_obj-irrelevant_rule",
    "make_win#no_ball_win",
    "make_win#only_ball_win",
    "make_win-distr_obj#no_ball_win",
    "make_win-distr_obj#only_ball_win",
    "make_win-distr_rule#no_ball_win",
    "make_win-distr_rule#only_ball_win",
    "make_win-distr_obj-irrelevant_rule#no_ball_win",
    "make_win-distr_obj-irrelevant_rule#only_ball_win",
    "make_win-distr_obj_rule#no_ball_win",
    "make_win-distr_obj_rule#only_ball_win",
    "two_room-goto_win",
    "two_room-goto_win-distr_obj_rule",
    "two_room-goto_win-distr_rule",
    "two_room-goto_win-distr_obj",
    "two_room-goto_win-distr_obj-irrelevant_rule",
    "two_room-goto_win-distr_win_rule",
    "two_room-break_stop-goto_win-distr_obj_rule",
    "two_room-break_stop-goto_win-distr_obj",
    "two_room-break_stop-goto_win-distr_rule",
    "two_room-break_stop-goto_win-distr_obj-irrelevant_rule",
    "two_room-break_stop-goto_win",
    "two_room-maybe_break_stop-goto_win-distr_obj_rule",
    "two_room-maybe_break_stop-goto_win",
    "two_room-maybe_break_stop-goto_win-distr_obj",
    "two_room-maybe_break_stop-goto_win-distr_rule",
    "two_room-maybe_break_stop-goto_win-distr_obj-irrelevant_rule",
    "two_room-make_win-distr_obj_rule",
    "two_room-make_win-distr_rule",
    "two_room-make_win",
    "two_room-make_win-distr_obj-irrelevant_rule",
    "two_room-make_win-distr_obj",
    "two_room-make_win-distr_win_rule",
    "two_room-break_stop-make_win-distr_obj_rule",
    "two_room-break_stop-make_win-distr_rule",
    "two_room-break_stop-make_win",
    "two_room-break_stop-make_win-distr_obj-irrelevant_rule",
    "two_room-break_stop-make_win-distr_obj",
    "two_room-make_you",
    "two_room-make_you-make_win",
    "two_room-make_wall_win",
)
"""In the order in which the original registers them, without its prefix `env/`."""


def published() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Published ALMA's train and in-distribution ids: 26 and 27, in its order."""
    shuffled = list(NAMES)
    random.Random(42).shuffle(shuffled)
    half = len(shuffled) // 2
    return tuple(shuffled[:half]), tuple(shuffled[half:])


def balrog() -> tuple[str, ...]:
    """The 40 ids that BALROG plays, in the order of registration."""
    return tuple(
        name
        for name in NAMES
        if not name.startswith("you_win") and "#" not in name and name != "goto_win-distr_win_rule"
    )
