"""Agents for the rollout's tests, importable in a worker process."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alma.records import Step


@dataclass(frozen=True)
class Opens:
    """Opens places, those that the recall names first, and takes what it sees."""

    runs_in: Literal["host", "worker"]
    name = "opens"
    version = "1"
    simulated = True

    async def play(self, game, recalled, model, seed):
        tried = []
        while not game.over:
            text = await recalled.on_step(tuple(game.steps)) or recalled.text
            actions = sorted(game.admissible, key=lambda action: action.split()[-1] not in text)
            taking = [action for action in actions if action.startswith("take")]
            action = [*taking, *(action for action in actions if action not in tried)][0]
            tried.append(action)
            await game.act(action)


@dataclass(frozen=True)
class Lies:
    """Claims to have won without playing."""

    runs_in: Literal["host", "worker"]
    name = "lies"
    version = "1"
    simulated = True

    async def play(self, game, recalled, model, seed):
        game.steps.append(Step("win", "You have won.", (), 1.0, True))


@dataclass(frozen=True)
class NeverStops:
    """Acts until it is stopped, past the end."""

    runs_in: Literal["host", "worker"]
    name = "never stops"
    version = "1"
    simulated = True

    async def play(self, game, recalled, model, seed):
        try:
            while True:
                await game.act("dance")
        except RuntimeError:
            return


@dataclass(frozen=True)
class Waits:
    """Waits, which an agent in a worker may not."""

    runs_in: Literal["host", "worker"]
    name = "waits"
    version = "1"
    simulated = True

    async def play(self, game, recalled, model, seed):
        import asyncio

        await asyncio.sleep(0)


class Fragile:
    """A wrapper of a domain whose engine kills its worker at the third action, the first `times` times."""

    def __init__(self, domain, folder, times):
        self.domain, self.folder, self.times = domain, folder, times

    def open(self, level):
        return _FragileGame(self.domain.open(level), Path(self.folder, "tries"), self.times)


class _FragileGame:
    def __init__(self, game, tries, times):
        self.game, self.tries, self.times, self.acted = game, tries, times, 0

    def reset(self):
        self.acted = 0
        return self.game.reset()

    def step(self, action):
        self.acted += 1
        done = int(self.tries.read_text()) if self.tries.exists() else 0
        if self.acted == 3 and done < self.times:
            self.tries.write_text(str(done + 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return self.game.step(action)

    def outcome(self):
        return self.game.outcome()

    def close(self):
        self.game.close()
