"""Where every random choice starts: a seed derived from what the choice is for.

There is no global generator. A caller that needs numbers writes
`numpy.random.default_rng(derive_seed(run_seed, "parents", step))`, so that a choice depends on its
purpose and index only, never on what happened to be drawn before it.
"""

from __future__ import annotations

import hashlib


def derive_seed(seed: int, purpose: str, *index: int | str) -> int:
    """A 64-bit seed that is a pure function of its arguments (SHA-256 of their text)."""
    text = "\x1f".join([str(seed), purpose, *map(str, index)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
