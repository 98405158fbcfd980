"""Our engine repeats what the stock engine showed, recorded once by `oracle --record`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from alma.domains.alfworld.engine import Board, Game
from alma.domains.alfworld.export import game_json
from alma.domains.alfworld.pddl import ACTIONS, Rules, read_domain
from alma.domains.alfworld.tables import data_text
from alma.domains.alfworld.walks import REFUSED, verb
from alma.domains.alfworld.world import World, load_world

FILE = Path(__file__).with_name("transcripts.jsonl.gz")


def _rows() -> list[dict[str, Any]]:
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


ROWS = _rows()


def _world(row: dict[str, Any]) -> World:
    usual = read_domain(data_text("domain.pddl"))
    clean, heat, cool = (frozenset(kinds) for kinds in row["works"])
    rules = Rules(usual.actions, clean, heat, cool, usual.slice)
    text = game_json(row["problem"], row["task"], rules, row["walkthrough"], old_wording=row["old_wording"])
    return load_world(text)


@pytest.mark.parametrize("row", ROWS, ids=[row["label"] for row in ROWS])
def test_texts_commands_and_scores_equal_the_stock_engine(row: dict[str, Any]) -> None:
    board = Board(_world(row))
    for play in row["plays"]:
        game = Game(board)
        (_, text, commands, score), *steps = play
        assert (board.intro, list(game.menu.commands), float(game.won)) == (text, commands, score)
        for command, text, commands, score in steps:
            assert game.step(command) == text, f"after {command!r}"
            assert list(game.menu.commands) == commands, f"after {command!r}"
            assert float(game.won) == score, f"after {command!r}"


def test_transcripts_cover_every_command_every_type_and_both_wordings() -> None:
    verbs, kinds = set(), set()
    for row in ROWS:
        kinds.add((row["label"].split("/")[2], row["old_wording"]))
        board = Board(_world(row))
        for play in row["plays"]:
            game = Game(board)
            for command, *_ in play[1:]:
                verbs.add(verb(game, command))
                game.step(command)
    assert verbs == {*ACTIONS.values(), REFUSED}
    assert len(ROWS) >= 24
    assert {kind for kind, _ in kinds} == {"pick", "light", "clean", "heat", "cool", "two"}
    assert {old for _, old in kinds} == {True, False}
