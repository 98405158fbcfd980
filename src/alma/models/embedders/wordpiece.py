"""BERT's uncased tokenizer over a list of word pieces: text to numbers, nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

LONGEST_WORD = 100
"""Characters; longer words are unknown, as the model was trained."""


class WordPieces:
    """`vocabulary`: the pieces in the order of their numbers."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self._unknown = self._numbers["[UNK]"]

    def numbers(self, text: str, most: int) -> list[int]:
        """The pieces of the text between [CLS] and [SEP], `most` in all."""
        pieces = [number for word in _words(text) for number in self._pieces(word)]
        return [self._numbers["[CLS]"], *pieces[: most - 2], self._numbers["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        """The longest known pieces from the left; unknown as a whole where one is missing."""
        if len(word) > LONGEST_WORD:
            return [self._unknown]
        found: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = word[start:end] if start == 0 else f"##{word[start:end]}"
                if piece in self._numbers:
                    found.append(self._numbers[piece])
                    start = end
                    break
            else:
                return [self._unknown]
        return found


def _words(text: str) -> Iterator[str]:
    """Lower-case words without accents; each mark and each Chinese character is a word."""
    word = ""
    for character in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(character)
        alone = _is_mark(character, kind) or _is_chinese(character)
        if alone or character.isspace():
            if word:
                yield word
            word = ""
            if alone:
                yield character
        elif kind != "Mn" and kind[0] != "C" and character != "\ufffd":
            word += character
    if word:
        yield word


def _is_mark(character: str, kind: str) -> bool:
    """Punctuation; among ASCII, all that is neither letter, digit nor space."""
    return kind[0] == "P" or ("!" <= character <= "~" and not character.isalnum())


def _is_chinese(character: str) -> bool:
    code = ord(character)
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0x20000 <= code <= 0x2FA1F
        or (0xF900 <= code <= 0xFAFF)
    )
