"""What goes wrong with a request: a script in order, or a share of all requests by chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from threading import Lock

KINDS = {
    "ok": "is answered",
    "429": "is refused for now, with retry-after",
    "429-bare": "is refused for now, without a word on when",
    "500": "fails in the server",
    "503": "meets an overloaded server",
    "hang": "gets no answer until the client gives up",
    "cut": "gets half an answer before the connection closes",
    "reset": "has its connection closed at once",
    "junk": "gets an answer that is no JSON",
    "empty": "gets an answer without a choice",
    "refusal": "is refused by the model",
    "filter": "is refused by the server's filter",
    "wrong-schema": "gets an answer of another shape than was asked for",
    "no-usage": "gets an answer whose tokens nobody counted",
    "length": "gets an answer that is cut off at the token limit",
    "overflow": "doesn't fit the model's context",
    "quota": "meets an account without credit",
    "slow": "is answered after 30 seconds",
}
"""A request that …"""

PASSING = ("429", "429-bare", "500", "503", "cut", "reset", "junk", "empty")
"""What a client should get over by asking again."""

Mischief = Callable[[int], str]
"""The kind of what goes wrong with request number 0, 1, 2, …"""


def script(*kinds: str) -> Mischief:
    """These, one a request; afterwards all is well."""
    order: Iterator[str] = iter(kinds)
    lock = Lock()

    def next_kind(number: int) -> str:
        with lock:
            return next(order, "ok")

    return next_kind


def at_random(share: float, seed: int, kinds: tuple[str, ...] = PASSING) -> Mischief:
    """About `share` of all requests go wrong, each in one of these ways."""

    def kind_of(number: int) -> str:
        chance = random.Random(seed * 1_000_003 + number)
        return chance.choice(kinds) if chance.random() < share else "ok"

    return kind_of
