"""What a design may use: completions, embeddings, stores and numbers."""

import copy
import pickle

import networkx
import numpy
import pytest

from alma.memory import Toolkit
from alma.memory.toolkit import begin_call
from alma.testing.loop import in_loop

MEANING = {"cup": [1.0, 0.0], "mug": [0.9, 0.1], "shelf": [0.0, 1.0], "nothing": [0.0, 0.0]}


class FakeHost:
    """Answers as a host would, and keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.logged = []

    async def call(self, method, arguments):
        self.asked.append((method, arguments))
        return [MEANING[text] for text in arguments["texts"]] if method == "embed" else "an answer"

    def log(self, text):
        self.logged.append(text)


@pytest.fixture
def host():
    return FakeHost()


@pytest.fixture
def kit(host):
    return Toolkit(host)


@in_loop
async def test_a_prompt_is_one_message_of_the_user(kit, host):
    assert await kit.llm("hello") == "an answer"
    assert await kit.llm([{"role": "system", "content": "be brief"}], role="strong", max_tokens=5)
    (_, first), (_, second) = host.asked
    assert first == {
        "messages": [{"role": "user", "content": "hello"}],
        "role": "small",
        "schema": None,
        "temperature": None,
        "max_tokens": None,
    }
    assert (second["role"], second["max_tokens"]) == ("strong", 5)


@in_loop
async def test_embeddings_are_rows_of_an_array(kit, host):
    assert (await kit.embed(["cup", "shelf"])).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    asked = len(host.asked)
    assert len(await kit.embed([])) == 0
    assert len(host.asked) == asked


@in_loop
async def test_vectors_are_found_by_meaning(kit):
    vectors = kit.vectors("things")
    assert await vectors.search("cup") == []
    for name in ("shelf", "mug", "nothing"):
        await vectors.add(name, name, {"name": name})
    hits = await vectors.search("cup", k=2)
    assert [key for _, key, _ in hits] == ["mug", "nothing"]
    assert hits[0][0] == pytest.approx(0.9 / numpy.hypot(0.9, 0.1))
    assert [h[1] for h in await vectors.search("cup", where=lambda data: data["name"] != "mug")] == [
        "nothing",
        "shelf",
    ]
    assert vectors.get("mug") == {"name": "mug"}
    vectors.delete("mug")
    vectors.delete("mug")
    assert len(vectors) == 2
    with pytest.raises(KeyError):
        vectors.get("mug")


@in_loop
async def test_a_text_is_embedded_once(kit, host):
    vectors = kit.vectors("things")
    await vectors.add("a", "cup", 1)
    await vectors.add("a", "cup", 2)
    assert (len(host.asked), vectors.get("a")) == (1, 2)
    await vectors.add("a", "mug", 3)
    assert (len(host.asked), len(vectors)) == (2, 1)


def test_stores_are_dictionaries_by_name(kit):
    store = kit.store("places")
    store["cup"] = ["shelf"]
    store.setdefault("mug", []).append("sink")
    assert kit.store("places") is store
    assert dict(store) == {"cup": ["shelf"], "mug": ["sink"]}
    assert "cup" not in kit.store("others")
    del store["cup"]
    assert len(store) == 1


def test_graphs_are_networkx_graphs_by_name(kit):
    kit.graph("rooms").add_edge("kitchen", "hall")
    assert networkx.shortest_path(kit.graph("rooms"), "hall", "kitchen") == ["hall", "kitchen"]
    assert len(kit.graph("others")) == 0


@in_loop
async def test_stores_are_copied_with_the_memory(kit):
    kit.store("places")["cup"] = ["shelf"]
    kit.graph("rooms").add_edge("kitchen", "hall")
    await kit.vectors("things").add("cup", "cup")
    for copied in (copy.deepcopy(kit), pickle.loads(pickle.dumps(kit))):
        copied.store("places")["cup"].append("sink")
        copied.graph("rooms").add_edge("hall", "attic")
        copied.vectors("things").delete("cup")
    assert kit.store("places")["cup"] == ["shelf"]
    assert len(kit.graph("rooms")) == 2
    assert len(kit.vectors("things")) == 1


def test_the_same_call_draws_the_same_numbers(kit):
    drawn = []
    for seed in (1, 2, 1):
        begin_call(seed)
        drawn.append(kit.rng.random(3).tolist())
    assert drawn[0] == drawn[2] != drawn[1]


def test_a_call_that_draws_twice_draws_two_numbers(kit):
    begin_call(1)
    assert kit.rng.random() != kit.rng.random()


def test_a_log_line_is_short_and_never_fails(kit, host):
    kit.log("x" * 1000)
    kit.log(7)
    assert [len(line) for line in host.logged] == [500, 1]
    Toolkit(host=None).log("nobody listens")
