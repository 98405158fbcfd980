"""What a game of TextWorld's generator says of itself, as our data: first facts, things, rules.

Reads TextWorld's own objects (a game, its knowledge base) and imports none of it: whoever calls has loaded
them. What comes out is what `logic` and `engine` play by.
"""

from __future__ import annotations

import json
from typing import Any

from alma.domains.textworld.logic import ROOM

EVENTS = {"drink": "drinking carried thing the {f}"}
"""Where the engine names an event otherwise than the rules say: TextWorld's own tracking misses it."""


def describe(game: Any) -> bytes:
    """The first facts and the things of a game; nothing of its own quest."""
    facts = sorted(" ".join([fact.name, *(one.name for one in fact.arguments)]) for fact in game.world.facts)
    things = [[info.id, info.type, info.name or info.id] for info in game.infos.values()]
    return json.dumps({"facts": facts, "things": sorted(things)}).encode()


def rules_of(kb: Any) -> dict[str, Any]:
    """A knowledge base as data: see `logic.Rules`."""
    slots: dict[str, str] = {}
    rows = []
    for name, rule in kb.rules.items():
        slots |= {slot.name: slot.type for slot in rule.placeholders}
        before, after = (
            [" ".join([fact.name, *(slot.name for slot in fact.parameters)]) for fact in facts]
            for facts in (rule.preconditions, rule.postconditions)
        )
        row = {"name": name, "before": before, "after": after}
        event = EVENTS.get(name, kb.inform7_events[name])
        rows.append({**row, "command": kb.inform7_commands[name], "event": event})
    # The account of an event takes the rule that asks for most, as TextWorld's own tracking does.
    rows.sort(key=lambda row: -len(row["before"]))
    types = {one.name: sorted({one.name, *(s.name for s in one.supertypes)}) for one in kb.logic.types}
    types[ROOM] = types.get(ROOM, [ROOM])
    return {"slots": slots, "types": types, "rules": rows}
