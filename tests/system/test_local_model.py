"""The local model for real: a language model and an embedder of this machine play, answer and embed."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
from benchmarks.local_model.__main__ import config, nearest, row, short_quests, solved

from alma.archive import open_archive
from alma.experiments import plug_ins
from alma.experiments.house import open_house
from alma.learning.evaluate import NOTHING
from alma.models.contract import Message, Request
from alma.models.local.model import LocalModel, transcript
from alma.records import Level, ProviderError
from alma.testing.loop import in_loop
from alma.testing.plug_in import install_toy

pytestmark = pytest.mark.system

COLOURS = Request((Message("user", "Name a colour."),), 30)
CHOICES = ("red", "open the small wooden box", "red green", "blue")
SMALL = """
domain = "toy"
execution_model = "local:smollm2"
steps = 1
children = 2
collect_size = 5
deploy_size = 3
validation_size = 2
finalists = 1
repeats = 1
held_out_size = 0
step_limit = 4
workers = 1
"""
ASKS = '''
from alma.memory import Memory


class Asks(Memory):
    """Asks the model about each won episode, and finds it again by meaning."""

    async def update(self, episode):
        said = await self.kit.llm(f"Say in three words: {episode.situation.goal}", max_tokens=12)
        if episode.success:
            lines = [episode.situation.goal, "", episode.situation.observation]
            for step in episode.steps:
                lines += [f"> {step.action}", step.observation]
            won = self.kit.vectors("won")
            data = {"said": said, "told": "\\n".join(lines)}
            await won.add(str(len(won)), self.key(episode.situation), data)

    async def retrieve(self, situation):
        found = await self.kit.vectors("won").search(self.key(situation), k=1)
        return found[0][2]["told"] if found else None

    def key(self, situation):
        return situation.goal + " " + situation.observation.split(".")[0]
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for runs, with the toy domain beside it and this design in it."""
    where = tmp_path_factory.mktemp("local")
    install_toy(where / "plug-in")
    (where / "asks.py").write_text(ASKS)
    return where


def alma(folder, *arguments):
    path = os.pathsep.join([str(folder / "plug-in"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "alma.cli.main", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@in_loop
async def test_the_likeliest_choice_is_the_same_by_search_and_by_all_sums_and_answers_repeat():
    """Each choice's own likelihood, from asking for it beside one other, orders them as the search does."""
    model = LocalModel.named("smollm2")
    try:
        messages = (Message("user", "You like colours. What is your favourite colour?"),)
        best = await model.complete(Request(messages, choices=CHOICES))
        assert (await model.complete(Request(messages, choices=CHOICES[::-1]))).text == best.text
        for other in CHOICES:
            pair = await model.complete(Request(messages, choices=(other, best.text)))
            assert pair.text == best.text
        assert best.usage.usd == 0
        assert (await model.complete(COLOURS)).text == (await model.complete(COLOURS)).text
        assert transcript((*messages, Message("assistant", "red"))).endswith("> red\n>")
    finally:
        await model.close()


@in_loop
async def test_the_prefix_is_kept_schemas_hold_contexts_end_and_a_crash_is_no_end():
    model = LocalModel.named("smollm2")
    try:
        long = Message("user", "You are in a kitchen with a table and a fridge. " * 30)
        first = await model.complete(Request((long,), choices=CHOICES))
        more = (long, Message("assistant", first.text), Message("user", "Nothing happens."))
        second = await model.complete(Request(more, choices=CHOICES))
        assert second.usage.cached_tokens > 0.9 * first.usage.prompt_tokens > 300
        schema = {"type": "object", "properties": {"c": {"enum": ["red", "blue"]}}, "required": ["c"]}
        held = await model.complete(Request(COLOURS.messages, 60, schema=schema))
        assert json.loads(held.text)["c"] in ("red", "blue")
        assert (await model.complete(COLOURS)).finish == "length"
        full = (Message("user", "word " * 20_000),)
        assert (await model.complete(Request(full))).finish == "overflow"
        assert (await model.complete(Request(full, choices=CHOICES))).finish == "overflow"
        waiting = asyncio.create_task(model.complete(Request((Message("user", "Tell a story."),), 2000)))
        await asyncio.sleep(0.5)
        model._helper._process.kill()
        with pytest.raises(ProviderError, match="its process ended by signal 9"):
            await waiting
        assert (await model.complete(COLOURS)).text
        most = model.worst_case(Request(more, choices=CHOICES))
        assert most.prompt_tokens >= second.usage.prompt_tokens
    finally:
        await model.close()


def test_a_whole_search_runs_on_this_machines_models_and_a_design_asks_and_embeds(folder):
    (folder / "small.toml").write_text(SMALL)
    alma(folder, "learn", "--config", "small.toml", "--start-from", "asks.py", "--run", "run")
    with open_archive(folder / "run/archive.db", "search", create=False, read_only=True) as archive:
        asks = next(row for row in archive.designs() if row.design.name == "asks")
        evaluation = archive.evaluation(asks.id, "search", trajectories=True)
        played, designs = (archive.ledger().spent(role) for role in ("executor", "small"))
    assert evaluation.missing == 0
    assert evaluation.faults == 0
    assert played.calls > 8
    assert played.cached_tokens > 0
    assert played.usd == 0
    assert designs.calls > 0
    assert evaluation.usage.prompt_tokens > sum(e.usage.prompt_tokens for e in evaluation.episodes)


def test_doctor_and_the_list_name_what_is_in_use(folder):
    rows = {row["what"]: row for row in json.loads(alma(folder, "doctor", "--json"))}
    assert any(what.startswith("embedder minilm@") and row["ok"] for what, row in rows.items())
    assert rows["model local"]["ok"], rows["model local"]
    assert "not claims" in rows["model local"]["detail"]
    names = {row["name"]: row for row in json.loads(alma(folder, "models", "list", "--json"))}
    assert "is installed" in names["local"]["key"]
    assert plug_ins.embedder("auto").name.startswith("minilm@")


@in_loop
async def test_memory_of_the_very_game_moves_the_models_score(tmp_path):
    """The upper bound of the benchmark, small. A similar game is never asserted to help."""
    async with open_house(config("local:smollm2")) as house:
        quests = short_quests(house.domain, "in_distribution", 2)
        levels = [Level(task) for task, _, _ in quests]
        with open_archive(tmp_path / "archive.db", "proof") as archive:
            archive.start_run("proof", {}, 0)
            without = await row(house, archive, NOTHING, solved(house.domain, quests[:0]), levels, 1)
            shown = await row(house, archive, nearest(), solved(house.domain, quests), levels, 1)
    assert shown.success > without.success
    assert shown.missing == without.missing == shown.faults == 0
