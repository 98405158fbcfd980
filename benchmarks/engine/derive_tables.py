"""Derives the household tables and rule texts of `alma.domains.alfworld.data` from train games.

    python benchmarks/engine/derive_tables.py FOLDER GAME

FOLDER holds `priors_train.json` and `index.jsonl.gz`; GAME is any official `game.tw-pddl`, from which the
domain and the grammar (the same in every game) are taken. Run once; its output is committed.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from alma.domains.alfworld.texts import split_task

DATA = Path(__file__).parents[2] / "src/alma/domains/alfworld/data"
ROOMS = {"kitchen": "kitchen", "living": "livingroom", "bedroom": "bedroom", "bathroom": "bathroom"}
TYPES = {
    "pick_and_place_simple": "pick",
    "look_at_obj_in_light": "light",
    "pick_clean_then_place_in_recep": "clean",
    "pick_heat_then_place_in_recep": "heat",
    "pick_cool_then_place_in_recep": "cool",
    "pick_two_obj_and_place": "two",
}
FLAGS = ("cleanable", "coolable", "heatable", "isreceptacleobject", "pickupable", "sliceable", "toggleable")


def main() -> None:
    folder, game = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    priors = json.loads((folder / "priors_train.json").read_text())
    with gzip.open(folder / "index.jsonl.gz", "rt") as lines:
        goals = _goals([json.loads(line) for line in lines])
    table = {
        "about": "Counts, containment and goals of ALFWorld's train games (MIT), derived.",
        "receptacles": {kind: priors["receptacle_counts"][room] for kind, room in ROOMS.items()},
        "objects": {
            kind: {
                otype: counts
                for otype, counts in priors["object_counts"][room].items()
                if otype in priors["attributes"]["pickupable"] and otype in priors["placement"][room]
            }
            for kind, room in ROOMS.items()
        },
        "contains": priors["can_contain"],
        "lamps": {
            kind: sorted(priors["placement"][room].get("desklamptype", ()))
            for kind, room in ROOMS.items()
            if kind in ("living", "bedroom")
        },
        "openable": priors["openable"],
        "flags": {flag: priors["attributes"][flag] for flag in FLAGS},
        "goals": goals,
    }
    DATA.mkdir(exist_ok=True)
    (DATA / "households.json").write_text(json.dumps(table, sort_keys=True, separators=(",", ":")) + "\n")
    (DATA / "domain.pddl").write_text(game["pddl_domain"])
    (DATA / "grammar.twl2").write_text(split_task(game["grammar"])[0])


def _goals(games: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, list[str]]]]:
    """kind -> task type -> object type -> the target types that train games have."""
    found: dict[str, dict[str, dict[str, set[str]]]] = {}
    for game in games:
        if game["split"] != "train":
            continue
        scene = game["scene"]
        kind = (
            "kitchen"
            if scene < 200
            else "living"
            if scene < 300
            else "bedroom"
            if scene < 400
            else "bathroom"
        )
        otype, target = f"{game['object']}Type".lower(), f"{game['target']}Type".lower()
        targets = found.setdefault(kind, {}).setdefault(TYPES[game["task_type"]], {})
        targets.setdefault(otype, set()).add(target)
    return {
        kind: {name: {o: sorted(t) for o, t in targets.items()} for name, targets in types.items()}
        for kind, types in found.items()
    }


if __name__ == "__main__":
    main()
