"""Verification: a cheap look that names line and reason, then a few real episodes."""

import pytest
from ring import COUNTS, NOTES, TRAIN, memory, protocol_of, ring

from alma.learning.verify import FEW_LEVELS, MOST_BYTES, check_source, verify
from alma.records import Design, Proposal
from alma.sandbox.contract import Limits
from alma.testing.loop import in_loop

GOOD = memory()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (GOOD.replace("import os, time", "import torch"), "line 1: imports torch"),
        (GOOD + "from alma.archive import open_archive\n", "line 6: imports alma.archive"),
        (GOOD + "from . import secrets\n", "line 6: imports ., which"),
        (GOOD.replace("return None", "return eval('1')"), "line 5: calls eval"),
        (GOOD.replace("return None", "return open('/etc/passwd')"), "line 5: calls open"),
        (GOOD.replace("import os, time", "import ctypes"), "line 1: imports ctypes, whose work the sandbox"),
        (GOOD + "from subprocess import run\n", "line 6: imports subprocess"),
        (GOOD.replace("return None", "os.system('ls')"), "line 5: calls os.system"),
        (GOOD.replace("return None", "os.environ = {}"), "line 5: changes the module os"),
        (GOOD.replace("return None", "time.count += 1"), "line 5: changes the module time"),
        (GOOD.replace("async def", "def"), "line 4: retrieve must be written `async def`"),
        (GOOD.replace("self, situation", "self"), "line 4: retrieve takes 2 arguments with self, not 1"),
        (GOOD.replace("self, situation", "self, a, b, *c"), "line 4: retrieve takes 2 arguments"),
        ("import os\n", "defines no class that subclasses alma.memory.Memory"),
        (GOOD + "#" * MOST_BYTES, f"the limit is {MOST_BYTES}"),
        (GOOD + "def f(:\n", "line 6: not valid Python"),
        (GOOD + "x = " + "(" * 3000, "not valid Python"),
        (GOOD + "x = '\ud800'\n", "not valid Python"),
        (GOOD + "\0", "not valid Python"),
        ("", "defines no class"),
    ],
)
def test_the_static_check_gives_line_and_reason(source, told):
    problems = check_source(source)
    assert problems
    assert told in problems[0]


@pytest.mark.parametrize("source", [GOOD, NOTES, COUNTS, GOOD + "import numpy as np\nimport networkx\n"])
def test_the_static_check_lets_good_designs_pass(source):
    assert check_source(source) == []


async def check(folder, source, *, collected=8):
    async with ring(folder, limits=Limits(load_seconds=5, retrieve_seconds=0.3, update_seconds=0.3)) as r:
        collection = await r.collect(TRAIN[:collected])
        before = r.budget.spent["episodes"]
        design = Design.from_source(source)
        r.archive.add_design(Proposal(source), design, 0, 0)
        failure = await verify(r.evaluator, design, protocol_of(repeats=2), collection, TRAIN[20:40])
        return failure, r.budget.spent["episodes"] - before


@pytest.mark.parametrize(
    ("source", "call", "message"),
    [
        (memory(init="super().__init__(kit)\nself.x = 1 / 0"), "__init__", "ZeroDivisionError"),
        (memory(update="raise KeyError('lost')"), "update", "KeyError"),
        (memory("raise KeyError('lost')"), "retrieve", "KeyError"),
        (memory("return object()"), "retrieve", "JSON"),
        (memory("time.sleep(9)"), "retrieve", "0.3"),
        (memory("os._exit(3)"), "retrieve", "ended"),
    ],
)
@in_loop
async def test_what_fails_at_work_is_found(tmp_path, source, call, message):
    failure, _ = await check(tmp_path, source)
    assert failure is not None
    assert call in failure.call or failure.call == "load"
    assert message in failure.message


@in_loop
async def test_a_good_design_passes_at_the_price_of_a_few_episodes(tmp_path):
    assert await check(tmp_path, NOTES) == (None, FEW_LEVELS)
