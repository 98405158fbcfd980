"""A search beside which hostile designs run, compared with the same search left alone.

    python -m benchmarks.sandbox.hostile

The hostile designs have random attacks from a random stream of their own, run in the same sandbox at the same
time, learn from an episode and are asked as any design is, and are never selected. The honest designs and
their scores, and the archive's hash, must be the same. Exit code 1 when they aren't.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast
from unittest.mock import patch

from alma.archive import open_archive
from alma.experiments import plug_ins
from alma.experiments.learn import learn
from alma.learning.config import RunConfig
from alma.memory import Episode, Situation, Step
from alma.records import Design, DesignError, SandboxError
from alma.sandbox.contract import Limits, MemoryProcess, NoServices, SandboxReport, Services, encode_episode
from alma.sandbox.namespaces import NamespacesSandbox

MACHINE = Path("tests/sandbox")
WAYS = {
    "hang": "while True: pass",
    "sleep": "import time; time.sleep(60)",
    "exit": "os._exit(0)",
    "crash": "ctypes.string_at(0)",
    "take memory": "self.all = [bytearray(1 << 26) for _ in range(1000)]",
    "flood": "[self.kit.log('x' * 400) for _ in range(30_000)]",
    "answer too much": "return 'x' * 3_000_000",
    "answer nonsense": "return object()",
    "forge": "[os.write(fd, b'\\xff' * 64) for fd in (3,)]",
    "call the host": "await asyncio.gather(*(self.kit.llm('x') for _ in range(3000)))",
    "exhaust threads": "[threading.Thread(target=time.sleep, args=(9,)).start() for _ in range(99)]",
    "recurse": "f = lambda: f(); f()",
}
HOSTILE = """
import asyncio
from alma.memory import Memory

WORLD = dict(canary="/etc/passwd", port=22, name="x", path="/x", datagram="/x", victim={victim})

class Hostile(Memory):
    async def update(self, episode):
        for name in {names}:
            run(name, WORLD)
        {at_update}

    async def retrieve(self, situation):
        for name in {names}:
            run(name, WORLD)
        {at_retrieve}
"""


class Beside:
    """The sandbox under test, shared by a whole search; opens a hostile design beside honest ones."""

    name = "namespaces"

    def __init__(self, hostile: Sequence[Design]) -> None:
        self._inner = NamespacesSandbox()
        self._waiting = list(hostile)
        self._running: set[asyncio.Task[None]] = set()
        self.ends: Counter[str] = Counter()

    async def self_check(self) -> SandboxReport:
        return await self._inner.self_check()

    @asynccontextmanager
    async def open(
        self, design: Design, services: Services, limits: Limits, *, seed: int
    ) -> AsyncIterator[MemoryProcess]:
        if self._waiting:
            task = asyncio.create_task(self._attack(self._waiting.pop()))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        async with self._inner.open(design, services, limits, seed=seed) as process:
            yield process

    async def close(self) -> None:
        await asyncio.gather(*self._running)
        await self._inner.close()

    async def _attack(self, design: Design) -> None:
        limits = Limits(update_seconds=3, retrieve_seconds=3)
        past = Situation("find a cup", "A room.", ("look",), "x", "t")
        try:
            async with self._inner.open(design, NoServices(), limits, seed=0) as process:
                await process.update(encode_episode(Episode(past, (Step("look", "A cup."),), 1.0, True)))
                await process.freeze()
                for _ in range(3):
                    await process.retrieve(past, frozen=True, seed=0)
            self.ends["lived to its end"] += 1
        except DesignError as error:
            self.ends[str(error)[:60]] += 1
        except SandboxError as error:
            self.ends[f"SANDBOX: {error}"] += 1


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox.hostile")
    parser.add_argument("--candidates", type=int, default=60)
    parser.add_argument("--hostile", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1, help="of the hostile designs' own random stream")
    options = parser.parse_args(arguments)
    designs = hostile_designs(options.hostile, options.seed)
    with tempfile.TemporaryDirectory(prefix="alma-hostile-") as folder:
        alone, _ = search(Path(folder, "alone"), options.candidates, [])
        beside, ends = search(Path(folder, "beside"), options.candidates, designs)
    print("search                designs  evaluations  archive hash")
    for name, found in (("left alone", alone), ("beside hostile ones", beside)):
        print(f"{name:20}  {found['designs']:7}  {found['evaluations']:11}  {found['hash']}")
    print(f"\nhow {sum(ends.values())} hostile designs ended")
    for how, count in ends.most_common():
        print(f"  {count:3}  {how}")
    same = alone == beside and sum(ends.values()) == len(designs)
    print(f"\nhonest designs and scores are {'the same' if alone == beside else 'NOT THE SAME'}")
    return 0 if same and not any(how.startswith("SANDBOX") for how in ends) else 1


def search(run: Path, candidates: int, hostile: Sequence[Design]) -> tuple[dict[str, object], Counter[str]]:
    """What the search found: its hash and the scores by design."""
    sandbox = Beside(hostile)
    config = RunConfig(
        domain="alfworld:households",
        steps=max(1, candidates // 6),
        children=6,
        collect_size=40,
        deploy_size=12,
        repeats=1,
        finalists=1,
        validation_size=12,
        sandbox="namespaces",
    )
    with patch.dict(cast("dict[str, object]", plug_ins.SANDBOXES), namespaces=lambda: sandbox):
        asyncio.run(learn(config, run, lambda kind, payload: None))
    with open_archive(run / "archive.db", "search", create=False, read_only=True) as archive:
        rows = archive.designs()
        found: dict[str, object] = {
            "designs": len(rows),
            "evaluations": len(archive.evaluations()),
            "hash": archive.archive_hash(),
            "scores": json.dumps([(row.id, row.search_score) for row in rows]),
        }
    return found, sandbox.ends


def hostile_designs(count: int, seed: int) -> list[Design]:
    """Designs of a few random attacks each, most with a bad end."""
    rng = random.Random(seed)
    sys.path.insert(0, str(MACHINE.resolve()))
    from machine import attacks  # type: ignore[import-not-found]

    text, names = attacks.source(), sorted(attacks.ATTACKS)
    designs = []
    for number in range(count):
        ends = [rng.choice(list(WAYS.values())), "pass"]
        rng.shuffle(ends)
        source = text + HOSTILE.format(
            names=rng.sample(names, 6), victim=1, at_update=ends[0], at_retrieve=ends[1]
        )
        designs.append(Design(f"hostile-{number}", source))
    return designs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
