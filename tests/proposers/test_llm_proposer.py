"""What the meta agent is asked, what becomes of its answers, and what it is never shown."""

import json
from dataclasses import replace

import pytest

from alma.archive import open_archive
from alma.learning.candidate import seen_before
from alma.models.contract import Reply
from alma.proposers.contract import Inspiration, Means
from alma.proposers.llm import LlmProposer, messages_of
from alma.proposers.llm.evidence import _contrasts
from alma.proposers.llm.sdk import NAMES, reference
from alma.records import (
    ConfigError,
    Design,
    EpisodeRecord,
    Evaluation,
    Failure,
    Observation,
    Outcome,
    Phase,
    Proposal,
    Protocol,
    Step,
    Trajectory,
    Usage,
)
from alma.records.prompt import Prompt, load_prompts
from alma.testing.loop import in_loop

FILE = "from alma.memory import Memory\n\n\nclass M(Memory):\n    number = {}\n"
ANSWER = "## Reflection\nit was lost\n## Plan\n```json\n{}\n```\n## Design\n```python\n{}```"
PLAN = json.dumps(
    {"name": "two words", "changes": [{"what": "w", "why": "y", "expected": "e"}], "expected_score": 0.7}
)
PROTOCOL = Protocol("toy", Phase("train", 4), Phase("train", 4, 4), 1, 5, 0)


class Gate:
    """A model that answers from a list; keeps what it was asked."""

    name = "m"
    usage = Usage()

    def __init__(self, *answers):
        self.answers, self.asked, self.places = list(answers), [], []

    def at(self, *place):
        self.places.append(place)
        return self

    async def ask(self, request, *, key):
        self.asked.append(request)
        answer = self.answers.pop(0)
        return answer if isinstance(answer, Reply) else Reply(answer, Usage(1))


def episode(level, won, recall=""):
    steps = (
        Step("open box", "It is empty.", None),
        Step("take key", "Taken.", None, 1.0 if won else 0.0, won),
    )
    run = Trajectory(
        level, Observation("A hall.", f"find the key of {level[-1]}"), steps, Outcome(float(won), won)
    )
    return EpisodeRecord(level, "c", 0, float(won), won, 2, recall=recall, trajectory=run)


@pytest.fixture
def archive(tmp_path):
    """No memory wins c and d; "first" wins a and c; "later" was made in step 1 and is not known before."""
    with open_archive(tmp_path / "archive.db", "search") as opened:
        opened.start_run("search", {}, 1)
        levels = [f"secret-task-{name}" for name in "abcd"]

        def keep(design_id, wins, recall=""):
            episodes = [episode(level, level[-1] in wins, recall) for level in levels]
            log = (f"fed {recall}",) if recall else ()
            evaluation = Evaluation(f"e-{design_id}", design_id, "search", PROTOCOL, episodes, log=log)
            opened.add_evaluation(evaluation, score=len(wins) / 4)

        keep("no_memory", "cd")
        for step, (name, wins) in enumerate([("first", "ac"), ("later", "abcd")]):
            design = Design.from_source(FILE.format(step), name)
            opened.add_design(
                Proposal(design.source, f"plan of {name}", name=name, genome={"expected_score": 0.9}),
                design,
                step,
                0,
            )
            keep(design.id, wins, "open box")
        yield opened


def asked(archive, step, parents=(), index=0):
    return Inspiration(parents, seen_before(archive, step), "Find keys.", step, index, 7)


@in_loop
async def test_a_design_its_plan_and_its_talk_come_back_from_one_request(archive):
    gate = Gate(ANSWER.format(PLAN, FILE.format(9)))
    parent = archive.designs()[0]
    proposal = await LlmProposer(Means(gate, "It plays.", ("a limit",), "look in boxes")).propose(
        asked(archive, 1, (parent,))
    )
    assert proposal.source.strip() == FILE.format(9).strip()
    assert (proposal.name, proposal.reflection) == ("two words", "it was lost")
    assert proposal.plan == "1. w (why: y; expected: e)"
    assert proposal.genome == {"expected_score": 0.7}
    assert proposal.parents == (parent.id,)
    assert [message.role for message in messages_of(proposal.transcripts)] == ["system", "user", "assistant"]
    system, user = (message.content for message in gate.asked[0].messages)
    for told in ("a limit", "class in it that subclasses", "## Toolkit"):
        assert told in system
    for told in ("Find keys.", "It plays.", "look in boxes", "number = 0", "plan of first"):
        assert told in user


@in_loop
async def test_evidence_is_of_contrast_and_of_nothing_later_or_secret(archive):
    gate = Gate(ANSWER.format(PLAN, FILE.format(9)))
    await LlmProposer(Means(gate)).propose(asked(archive, 1, (archive.designs()[0],)))
    told = gate.asked[0].messages[1].content
    assert "Against no memory: +0.0 points; better in 1 episodes, worse in 1, of 4." in told
    assert "lost, though it is won without this memory" in told
    assert "the same task, won without memory" in told
    assert "won; without memory it is lost" in told
    assert "lost, as without memory" in told
    assert "open box* → It is empty." in told, "actions that the recall names are marked"
    assert "Its author expected 90.0 %, and got 50.0 %." in told
    assert "1.00 / 0.00  find the key of a" in told
    assert "Score 50.0 % in 4 episodes of 4 tasks" in told
    assert "anything from 15.0 % to 85.0 %" in told
    assert "A won episode took 2.0 steps on average, the longest 2; one won without memory took 2.0." in told
    assert "## What it logged (some of it, in no order)\n\n| fed open box\n" in told
    assert "later" not in told, "what came after the candidate began is not shown"
    assert "secret-task" not in told


@in_loop
async def test_the_chain_reflects_plans_with_a_schema_and_implements(archive):
    gate = Gate("it was lost", PLAN, f"```python\n{FILE.format(9)}```")
    proposal = await LlmProposer(Means(gate), "chain").propose(asked(archive, 0))
    assert [bool(request.schema) for request in gate.asked] == [False, True, False]
    assert (proposal.reflection, proposal.name, proposal.failure) == ("it was lost", "two words", None)
    assert proposal.source.strip() == FILE.format(9).strip()


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("no code", ANSWER.format(PLAN, FILE.format(9)), True),
        (
            Reply(ANSWER.format(PLAN, FILE.format(9)), Usage(), "length"),
            ANSWER.format(PLAN, FILE.format(9)),
            True,
        ),
        ("no code", "none again", False),
    ],
)
@in_loop
async def test_an_answer_without_its_code_is_asked_for_once_more(archive, first, second, found):
    gate = Gate(first, second)
    proposal = await LlmProposer(Means(gate)).propose(asked(archive, 0))
    assert len(gate.asked) == 2
    assert (proposal.failure is None) == found
    assert len(proposal.transcripts) == 5, "the talk is kept in either case"


@in_loop
async def test_a_refusal_is_a_failed_proposal_and_not_asked_again(archive):
    gate = Gate(Reply("", Usage(), "refusal"))
    proposal = await LlmProposer(Means(gate)).propose(asked(archive, 0))
    assert proposal.failure == Failure("propose", "The model refused to answer.")


@in_loop
async def test_a_repair_goes_on_with_the_talk(archive):
    gate = Gate(ANSWER.format(PLAN, FILE.format(9)), f"a typo\n```python\n{FILE.format(10)}```")
    proposer = LlmProposer(Means(gate))
    first = await proposer.propose(asked(archive, 0))
    mended = await proposer.repair(first, Failure("update", "KeyError: 'x'", "line 3"), asked(archive, 0))
    assert mended.source.strip() == FILE.format(10).strip()
    assert (mended.plan, mended.name) == (first.plan, first.name)
    last = gate.asked[1].messages
    assert last[:2] == gate.asked[0].messages
    assert "The design fails in update: KeyError: 'x'" in last[-1].content
    assert "line 3" in last[-1].content


@in_loop
async def test_controls_see_what_they_should(archive):
    parents = (archive.designs()[0],)
    gate = Gate(ANSWER.format(PLAN, FILE.format(9)))
    blind = await LlmProposer(Means(gate), "best-of-n").propose(asked(archive, 1, parents))
    assert blind.parents == ()
    assert "plan of first" not in gate.asked[0].messages[1].content
    gate = Gate("## Reflection\nr\n## Text\n```\nOpen boxes first.\n```")
    text = await LlmProposer(Means(gate), "instructions").propose(asked(archive, 1, parents))
    assert "TEXT = 'Open boxes first.'" in text.source
    assert "## Toolkit" not in gate.asked[0].messages[0].content


@in_loop
async def test_an_episode_is_shown_however_long_it_is_and_what_all_win_is_only_counted(archive, monkeypatch):
    monkeypatch.setattr("alma.proposers.llm.evidence.EPISODES_CHARS", 200)
    gate = Gate(ANSWER.format(PLAN, FILE.format(9)))
    await LlmProposer(Means(gate)).propose(asked(archive, 2, (archive.designs()[1],)))
    told = gate.asked[0].messages[1].content
    assert "won; without memory it is lost" in told.split("## Episodes")[1]
    assert "2 tasks are won in every column." in told


@in_loop
async def test_where_all_is_won_the_longest_ways_are_shown_and_none_twice(archive):
    gate = Gate(ANSWER.format(PLAN, FILE.format(9)))
    await LlmProposer(Means(gate)).propose(asked(archive, 2, (archive.designs()[1],)))
    told = gate.asked[0].messages[1].content
    assert "anything from 51.0 % to 100.0 %" in told, "a score at the edge is no certainty"
    episodes = told.split("## Episodes")[1]
    assert "won, but it took longest" in episodes
    assert [episodes.count(f"Goal: find the key of {name}") for name in "abcd"] == [1, 1, 1, 1]


def test_the_longest_wins_are_chosen():
    some = [replace(episode(f"level-{n}", True, ""), steps=n) for n in range(9)]
    evaluation = Evaluation("e", "d", "search", PROTOCOL, some)
    assert [one.steps for one, why in _contrasts(evaluation, evaluation, None) if "longest" in why] == [
        8,
        7,
        6,
        5,
    ]


def test_a_model_is_needed():
    with pytest.raises(ConfigError, match="give --meta-model"):
        LlmProposer(Means())


def test_the_reference_names_all_of_the_sdk():
    told = reference()
    for name in NAMES:
        assert f"## {name}\n" in told
    for name in ("async retrieve", "async update", "async on_step", "kit", "`async llm(", "rng"):
        assert name in told


def test_prompts_have_no_slot_that_nobody_fills():
    with pytest.raises(ValueError, match="slots do not fit: b, c"):
        Prompt("p", "{{a}} {{b}}").render(a="1", c="2")
    assert Prompt("p", "{{#a}}x{{/a}}y").render(a="") == "y"
    assert {"system", "task", "repair", "answer_once"} <= set(load_prompts("alma.proposers.llm"))
