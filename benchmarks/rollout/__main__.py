"""What the loop costs: whole evaluations against the raw engine and the bare executor, in one run.

    python -m benchmarks.rollout

Times are CPU seconds, so other work on the machine matters little; the three are measured in turn, on the
same episodes, with every level already in the caches. `raw` plays the recorded actions in the engine alone,
`bare` is engine and reader in one process with the recalled text given, `loop` is ALMA as it runs: worker,
design process, scoring, archive. Then memory over many episodes, and candidates a minute by the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from alma.archive import SqlArchive, open_archive
from alma.experiments import named, plug_ins
from alma.experiments.house import House, Phases, collect_number, open_house, register
from alma.experiments.learn import learn
from alma.learning.budget import RunBudget
from alma.learning.collect import Collection
from alma.learning.config import RunConfig
from alma.learning.evaluate import Evaluator
from alma.learning.levels import choose
from alma.learning.rollout import play_beside
from alma.records import Evaluation, Level, Phase, Protocol, derive_seed
from benchmarks.rollout.processes import Watched, usage

CONFIG = RunConfig(domain="alfworld:households", collect_size=100, repeats=1, workers=1)
DESIGN = "trajectory_retrieval"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollout")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of loop, bare and raw in turn")
    parser.add_argument("--levels", type=int, default=120, help="episodes a round")
    parser.add_argument("--episodes", type=int, default=5000, help="episodes over which memory is watched")
    parser.add_argument("--candidates", type=int, default=16, help="candidates of the search by the clock")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="alma-rollout-") as folder:
        asyncio.run(_measure(Path(folder), options))
    return 0


async def _measure(folder: Path, options: argparse.Namespace) -> None:
    config = replace(CONFIG, deploy_size=options.levels)
    async with open_house(config) as house:
        with open_archive(folder / "archive.db", "bench") as archive:
            archive.start_run("bench", {}, 0)
            evaluator = house.evaluator(archive, RunBudget({}), lambda kind, payload: None)
            phases = Phases.of(house.domain, config)
            collection = await collect_number(house, evaluator, choose(house.domain, phases.collect, 0), 0)
            levels = choose(house.domain, Phase("train", options.levels, 100), 0)
            protocol = house.protocol(phases.collect, phases.search, repeats=1)
            loop = Loop(house, evaluator, archive, protocol, collection, levels)
            await loop.round()
            _report([await loop.round() for _ in range(options.rounds)], options.levels)
            await _memory(loop, options.episodes)
    await _candidates(folder / "search", options.candidates)


class Loop:
    """Evaluates the same design on the same levels again and again, each time as a new evaluation."""

    def __init__(
        self,
        house: House,
        evaluator: Evaluator,
        archive: SqlArchive,
        protocol: Protocol,
        collection: Collection,
        levels: list[Level],
    ) -> None:
        self._sandbox = Watched(evaluator.sandbox)
        self._house, self._archive = house, archive
        self._evaluator = replace(evaluator, sandbox=self._sandbox)
        self._protocol, self._collection, self.levels = protocol, collection, levels
        self._design = named.design(DESIGN)
        self._number = 0
        register(archive, self._design)

    async def evaluate(self) -> Evaluation:
        self._number += 1
        # Another collection's name makes it another evaluation; else the archive would answer.
        fresh = replace(self._collection, key=str(self._number))
        return await self._evaluator.evaluate(self._design, "search", self._protocol, fresh, self.levels)

    async def round(self) -> dict[str, float]:
        """CPU milliseconds an episode: `raw`, `bare`, and of the loop's processes."""
        before, self._sandbox.seconds = usage(), 0.0
        evaluation = await self.evaluate()
        after = usage()
        spent = {role: after[role][0] - before.get(role, (0.0, 0.0))[0] for role in after}
        # A design's process is gone by now, and nobody waits for it: it is read before it ends.
        spent["design"] = spent.get("design", 0.0) + self._sandbox.seconds
        whole = self._archive.get_evaluation(evaluation.id, trajectories=True)
        assert whole is not None
        recalls = {episode.level_key: episode.recall for episode in whole.episodes}
        played = {e.level_key: e.trajectory for e in whole.episodes}
        environments = [self._house.domain.open(level) for level in self.levels]
        begun = time.process_time()
        bare = [
            play_beside(
                environment,
                lambda question: None,
                self._house.agent,
                level.key,
                recalls[level.key],
                False,
                self._protocol.step_limit,
                derive_seed(self._evaluator.seed, "deploy", level.key, 0),
            )
            for environment, level in zip(environments, self.levels, strict=True)
        ]
        spent["bare"] = time.process_time() - begun
        assert all(one == played[one.level_key] for one in bare), "bare and loop must play the same episodes"
        begun = time.process_time()
        for environment, one in zip(environments, bare, strict=True):
            environment.reset()
            for step in one.steps:
                environment.step(step.action)
        spent["raw"] = time.process_time() - begun
        spent["steps"] = sum(len(one.steps) for one in bare) / 1000
        return {name: 1000 * seconds / len(self.levels) for name, seconds in spent.items()}


def _report(rounds: list[dict[str, float]], levels: int) -> None:
    middle = {name: median(one.get(name, 0.0) for one in rounds) for name in rounds[0]}
    parts = ("host", "worker", "design", "other")
    whole = median(sum(one.get(name, 0.0) for name in parts) for one in rounds)
    print(f"{len(rounds)} rounds of {levels} episodes, {middle['steps']:.0f} steps each; medians\n")
    print("CPU ms an episode")
    print(f"  raw: engine alone                     {middle['raw']:7.2f}")
    print(f"  bare: engine and reader               {middle['bare']:7.2f}")
    print(f"  loop: all processes                   {whole:7.2f}")
    print(f"    environment worker                  {middle['worker']:7.2f}")
    print(f"    design process                      {middle.get('design', 0.0):7.2f}")
    print(f"    host: scoring, archive, scheduling  {middle['host']:7.2f}")
    outside = median(
        sum(one.get(name, 0.0) for name in parts) - one.get("design", 0.0) - one["bare"] for one in rounds
    )
    share = f"({100 * outside / whole:.0f} % of the loop)"
    print(f"  outside engine, reader and design     {outside:7.2f}  {share}\n")
    print("episode rate a CPU second, as a share")
    for name in ("bare", "raw"):
        shares = [one[name] / sum(one.get(part, 0.0) for part in parts) for one in rounds]
        print(f"  loop against {name:4}                     {median(shares):7.2f}")


async def _memory(loop: Loop, episodes: int) -> None:
    print("\nMB resident    host  worker  design")
    done = 0
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        while done < share * episodes:
            await loop.evaluate()
            done += len(loop.levels)
        now = usage()
        cells = "  ".join(f"{now.get(role, (0.0, 0.0))[1]:6.1f}" for role in ("host", "worker", "design"))
        print(f"{done:6d} episodes  {cells}")


async def _candidates(run: Path, candidates: int) -> None:
    """A search as `make demo` makes it, without its tables: candidates of 60 levels × 2 by the clock."""
    moments: list[float] = []

    def listen(kind: str, payload: object) -> None:
        if kind in ("no_memory", "evaluated", "failed"):
            moments.append(time.monotonic())

    config = RunConfig(
        domain="alfworld:households", steps=max(1, candidates // 8), children=8, collect_size=150, finalists=1
    )
    await learn(config, run, listen)
    minutes = (moments[-1] - moments[0]) / 60
    rate = f"{(len(moments) - 1) / minutes:.0f} candidates a minute by the clock"
    print(f"\n{rate} (120 episodes each, {plug_ins.worker_count(0)} workers)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
