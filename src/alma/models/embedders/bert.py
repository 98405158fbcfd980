"""all-MiniLM-L6-v2 in NumPy: a sentence to 384 numbers by its meaning, on the processor, without torch.

A text is computed alone, so that its vector does not depend on the texts beside it; what is past 256 word
pieces is not seen. Run as a program it answers on standard input (`alma.models.process`).
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alma.models.embedders.wordpiece import WordPieces
from alma.models.process import serve

LAYERS, HEADS, WIDTH, MOST_PIECES = 6, 12, 384, 256
Array = NDArray[np.float32]


class Bert:
    """The weights in a safetensors file, and the list of word pieces beside it."""

    def __init__(self, path: Path) -> None:
        self._pieces = WordPieces(path.with_name("vocab.txt").read_text(encoding="utf-8").splitlines())
        self._weights = _read(path)

    def embed(self, text: str) -> tuple[list[float], int]:
        """The unit vector, and how many word pieces it was made of."""
        numbers = self._pieces.numbers(text, MOST_PIECES)
        return [round(float(x), 6) for x in _forward(self._weights, numbers)], len(numbers)


def _read(path: Path) -> dict[str, Array]:
    """The arrays of a safetensors file, mapped and not copied: a length, a JSON header, the numbers."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
    numbers = np.memmap(path, np.uint8, "r", offset=8 + length)
    arrays = {}
    for name, one in header.items():
        if name != "__metadata__" and one["dtype"] == "F32":
            start, end = one["data_offsets"]
            arrays[name] = numbers[start:end].view(np.float32).reshape(one["shape"])
    return arrays


def _forward(weights: dict[str, Array], numbers: Sequence[int]) -> Array:
    """The unit vector of a text: the mean of its pieces' outputs."""
    # A third of a second to import: only for who embeds.
    from scipy.special import erf

    def linear(name: str, x: Array) -> Array:
        made: Array = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return made

    def normed(name: str, x: Array) -> Array:
        middle = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((middle * middle).mean(-1, keepdims=True) + 1e-12)
        made: Array = middle / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        return made

    def heads(x: Array) -> Array:
        return x.reshape(len(numbers), HEADS, WIDTH // HEADS).transpose(1, 0, 2)

    x = (
        weights["embeddings.word_embeddings.weight"][list(numbers)]
        + weights["embeddings.position_embeddings.weight"][: len(numbers)]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = normed("embeddings.LayerNorm", x)
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        query, key, value = (
            heads(linear(f"{at}.attention.self.{part}", x)) for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32((WIDTH // HEADS) ** 0.5)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        seen = (scores @ value).transpose(1, 0, 2).reshape(len(numbers), WIDTH)
        x = normed(f"{at}.attention.output.LayerNorm", x + linear(f"{at}.attention.output.dense", seen))
        inner = linear(f"{at}.intermediate.dense", x)
        inner = inner * np.float32(0.5) * (1 + erf(inner / np.float32(2**0.5)))
        x = normed(f"{at}.output.LayerNorm", x + linear(f"{at}.output.dense", inner))
    mean = x.mean(0)
    unit: Array = mean / np.linalg.norm(mean)
    return unit


if __name__ == "__main__":
    bert = Bert(Path(sys.argv[1]))
    serve(lambda message: [bert.embed(text) for text in message["texts"]])
