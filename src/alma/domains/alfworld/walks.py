"""Seeded walks that visit every command of the engine: what the oracle and the transcripts play.

A walk is steered by our own engine's knowledge of the game, so that rare commands (heat, slice, use)
are met often; it also tries commands that must be refused. Not an agent: nothing is learned or scored.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from alma.domains.alfworld.engine import Game
from alma.domains.alfworld.pddl import ACTIONS

_WEIGHTS = {
    "gotolocation": 2.0,
    "openobject": 5.0,
    "closeobject": 1.2,
    "pickupobject": 3.0,
    "putobject": 2.0,
    "examinereceptacle": 0.7,
    "examineobject": 2.0,
    "look": 1.0,
    "inventory": 0.5,
    "help": 0.2,
    "sliceobject": 3.0,
    "toggleobject": 2.0,
}
_RARE = 8.0
_WORKS = (("cleanable", "clean", 1), ("heatable", "heat", 4), ("coolable", "cool", 2))
_REFUSED_SHARE = 0.06
_PURPOSE_SHARE = 0.5

REFUSED = "refused"


def walk(game: Game, steps: int, rng: random.Random) -> Iterator[str]:
    """Commands for a game that the caller steps between them, so that each fits the state it is played in."""
    for _ in range(steps):
        if rng.random() < _REFUSED_SHARE:
            yield _refused(game, rng)
        elif rng.random() < _PURPOSE_SHARE and (purpose := _purposeful(game, rng)):
            yield purpose
        else:
            yield _any(game, rng)


def verb(game: Game, command: str) -> str:
    """The name under which a command is counted, before it is played."""
    action = game.menu.find(command.strip())
    return ACTIONS[action[0]] if action else REFUSED


def _any(game: Game, rng: random.Random) -> str:
    """An action name by weight, then one of its commands."""
    found: dict[str, list[str]] = {}
    for command in game.menu.commands:
        action = game.menu.find(command)
        if action is not None:
            found.setdefault(action[0], []).append(command)
    names = sorted(found)
    name = rng.choices(names, [_WEIGHTS.get(name, _RARE) for name in names])[0]
    return rng.choice(found[name])


def _purposeful(game: Game, rng: random.Random) -> str | None:
    """A command towards something rare: an appliance, a lamp, a thing to slice, something to take there."""
    board, world = game.board, game.board.world
    wanted: list[int] = []
    for index, place in enumerate(world.receptacles):
        if game.location == place.location:
            continue
        if game.held >= 0:
            flags = world.things[game.held].flags
            for flag, work, weight in _WORKS:
                if flag in flags and place.kind in getattr(world.rules, work):
                    wanted.extend([index] * weight)
            if game.held in board.knives and any(place.location in game.lying[i] for i in board.sliceable):
                wanted.append(index)
        elif board.knives.intersection(game.contents[index]):
            wanted.append(index)
        if board.lamps.intersection(game.contents[index]):
            wanted.append(index)
    useful = [
        command
        for command, action in game.menu.local.items()
        if action[0] == "pickupobject"
        and (action[1] in board.knives or "heatable" in world.things[action[1]].flags)
    ]
    if useful and rng.random() < 0.5:
        return rng.choice(useful)
    if not wanted or rng.random() < 0.3:
        return None
    return board.wording.commands["gotolocation"].format(r=board.receptacle_names[rng.choice(wanted)])


def _refused(game: Game, rng: random.Random) -> str:
    """Something that is most likely refused, or accepted only once its spaces are stripped."""
    board = game.board
    place, thing = rng.choice(board.receptacle_names), rng.choice(board.thing_names or ("mug 1",))
    tries = (
        "",
        "dance",
        f"GO TO {place}",
        f"go to  {place}",
        f"go to {place.split()[0]}",
        f"open {place}",
        f"take {thing} from {place}",
        f"put {thing} in/on {place}",
        f"move {thing} to {place}",
        f"examine {thing}",
        f"toggle {thing}",
        f"use {thing}",
        f"heat {thing} with {place}",
        f"clean {thing} with {place}",
        f"  {rng.choice(game.menu.commands)}\n",
    )
    return rng.choice(tries)
