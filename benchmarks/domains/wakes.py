"""What the machine itself takes to hand a message to a process and get one back, without ALMA.

A process that sleeps has to be woken, and a core that sleeps too: where the other side works for a
while, this alone takes most of what a step through a worker adds.
"""

from __future__ import annotations

import os
import socket
import time
from statistics import median

ANSWER = 2000
"""Bytes of an answer, about a step's."""


def wakes(rounds: int = 500) -> str:
    """One sentence with the medians, for answers at once and after a millisecond of work."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _answer(theirs)
    theirs.close()
    took = {}
    for work in (0, 1000):
        times = []
        for _ in range(rounds):
            begun = time.perf_counter()
            ours.sendall(work.to_bytes(8, "big"))
            heard = 0
            while heard < ANSWER:
                heard += len(ours.recv(ANSWER))
            times.append(1e6 * (time.perf_counter() - begun) - work)
        took[work] = median(times)
    ours.close()
    os.waitpid(child, 0)
    return (
        f"Two processes on a bare socket take {took[0]:.0f} µs for a message and its answer, "
        f"and {took[1000]:.0f} µs more than the work where the answer takes a millisecond of it."
    )


def _answer(theirs: socket.socket) -> None:
    while question := theirs.recv(8):
        until = time.perf_counter() + int.from_bytes(question, "big") / 1e6
        while time.perf_counter() < until:
            pass
        theirs.sendall(bytes(ANSWER))
    os._exit(0)
