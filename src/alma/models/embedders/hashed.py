"""Vectors without a model: hashed words and pieces of words. For machines without MiniLM's weights.

Finds texts that share words or parts of words, no other likeness of meaning. It keeps no statistics of what
it has seen, so that a text has one vector on every machine and in every run.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from zlib import crc32

from alma.models.contract import Embedded
from alma.records import Usage

DIMENSION = 512
PIECES = (3, 4, 5)
"""Lengths of the pieces of a word, in characters, its ends marked."""
PIECE, COMMON = 0.4, 0.1
"""Weights beside a word's 1: of a piece, and of a common word."""
COMMON_WORDS = frozenset(
    """
    a an and are as at be been by can do for from get go has have here i if in into is it its me my of on or
    our out so some that the their them then there they this to up us was we what when where which will with
    you your
    """.split()  # noqa: SIM905
)
_WORD = re.compile(r"\w+")


class Hashed:
    """An embedder (`alma.models.contract.Embedder`) of words and their pieces."""

    name = "hashed@1"

    async def embed(self, texts: Sequence[str]) -> list[Embedded]:
        return [self.one(text) for text in texts]

    def one(self, text: str) -> Embedded:
        words = _WORD.findall(text.lower())
        row = [0.0] * DIMENSION
        for feature, count in Counter(_features(words)).items():
            place = crc32(feature[0].encode("utf-8", "replace"))
            sign = 1.0 if place & 0x80000000 else -1.0
            row[place % DIMENSION] += sign * feature[1] * (1.0 + math.log(count))
        norm = math.sqrt(sum(value * value for value in row)) or 1.0
        return Embedded(tuple(round(value / norm, 6) for value in row), Usage(prompt_tokens=len(words)))


def _features(words: Sequence[str]) -> Iterator[tuple[str, float]]:
    for word in words:
        if word in COMMON_WORDS:
            yield word, COMMON
            continue
        yield word, 1.0
        marked = f"<{word}>"
        for length in PIECES:
            for start in range(len(marked) - length + 1):
                yield marked[start : start + length], PIECE
