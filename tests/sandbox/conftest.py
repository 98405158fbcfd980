"""One real sandbox for all tests, the services of a host, and a helper that opens a design."""

import asyncio
from collections.abc import Iterator

import pytest

from alma.memory import Episode, Situation, Step
from alma.records import Design
from alma.sandbox.contract import Limits, encode_episode
from alma.sandbox.landlock import LandlockSandbox
from alma.sandbox.namespaces import NamespacesSandbox
from alma.sandbox.unsafe import UnsafeSandbox
from alma.sandbox.zygote_sandbox import ZygoteSandbox

BACK_ENDS = {
    "namespaces": NamespacesSandbox,
    "landlock": LandlockSandbox,
    "unsafe": UnsafeSandbox,
}
HEAD = "from alma.memory import Memory, Recall\n\n\nclass D(Memory):\n"


class Host:
    """Services that answer at once and remember what they were asked."""

    def __init__(self):
        self.asked = []
        self.logged = []

    async def llm(self, arguments):
        self.asked.append(arguments)
        return "an answer"

    async def embed(self, texts):
        self.asked.append(list(texts))
        return [[float(len(text)), 1.0] for text in texts]

    def log(self, text):
        self.logged.append(text)


@pytest.fixture(scope="session", params=BACK_ENDS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[ZygoteSandbox]:
    """Every back-end that forks its workers keeps the same promises to the host."""
    opened = BACK_ENDS[request.param]()
    report = asyncio.run(opened.self_check())
    if not report.ok:
        asyncio.run(opened.close())
        pytest.skip(f"{request.param} doesn't hold here: {report.detail}")
    yield opened
    asyncio.run(opened.close())


@pytest.fixture
def back_end(sandbox) -> type[ZygoteSandbox]:
    """The class of the back-end under test, for tests that need one of their own."""
    return type(sandbox)


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def opened(sandbox, host):
    """`opened(body)` opens a design whose class body is `body`; `seed` and any limit may be given."""

    def open_(body: str, *, services=None, seed: int = 1, head: str = HEAD, **limits):
        source = head + "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
        return sandbox.open(Design("x", source), services or host, Limits(**limits), seed=seed)

    return open_


@pytest.fixture
def situation():
    def build(token: str = "t", goal: str = "find a cup") -> Situation:
        return Situation(goal, "A room.", ("look",), "toy", token)

    return build


@pytest.fixture
def episode(situation) -> bytes:
    return encode_episode(Episode(situation("past"), (Step("look", "A cup."),), 1.0, True))
