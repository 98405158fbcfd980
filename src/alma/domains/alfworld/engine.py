"""Plays ALFWorld games with the stock texts, commands and wins, in pure Python.

A `Board` is what never changes while a `World` is played, with the texts and command lists it has
made so far; it may be shared by any number of games in one process. A `Game` is one play of it. The
truth about what happens is the stock engine, with which `oracle` compares this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from alma.domains.alfworld.goals import STATE_BITS, compile_goal, dynamic_predicates
from alma.domains.alfworld.world import World

Action: TypeAlias = tuple[str, int, int]
"""An action's lower-case name and the indices of its receptacle or things (-1 where it has none)."""

REFUSED = "Nothing happens."
_CACHE_SIZE = 512

# Which state predicates each action may change: the goal is tested only after actions that matter to it.
_CHANGES = {
    "gotolocation": {"atlocation"},
    "openobject": {"opened"},
    "closeobject": {"opened"},
    "pickupobject": {"inreceptacle", "holds", "holdsany", "objectatlocation"},
    "putobject": {"inreceptacle", "holds", "holdsany", "objectatlocation"},
    "cleanobject": {"isclean"},
    "heatobject": {"ishot", "iscool"},
    "coolobject": {"ishot", "iscool"},
    "toggleobject": {"istoggled", "ison"},
    "sliceobject": {"issliced"},
}
_CLEAN, _HOT, _COOL = STATE_BITS["isclean"], STATE_BITS["ishot"], STATE_BITS["iscool"]
_SLICED, _TOGGLED, _ON = STATE_BITS["issliced"], STATE_BITS["istoggled"], STATE_BITS["ison"]


@dataclass(frozen=True, slots=True)
class Menu:
    """The commands that are accepted now, sorted; `local` acts at this place, `leads` away from it."""

    commands: tuple[str, ...]
    local: Mapping[str, Action]
    leads: Mapping[str, Action]

    def find(self, command: str) -> Action | None:
        """The action that a command stands for, if it is accepted."""
        return self.local.get(command) or self.leads.get(command)


class Board:
    """A world with its ids turned into indices. Made once for a world; its caches only speed things up."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.wording = world.wording
        self.names = world.names()
        self.receptacle_ids = {receptacle.id: index for index, receptacle in enumerate(world.receptacles)}
        self.thing_ids = {thing.id: index for index, thing in enumerate(world.things)}
        self.receptacle_names = tuple(self.names[receptacle.id] for receptacle in world.receptacles)
        self.thing_names = tuple(self.names[thing.id] for thing in world.things)
        self.where = tuple(receptacle.location for receptacle in world.receptacles)
        here: dict[str, list[int]] = {}
        for index, location in enumerate(self.where):
            here.setdefault(location, []).append(index)
        self.here = {location: tuple(indices) for location, indices in here.items()}
        self.masks = {location: sum(1 << index for index in indices) for location, indices in here.items()}
        self.openable = tuple(receptacle.openable for receptacle in world.receptacles)
        rules = world.rules
        self.knives = frozenset(i for i, thing in enumerate(world.things) if thing.kind in rules.slice)
        self.sliceable = tuple(i for i, thing in enumerate(world.things) if "sliceable" in thing.flags)
        self.lamps = frozenset(i for i, thing in enumerate(world.things) if "toggleable" in thing.flags)
        self.bits = tuple(sum(STATE_BITS.get(flag, 0) for flag in thing.flags) for thing in world.things)
        contents: list[list[int]] = [[] for _ in world.receptacles]
        for index, thing in enumerate(world.things):
            for place in thing.places:
                contents[self.receptacle_ids[place]].append(index)
        self.contents = tuple(tuple(things) for things in contents)
        self.menus: dict[Any, Menu] = {}
        self.texts: dict[Any, str] = {}
        self._goto: dict[str, dict[str, Action]] = {}
        self.blank = Game(self, tested=False)
        self.goal = compile_goal(world.goal, self)
        watched = dynamic_predicates(world.goal)
        self.goal_actions = frozenset(name for name, changes in _CHANGES.items() if changes & watched)

    @cached_property
    def intro(self) -> str:
        """The first observation as the stock engine prints it, with its banner and its task."""
        return self.wording.render("intro", {}, _Scene(Game(self), everywhere=True)).replace(
            self.wording.rules["task"][0].parts[0].value, self.world.task
        )

    @cached_property
    def first_look(self) -> str:
        """The first observation without banner and task."""
        return self.wording.render("look.feedback", {}, _Scene(Game(self), everywhere=True))

    def go_to(self, location: str) -> dict[str, Action]:
        """The commands that lead away from a location."""
        found = self._goto.get(location)
        if found is None:
            template = self.wording.commands["gotolocation"]
            found = {
                template.format(r=name): ("gotolocation", index, -1)
                for index, name in enumerate(self.receptacle_names)
                if self.where[index] != location
            }
            self._goto[location] = found = {command: found[command] for command in sorted(found)}
        return found

    def entities(self, kind: str) -> Sequence[Any]:
        """Everything of a PDDL type, as the goal's variables range over it."""
        world = self.world
        if kind == "receptacle":
            return range(len(world.receptacles))
        if kind == "object":
            return range(len(world.things))
        if kind == "location":
            return sorted(
                {world.start, *self.where, *(loc for thing in world.things for loc in thing.locations)}
            )
        if kind == "rtype":
            return sorted({receptacle.kind for receptacle in world.receptacles})
        if kind == "otype":
            return sorted({thing.kind for thing in world.things})
        return ("agent",)

    def term(self, name: str) -> Any:
        """A goal's constant as the state knows it; variables and names stay as they are."""
        return self.receptacle_ids.get(name, self.thing_ids.get(name, name))

    def static_pairs(self, predicate: str) -> frozenset[tuple[Any, Any]]:
        world = self.world
        if predicate == "objecttype":
            return frozenset((index, thing.kind) for index, thing in enumerate(world.things))
        if predicate == "receptacletype":
            return frozenset((index, receptacle.kind) for index, receptacle in enumerate(world.receptacles))
        if predicate == "receptacleatlocation":
            return frozenset(enumerate(self.where))
        if predicate == "cancontain":
            return world.contains
        return frozenset(
            (index, self.thing_ids[outer])
            for index, thing in enumerate(world.things)
            for outer in thing.within
        )

    def static_singles(self, predicate: str) -> frozenset[int] | None:
        if predicate == "openable":
            return frozenset(index for index, openable in enumerate(self.openable) if openable)
        if predicate in ("checked", "examined", "full", "wasinreceptacle", "holdsanyreceptacleobject"):
            return None
        return frozenset(index for index, thing in enumerate(self.world.things) if predicate in thing.flags)

    def remember(self, cache: dict[Any, Any], key: Any, value: Any) -> Any:
        if len(cache) >= _CACHE_SIZE:
            cache.clear()
        cache[key] = value
        return value


class Game:
    """One play of a board, begun when it is made. `opened` has a bit for each receptacle that is open."""

    __slots__ = ("bits", "board", "contents", "held", "location", "lying", "menu", "opened", "removed", "won")

    def __init__(self, board: Board, tested: bool = True) -> None:
        world = board.world
        self.board = board
        self.location = world.start
        self.held = board.thing_ids.get(world.carried, -1)
        self.opened = sum(
            1 << index for index, receptacle in enumerate(world.receptacles) if receptacle.opened
        )
        self.contents = list(board.contents)
        self.bits = list(board.bits)
        self.lying = [thing.locations for thing in world.things]
        self.removed: set[tuple[int, int]] = set()
        self.won = board.goal(self) if tested else False
        self.menu = self._menu() if tested else Menu((), {}, {})

    def step(self, command: str) -> str:
        """Play a command and return the feedback; commands that are not on the menu change nothing."""
        action = self.menu.find(command.strip())
        if action is None:
            return REFUSED
        name, first, second = action
        board = self.board
        if name == "gotolocation":
            self.location = board.where[first]
            text = self._about_receptacle(name, first)
        elif name == "pickupobject":
            text = self._take(first, second)
        elif name == "openobject":
            self.opened |= 1 << first
            text = self._about_receptacle(name, first)
        elif name == "putobject":
            text = self._put(first, second)
        elif name in ("look", "inventory", "help", "examinereceptacle", "examineobject"):
            return self._observe(name, first)
        else:
            text = self._work(name, first, second)
        self.menu = self._menu()
        if name in board.goal_actions:
            self.won = board.goal(self)
        return text

    def _take(self, thing: int, receptacle: int) -> str:
        self.contents[receptacle] = tuple(other for other in self.contents[receptacle] if other != thing)
        self.removed.add((thing, receptacle))
        self.held = thing
        self.lying[thing] = tuple(place for place in self.lying[thing] if place != self.location)
        return self._plain("pickupobject", thing, receptacle)

    def _put(self, thing: int, receptacle: int) -> str:
        self.contents[receptacle] = tuple(sorted({*self.contents[receptacle], thing}))
        self.removed.discard((thing, receptacle))
        self.held = -1
        self.lying[thing] = (*(place for place in self.lying[thing] if place != self.location), self.location)
        return self._plain("putobject", thing, receptacle)

    def _work(self, name: str, first: int, second: int) -> str:
        """Everything that changes the state of one receptacle or thing."""
        bits = self.bits
        if name == "closeobject":
            self.opened &= ~(1 << first)
        elif name == "cleanobject":
            bits[first] |= _CLEAN
        elif name == "heatobject":
            bits[first] = bits[first] & ~_COOL | _HOT
        elif name == "coolobject":
            bits[first] = bits[first] & ~_HOT | _COOL
        elif name == "toggleobject":
            bits[first] = (bits[first] ^ _ON) | _TOGGLED
        else:
            bits[first] |= _SLICED
        return self._plain(name, first, second)

    def _about_receptacle(self, name: str, receptacle: int) -> str:
        key = (name, receptacle, self.opened >> receptacle & 1, self.contents[receptacle])
        texts = self.board.texts
        return texts.get(key) or self.board.remember(texts, key, self._render(name, receptacle, -1))

    def _plain(self, name: str, first: int, second: int) -> str:
        key = (name, first, second)
        texts = self.board.texts
        return texts.get(key) or self.board.remember(texts, key, self._render(name, first, second))

    def _observe(self, name: str, first: int) -> str:
        if name == "examinereceptacle":
            return self._about_receptacle(name, first)
        if name == "look":
            return self._render(name, -1, -1)
        state = self.held if name == "inventory" else self.bits[first] if name == "examineobject" else 0
        key = (name, first, state)
        texts = self.board.texts
        return texts.get(key) or self.board.remember(texts, key, self._render(name, first, -1))

    def _render(self, name: str, first: int, second: int) -> str:
        board = self.board
        names: dict[str, str] = {}
        if name in ("gotolocation", "openobject", "closeobject", "examinereceptacle"):
            names = {"r": board.receptacle_names[first], "lend": board.names[board.where[first]]}
            return board.wording.render(name, names, _Scene(self, receptacle=first))
        if name == "sliceobject":
            names = {"co": board.thing_names[first], "ko": board.thing_names[second]}
        elif first >= 0:
            names = {
                "o": board.thing_names[first],
                "r": board.receptacle_names[second] if second >= 0 else "",
            }
        return board.wording.render(name, names, _Scene(self, thing=first, receptacle=second))

    def _menu(self) -> Menu:
        """The menu of the present state; states that allow the same commands share one."""
        board, location, held = self.board, self.location, self.held
        here = board.here.get(location, ())
        knife = (
            frozenset(i for i in board.sliceable if location in self.lying[i])
            if held in board.knives
            else None
        )
        if len(here) == 1:
            key: Any = (location, held, self.opened >> here[0] & 1, self.contents[here[0]], knife)
        else:
            mask = self.opened & board.masks.get(location, 0)
            key = (location, held, mask, tuple([self.contents[index] for index in here]), knife)
        menu = board.menus.get(key)
        if menu is None:
            menu = self._make_menu(here, knife or frozenset())
            board.remember(board.menus, key, menu)
        return menu

    def _make_menu(self, here: tuple[int, ...], slices: frozenset[int]) -> Menu:
        board, held, world = self.board, self.held, self.board.world
        rules, templates = world.rules, self.board.wording.commands
        leads = board.go_to(self.location)
        actions: dict[str, Action] = {}

        def offer(name: str, first: int = -1, second: int = -1, **names: str) -> None:
            if name in rules.actions and name in templates:
                actions.setdefault(templates[name].format(**names), (name, first, second))

        for name in ("look", "inventory", "help"):
            offer(name)
        if held >= 0:
            offer("examineobject", held, o=board.thing_names[held])
        for thing in slices:
            offer("sliceobject", thing, held, co=board.thing_names[thing], ko=board.thing_names[held])
        for r in here:
            place, r_name, kind = world.receptacles[r], board.receptacle_names[r], world.receptacles[r].kind
            closed = place.openable and not self.opened >> r & 1
            offer("examinereceptacle", r, r=r_name)
            if place.openable:
                offer("openobject" if closed else "closeobject", r, r=r_name)
            for thing in self.contents[r]:
                if thing in board.lamps:
                    offer("toggleobject", thing, r, o=board.thing_names[thing])
                if held < 0 and not closed and "pickupable" in world.things[thing].flags:
                    offer("pickupobject", thing, r, o=board.thing_names[thing], r=r_name)
            if held >= 0:
                thing_name, flags = board.thing_names[held], world.things[held].flags
                if not closed and (kind, world.things[held].kind) in world.contains:
                    offer("putobject", held, r, o=thing_name, r=r_name)
                if kind in rules.clean and "cleanable" in flags:
                    offer("cleanobject", held, r, o=thing_name, r=r_name)
                if kind in rules.heat and "heatable" in flags:
                    offer("heatobject", held, r, o=thing_name, r=r_name)
                if kind in rules.cool and "coolable" in flags:
                    offer("coolobject", held, r, o=thing_name, r=r_name)
        return Menu(tuple(sorted([*leads, *actions])), actions, leads)


class _Scene:
    """Answers the grammar's conditions and lists from a game's state (`texts.Scene`)."""

    def __init__(self, game: Game, thing: int = -1, receptacle: int = -1, everywhere: bool = False) -> None:
        self._game = game
        self._thing = thing
        self._receptacle = receptacle
        self._everywhere = everywhere

    def holds(self, condition: frozenset[str]) -> bool:
        if "atlocation" in condition or condition == {"receptacleatlocation"}:
            return bool(self.names(condition))
        return all(self._is(predicate) for predicate in condition)

    def names(self, given: frozenset[str]) -> Sequence[str]:
        game, board = self._game, self._game.board
        if given == {"inreceptacle"}:
            return [board.thing_names[thing] for thing in game.contents[self._receptacle]]
        if given == {"holds"}:
            return [board.thing_names[game.held]] if game.held >= 0 else []
        if given == {"inreceptacleobject"}:
            outer = board.world.things[self._thing].id
            return [board.names[thing.id] for thing in board.world.things if outer in thing.within]
        here = board.here.get(game.location, ())
        if given == {"atlocation", "receptacleatlocation"}:
            return [board.receptacle_names[index] for index in here]
        if "not_inreceptacle" in given:
            things = [thing for thing, places in enumerate(game.lying) if game.location in places]
            return [board.thing_names[t] for t in things for index in here if (t, index) in game.removed]
        # `look` binds the location, so only the introduction sees the receptacles of every location.
        return (
            board.receptacle_names if self._everywhere else [board.receptacle_names[index] for index in here]
        )

    def _is(self, predicate: str) -> bool:
        game, board = self._game, self._game.board
        if predicate == "openable":
            return board.openable[self._receptacle]
        if predicate == "opened":
            return bool(game.opened >> self._receptacle & 1)
        if predicate == "holdsany":
            return game.held >= 0
        if predicate in STATE_BITS:
            return bool(game.bits[self._thing] & STATE_BITS[predicate])
        return predicate in board.world.things[self._thing].flags
