"""A design that tries to make its hard episodes go missing does not raise its mean.

Each trickster is the honest design but for what it does where it expects to lose. Its mean is compared with
the honest design's on the same episodes: none may be missing, and none may score more.
"""

from dataclasses import dataclass, field, replace

import pytest
from ring import NOTES, TRAIN, ring

from alma.learning.services import DesignModels
from alma.models.contract import Reply, Request
from alma.records import ProviderError, Usage
from alma.sandbox.contract import Limits
from alma.testing.loop import in_loop

LIMITS = Limits(load_seconds=5, update_seconds=1, retrieve_seconds=0.4, step_seconds=0.4)
HARD = """
        if self.key(situation) not in self.places:
            {trick}
        return self.places.get(self.key(situation))
"""
STEPS = """
    async def on_step(self, situation, history):
        if self.key(situation) not in self.places and len(history) == 1:
            {trick}
        return None
"""
TRICKS = {
    "raises": "raise ValueError('too hard')",
    "raises what has no text": "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()",
    "leaves": "raise SystemExit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "is cancelled": "import asyncio; raise asyncio.CancelledError",
    "hangs": "while True: pass",
    "sleeps": "import time; time.sleep(60)",
    "never answers": "import asyncio; await asyncio.Event().wait()",
    "exits": "import os; os._exit(0)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "takes all memory": "x = bytearray(1 << 42)",
    "recalls too much": "return 'go away. ' * 20_000",
    "recalls a megabyte too much": "return 'x' * 3_000_000",
    "recalls what is no JSON": "return object()",
    "recalls itself": "x = []; x.append(x); return x",
    "recalls half a character": "return '\\ud800'",
    "floods the host": "import asyncio; await asyncio.gather(*(self.kit.llm(str(n)) for n in range(2000)))",
    "floods the log": "[self.kit.log('x' * 400) for _ in range(30_000)]",
    "uses up its calls": "for n in range(500): await self.kit.llm(f'question {n}')",
    "asks for what can't be sent": "await self.kit.llm([{'role': 'king', 'content': 1}])",
    "asks for far too much": "await self.kit.llm('x' * 300_000)",
    "asks more than fits the model": "await self.kit.llm('x' * 5000)",
    "asks what the model refuses": "await self.kit.llm('refuse')",
    "closes its channel": "import os; os.closerange(3, 60)",
    "writes on its channel": "import os; os.write(3, b'\\xff' * 64)",
}


@dataclass
class Obliging:
    """A model that answers, refuses what says so, and has a small context."""

    name: str = "obliging"
    usage: Usage = field(default_factory=Usage)

    def at(self, *place: str) -> "Obliging":
        return self

    async def ask(self, request: Request, *, key: str) -> Reply:
        text = request.messages[-1].content
        if text == "break":
            raise ProviderError("the server is gone")
        if text == "refuse":
            return Reply("", Usage(1), "refusal")
        return Reply("", Usage(), "overflow") if len(text) > 4000 else Reply("hm", Usage(1))


async def rewards(folder, source, *, mode="frozen"):
    """Each episode's reward, and the evaluation, after learning half of the houses."""
    async with ring(folder, limits=LIMITS) as r:
        r.evaluator = replace(r.evaluator, services=DesignModels({"small": Obliging()}))
        collection = await r.collect(TRAIN[:40:4])
        evaluation = await r.evaluate(source, TRAIN[1:80:9], collection=collection, mode=mode)
    return {(e.level_key, e.repeat): e.reward for e in evaluation.episodes}, evaluation


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    import asyncio

    found, evaluation = asyncio.run(rewards(tmp_path_factory.mktemp("honest"), NOTES))
    assert evaluation.faults == 0
    assert 0 < evaluation.reward < 1, "the honest design must win some and lose some"
    return found


def trickster(trick, hook):
    start = NOTES.index("        return self.places.get")
    end = NOTES.index("\n    def key")
    if hook == "retrieve":
        return NOTES[:start] + HARD.format(trick=trick).strip("\n") + "\n" + NOTES[end:]
    return NOTES[:end] + STEPS.format(trick=trick) + NOTES[end:]


@pytest.mark.parametrize("hook", ["retrieve", pytest.param("on_step", marks=pytest.mark.system)])
@pytest.mark.parametrize("trick", TRICKS)
@in_loop
async def test_a_trick_where_it_expects_to_lose_does_not_raise_a_designs_mean(
    honest, tmp_path, trick, hook
):
    found, evaluation = await rewards(tmp_path, trickster(TRICKS[trick], hook))
    assert evaluation.missing == 0
    assert found.keys() == honest.keys()
    assert not {key: (found[key], honest[key]) for key in honest if found[key] > honest[key]}
    assert evaluation.reward <= sum(honest.values()) / len(honest)
    if trick != "recalls too much":
        assert evaluation.faults > 0, "the trick must have been played, and be counted"


@in_loop
async def test_a_design_that_meets_a_broken_server_has_no_score_at_all(tmp_path):
    """It can't be told from bad luck, so nothing is kept of it: neither episodes nor a mean of the rest."""
    with pytest.raises(ProviderError, match="the server is gone"):
        await rewards(tmp_path, trickster("await self.kit.llm('break')", "retrieve"))
