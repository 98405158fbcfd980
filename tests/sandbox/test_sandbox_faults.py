"""A design that fails, whatever the way, costs that design its place and nothing else."""

import time

import pytest

from alma.records import Design, DesignError
from alma.sandbox.contract import Limits
from alma.testing.loop import in_loop

NEIGHBOUR = "async def retrieve(self, situation): return 'still here'"
SHORT = {"load_seconds": 0.6, "update_seconds": 0.6, "retrieve_seconds": 0.6, "step_seconds": 0.6}

HOOKS = {
    "load": "def __init__(self, kit):\n    {}",
    "update": "async def update(self, episode):\n    {}",
    "retrieve": "async def retrieve(self, situation):\n    {}",
    "on_step": "async def on_step(self, situation, history):\n    {}",
}

WAYS = {
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "raises what has no text": ("class E(Exception): __str__ = lambda self: 1 / 0\n    raise E", "E: "),
    "raises half a character": ("raise ValueError('\\ud800')", r"ValueError: \?"),
    "cancels itself": ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
    "leaves by sys.exit": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "recurses": ("f = lambda: f()\n    f()", "RecursionError"),
    "hangs": ("while True: pass", r"took over 0\.6 s"),
    "sleeps": ("import time; time.sleep(60)", r"took over 0\.6 s"),
    "exits": ("import os; os._exit(0)", "process ended"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "process ended"),
    "takes the memory": ("x = bytearray(1 << 40)", "MemoryError"),
}
ENDS = ("hangs", "sleeps", "exits", "crashes")

REPLIES = {
    "an object": ("object()", "which is not JSON"),
    "a set": ("{1, 2}", "holds a set, which is not JSON"),
    "bytes": ("b'x'", "holds a bytes, which is not JSON"),
    "NaN": ("[float('nan')]", "NaN or infinity"),
    "infinity": ("{'a': -float('inf')}", "NaN or infinity"),
    "a key that is a number": ("{1: 2}", "JSON keys are strings"),
    "a deep list": ("eval('[' * 50 + ']' * 50)", "nested too deeply"),
    "itself": ("(lambda x: x.append(x) or x)([])", "nested too deeply"),
    "half a character": ("'\\ud800'", "surrogates not allowed"),
    "half a character in a key": ("{'\\ud800': 1}", "surrogates not allowed"),
    "a number of a million digits": ("10 ** 1_000_000", "Exceeds the limit"),
    "3 MB": ("'x' * 3_000_000", "over the limit"),
    "an object to keep": ("Recall('shown', object())", "which is not JSON"),
}

FORGERIES = {
    "an answer to no call": ("{'id': 999, 'value': None}", "not open"),
    "an answer to the next call": ("{'id': 3, 'value': None}", "not open"),
    "an answer without a value": ("{'id': 2}", "bad message"),
    "an id that is a list": ("{'id': [], 'value': 1}", "bad message"),
    "no object": ("[1]", "not an object"),
    "nonsense": (None, "."),
}

FORGE = """
async def retrieve(self, situation):
    import json, os, socket, struct
    message = {}
    data = b"\\xff" * 64 if message is None else json.dumps(message).encode()
    for fd in range(3, 64):
        try:
            if socket.socket(fileno=os.dup(fd)).family == socket.AF_UNIX:
                os.write(fd, struct.pack(">II", len(data), 0) + data if message is not None else data)
        except OSError:
            pass
    return "a recall"
"""


async def ask(process, call, situation, episode):
    if call == "update":
        return await process.update(episode)
    if call == "retrieve":
        return await process.retrieve(situation(), frozen=False, seed=1)
    return await process.on_step(situation(), (), frozen=False, seed=1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("call", HOOKS)
@in_loop
async def test_a_design_fails_alone(opened, situation, episode, call, way):
    code, says = WAYS[way]
    async with opened(NEIGHBOUR) as neighbour:
        begun = time.monotonic()
        with pytest.raises(DesignError, match=says) as caught:  # noqa: PT012  the design may fail to open
            async with opened(HOOKS[call].format(code), **SHORT) as process:
                try:
                    await ask(process, call, situation, episode)
                finally:
                    assert process.broken == (way in ENDS)
        assert caught.value.call == call
        assert time.monotonic() - begun < 5
        assert (await ask(neighbour, "retrieve", situation, episode)).show == "still here"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("1 / 0", "ZeroDivisionError"),
        ("return 1", "outside function"),
        ("while True: pass", "load took over"),
        ("x = 1", "no subclass of alma.memory.Memory"),
        ("from alma.memory import Memory", "no subclass of alma.memory.Memory"),
    ],
)
@in_loop
async def test_a_file_that_does_not_load_is_the_designs_fault(sandbox, host, source, says):
    with pytest.raises(DesignError, match=says) as caught:
        async with sandbox.open(Design("x", source), host, Limits(load_seconds=0.4), seed=0):
            pass
    assert caught.value.call == "load"


@pytest.mark.parametrize("what", REPLIES)
@in_loop
async def test_a_recall_that_is_no_json_is_the_designs_fault(opened, situation, what):
    value, says = REPLIES[what]
    body = f"async def retrieve(self, situation): return {value} if situation.token == 'bad' else 'fine'"
    async with opened(NEIGHBOUR) as neighbour, opened(body) as process:
        with pytest.raises(DesignError, match=says) as caught:
            await process.retrieve(situation("bad"), frozen=False, seed=1)
        assert caught.value.call == "retrieve"
        if what != "3 MB":
            assert (await process.retrieve(situation(), frozen=False, seed=1)).show == "fine"
        assert (await neighbour.retrieve(situation(), frozen=False, seed=1)).show == "still here"


@pytest.mark.parametrize("what", FORGERIES)
@in_loop
async def test_a_forged_message_ends_the_forger(opened, situation, what):
    message, says = FORGERIES[what]
    async with opened(NEIGHBOUR) as neighbour:
        async with opened(FORGE.replace("{}", str(message), 1), retrieve_seconds=1) as process:
            with pytest.raises(DesignError, match=says):  # noqa: PT012  at the first call or the next
                await process.retrieve(situation(), frozen=False, seed=1)
                await process.retrieve(situation(), frozen=False, seed=1)
            assert process.broken
            with pytest.raises(DesignError):
                await process.freeze()
        assert (await neighbour.retrieve(situation(), frozen=False, seed=1)).show == "still here"


@pytest.mark.parametrize("value", ["null", "[]", "7", '{"show": 1}', '"pickle"', '{"on_step": []}'])
@pytest.mark.parametrize("call", ["load", "update", "freeze", "retrieve", "on_step"])
@in_loop
async def test_a_design_that_answers_for_itself_gains_nothing(opened, situation, episode, call, value):
    """It may forge the answer to its own open call; the host takes it for an answer or for a fault."""
    forge = FORGE[FORGE.index("    import json") : FORGE.index("    return")]
    forge = forge.replace("message = {}", f"import json; message = dict(id=N, value=json.loads('{value}'))")
    number = {"load": 1}.get(call, 2)
    hook = HOOKS.get(call, "def __getstate__(self):\n    {}").format(f"N = {number}\n{forge}")
    with pytest.raises(DesignError):  # noqa: PT012  at which call depends on what it forges
        async with opened(hook) as process:
            if call == "freeze":
                await process.freeze()
            elif call != "load":
                await ask(process, call, situation, episode)
            await process.retrieve(situation("next"), frozen=False, seed=1)
            await process.retrieve(situation("next"), frozen=False, seed=1)


@in_loop
async def test_prints_go_nowhere(opened, situation, capfd):
    body = """
async def retrieve(self, situation):
    import os, sys
    for _ in range(2000):
        print("noise " * 20)
        print("noise " * 20, file=sys.stderr)
    os.write(1, b"noise" * 1000)
    return "quiet"
"""
    async with opened(body) as process:
        assert (await process.retrieve(situation(), frozen=False, seed=1)).show == "quiet"
    assert capfd.readouterr() == ("", "")


@in_loop
async def test_a_trace_names_the_designs_lines_and_no_path_of_the_host(opened, sandbox, host, situation):
    body = """
async def retrieve(self, situation):
    return self.deeper([])

def deeper(self, places):
    return places[0]
"""
    async with opened(body) as process:
        with pytest.raises(DesignError) as caught:
            await process.retrieve(situation(), frozen=False, seed=1)
    assert caught.value.trace == (
        "line 6, in retrieve\nline 9, in deeper\nIndexError: list index out of range"
    )
    wrong = "from alma.memory import Memory, Remember"
    with pytest.raises(DesignError, match="cannot import name 'Remember'") as caught:
        async with sandbox.open(Design("x", wrong), host, Limits(), seed=0):
            pass
    assert "line 1, in <module>" in caught.value.trace
    for text in (str(caught.value), caught.value.trace):
        assert "/src" not in text
        assert "/home" not in text
        assert "/work" not in text


@in_loop
async def test_a_long_error_is_cut(opened, situation):
    async with opened("async def retrieve(self, situation): raise ValueError('x' * 1_000_000)") as process:
        with pytest.raises(DesignError) as caught:
            await process.retrieve(situation(), frozen=False, seed=1)
        assert len(str(caught.value)) <= 500
        assert len(caught.value.trace) <= 2000


@in_loop
async def test_memory_is_capped_and_given_back(opened, situation):
    body = """
async def retrieve(self, situation):
    if situation.token == "greedy":
        self.hoard = [bytearray(1 << 20) for _ in range(10_000)]
    return "fine"
"""
    async with opened(body, address_space_bytes=400 << 20) as process:
        with pytest.raises(DesignError, match="MemoryError"):
            await process.retrieve(situation("greedy"), frozen=False, seed=1)
        assert (await process.retrieve(situation(), frozen=False, seed=1)).show == "fine"
