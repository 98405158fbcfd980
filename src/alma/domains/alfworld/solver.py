"""A scripted player that knows where everything is: proves that a household can be won.

For checks and exports only. It is never shown to an agent, a design or a proposer.
"""

from __future__ import annotations

from alma.domains.alfworld.engine import Board, Game
from alma.domains.alfworld.households import Assignment
from alma.domains.alfworld.world import World
from alma.records import DomainError


def solve(world: World, asked: Assignment) -> tuple[str, ...]:
    """Commands that win the game. Raises DomainError when they don't, so a world that passes is solvable."""
    board = Board(world)
    game = Game(board)
    played: list[str] = []

    def act(name: str, **names: str) -> None:
        command = world.wording.commands[name].format(**names)
        if game.menu.find(command) is None:
            raise DomainError(f"the scripted player wants {command!r}, which is not accepted")
        game.step(command)
        played.append(command)

    def visit(receptacle: int) -> str:
        name = board.receptacle_names[receptacle]
        if game.location != board.where[receptacle]:
            act("gotolocation", r=name)
        return name

    def enter(receptacle: int) -> str:
        name = visit(receptacle)
        if board.openable[receptacle] and not game.opened >> receptacle & 1:
            act("openobject", r=name)
        return name

    def place_of(thing: int) -> int:
        return next(index for index, things in enumerate(game.contents) if thing in things)

    wanted = [index for index, thing in enumerate(world.things) if thing.kind == asked.otype]
    targets = [index for index, place in enumerate(world.receptacles) if place.kind == asked.target]
    for thing in wanted[: 2 if asked.kind == "two" else 1]:
        name = board.thing_names[thing]
        act("pickupobject", o=name, r=enter(place_of(thing)))
        if asked.kind == "light":
            lamp = next(index for index, other in enumerate(world.things) if other.kind == asked.target)
            visit(place_of(lamp))
            act("toggleobject", o=board.thing_names[lamp])
            continue
        if asked.kind in ("clean", "heat", "cool"):
            kinds = getattr(world.rules, asked.kind)
            appliance = next(index for index, place in enumerate(world.receptacles) if place.kind in kinds)
            act(f"{asked.kind}object", o=name, r=visit(appliance))
        act("putobject", o=name, r=enter(targets[0]))
    if not game.won:
        raise DomainError(f"the scripted player did not win: {world.goal_text}")
    return tuple(played)
