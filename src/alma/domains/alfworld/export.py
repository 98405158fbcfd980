"""Writes a world as an official-format game file, so that the stock engine can play it too.

Used by the oracle and by anyone who wants a household outside ALMA. Playing never goes through here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from alma.domains.alfworld.pddl import Rules, read_domain, write_formula
from alma.domains.alfworld.tables import data_text
from alma.domains.alfworld.texts import join_task
from alma.domains.alfworld.world import World

_WORKS = (("CleanObject", "clean"), ("HeatObject", "heat"), ("CoolObject", "cool"))
_CHOICE = re.compile(r"\(or\s*(?:\(receptacleType \?r \w+\)\s*)+\)")
_TYPE = re.compile(r"\(receptacleType \?r (\w+)\)|\(objectType \?ko (\w+)\)")


def to_game_json(world: World, walkthrough: Sequence[str] = (), *, old_wording: bool = False) -> str:
    """The text of a `game.tw-pddl` file. `old_wording` writes it as releases before `move` and `help` did."""
    steps = walkthrough or world.walkthrough
    return game_json(problem_text(world), world.task, world.rules, steps, old_wording=old_wording)


def game_json(problem: str, task: str, rules: Rules, walkthrough: Sequence[str], *, old_wording: bool) -> str:
    """A game file from its own parts; domain and grammar are those that all games share."""
    game = {
        "pddl_domain": domain_text(rules, old_wording=old_wording),
        "grammar": grammar_text(task, old_wording=old_wording),
        "pddl_problem": problem,
        "solvable": True,
        "walkthrough": list(walkthrough),
    }
    return json.dumps(game)


def domain_text(rules: Rules, *, old_wording: bool = False) -> str:
    """The official domain with the appliances of `rules`."""
    text = data_text("domain.pddl")
    if rules != read_domain(text):
        for action, work in _WORKS:
            start = text.index(f"(:action {action}")
            kinds = " ".join(f"(receptacleType ?r {kind})" for kind in sorted(getattr(rules, work)))
            changed = _CHOICE.sub(f"(or {kinds})", text[start:], count=1)
            text = text[:start] + changed
    if old_wording:
        text = re.sub(r"\(:action help.*?\n\)\n", "", text, flags=re.DOTALL)
    return text


def grammar_text(task: str, *, old_wording: bool = False) -> str:
    """The official grammar with a task sentence."""
    text = data_text("grammar.twl2")
    if old_wording:
        text = text.replace("move {o} to {r}", "put {o} in/on {r}")
        text = text.replace(
            "You move the {o.name} to the {r.name}.", "You put the {o.name} in/on the {r.name}."
        )
        text = text.replace("You arrive at {r.name}.", "You arrive at {lend.name}.")
        text = re.sub(r"action help \{.*?\n\}\n", "", text, flags=re.DOTALL)
    return join_task(text, task)


def problem_text(world: World) -> str:
    """The initial state and the goal as PDDL."""
    otypes = {thing.kind for thing in world.things}
    rtypes = {place.kind for place in world.receptacles}
    # The stock translator wants every type that the domain names to be declared.
    for rtype, otype in _TYPE.findall(domain_text(world.rules)):
        (rtypes if rtype else otypes).add((rtype or otype).lower())
    locations = {world.start, *(place.location for place in world.receptacles)}
    locations.update(location for thing in world.things for location in thing.locations)
    objects = ["agent1 - agent"]
    objects += [f"{location} - location" for location in sorted(locations)]
    objects += [f"{thing.id} - object" for thing in world.things]
    objects += [f"{place.id} - receptacle" for place in world.receptacles]
    objects += [f"{otype} - otype" for otype in sorted(otypes)]
    objects += [f"{rtype} - rtype" for rtype in sorted(rtypes)]
    facts: list[tuple[str, ...]] = [("atLocation", "agent1", world.start)]
    for place in world.receptacles:
        facts += [
            ("receptacleType", place.id, place.kind),
            ("receptacleAtLocation", place.id, place.location),
        ]
        facts += [(flag, place.id) for flag in ("openable", "opened") if getattr(place, flag)]
    for thing in world.things:
        facts.append(("objectType", thing.id, thing.kind))
        facts += [("inReceptacle", thing.id, place) for place in thing.places]
        facts += [("objectAtLocation", thing.id, location) for location in thing.locations]
        facts += [("inReceptacleObject", thing.id, outer) for outer in thing.within]
        facts += [(flag, thing.id) for flag in sorted(thing.flags)]
    present = {place.kind for place in world.receptacles}, {thing.kind for thing in world.things}
    facts += [
        ("canContain", *pair)
        for pair in sorted(world.contains)
        if pair[0] in present[0] and pair[1] in present[1]
    ]
    lines = "\n".join(f"({' '.join(fact)})" for fact in facts)
    declared = "\n".join(objects)
    goal = write_formula(world.goal)
    head = "(define (problem household)\n(:domain alfred)"
    return f"\n{head}\n(:objects\n{declared}\n)\n(:init\n{lines}\n)\n(:goal {goal})\n)\n"
