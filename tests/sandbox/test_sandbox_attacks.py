"""Attacks that succeed in a throw-away machine without walls, and are stopped by the sandbox there.

`make test` runs a few, where this system has what a machine is made of; `make test-system` runs all.
"""

import re
from functools import cache

import pytest
from machine import try_attacks
from machine.attacks import ATTACKS, CLAIMED

from alma.sandbox.walls import inner

KERNEL_REFUSES = {
    "12 open a file by its handle": "Operation not permitted",
    "26 reach for another machine": "Network is unreachable",
    "56 load a BPF program": "Operation not permitted",
    "60 measure performance": "Permission denied|No such file|not permitted|Function not",
    "61 load a module or a kernel": "Operation not permitted",
    "63 call the kernel by its other 32-bit numbers": "Function not implemented",
}
"""Root of a user namespace may not do these anyway, or the machine lacks what they need."""

NEEDS = {
    "limits": [
        "34 start very many threads",
        "35 take 8 GiB at once",
        "37 take memory by shared maps",
        "41 make a very long file",
        "43 take every handle",
    ],
    "filter": [
        "12 watch files",
        "31 talk to the kernel by sockets",
        "33 fork",
        "38 take memory by a file in memory",
        "44 raise its limits or priority",
        "52 make a namespace",
        "55 make a device",
        "57 use the kernel's keys",
        "62 change what it is",
        "64 change its user",
        "65 use System V memory",
        "65 use message queues",
        "66 type into a terminal",
    ],
}
"""What gets through when one inner wall is taken away and all others stand."""

OUTER = [
    "01 read a file that everybody may read",
    "02 read the password files",
    "05 list folders",
    "07 see whether a file exists",
    "09 write where code lies",
    "10 write in system folders",
    "14 read another process's environment",
    "15 list processes",
    "17 use an inherited handle",
    "18 signal a process",
    "20 trace a process",
    "21 read a process's memory",
    "22 take a handle of a process",
    "24 open the kernel's switches for writing",
    "25 connect to this machine",
    "29 connect to a service by its abstract name",
    "30 connect to a service by its path",
    "39 fill the disk",
    "40 make very many files",
    "53 enter a namespace",
]
"""What the outer walls stop alone; without them, and without the inner ones, it succeeds (`control`)."""

FEW = [
    "01 read a file that everybody may read",
    "15 list processes",
    "18 signal everybody",
    "25 connect to this machine",
    "33 fork",
    "54 mount",
    "63 call the kernel as a 32-bit program",
]

outcomes = cache(try_attacks)


def possible() -> str:
    """Why no machine can be built here; empty when one can."""
    try:
        try_attacks("none", attacks=FEW[:1])
    except Exception as error:
        return re.sub(r"\s+", " ", str(error))[-200:]
    return ""


def assert_stopped(found, back_end):
    got_through = {
        name: outcome.how
        for name, outcome in found.items()
        if not outcome.stopped and back_end in CLAIMED.get(name, (back_end,))
    }
    assert not got_through
    assert not [name for name, outcome in found.items() if "broken" in outcome.how]


def test_a_few_attacks_are_stopped():
    if why := possible():
        pytest.skip(f"the throw-away machine for attacks can't be built here: {why}")
    for name, outcome in try_attacks("none", attacks=FEW).items():
        assert not outcome.stopped or name.startswith("--"), f"{name}: {outcome.how}"
    assert_stopped(try_attacks("namespaces", attacks=FEW), "namespaces")


@pytest.mark.system
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_without_walls_succeeds_or_the_kernel_refuses_it_anyway(name):
    outcome = outcomes("none")[name]
    if name in KERNEL_REFUSES:
        assert not outcome.stopped or re.search(KERNEL_REFUSES[name], outcome.how), outcome.how
    else:
        assert not outcome.stopped, outcome.how


@pytest.mark.system
@pytest.mark.parametrize("user", ["root", "ordinary"])
@pytest.mark.parametrize("back_end", ["namespaces", "landlock"])
def test_every_attack_that_a_back_end_claims_to_stop_is_stopped(back_end, user):
    found = outcomes(back_end, user=user)
    assert len(found) == len(ATTACKS) + 1
    assert_stopped(found, back_end)


@pytest.mark.system
@pytest.mark.parametrize("wall", NEEDS)
def test_an_attack_succeeds_without_the_inner_wall_that_stops_it(wall):
    found = outcomes("namespaces", without=(wall,))
    assert [name for name in NEEDS[wall] if found[name].stopped] == []
    assert found["-- the victim lives"].stopped


@pytest.mark.system
def test_the_outer_walls_stop_what_they_are_for_by_themselves():
    found = outcomes("namespaces", without=inner.WALLS)
    assert [name for name in OUTER if not found[name].stopped] == []
    assert [name for name in OUTER if outcomes("none")[name].stopped] == []
