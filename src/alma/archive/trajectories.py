"""Trajectories packed into one small blob, and back without loss.

An evaluation holds hundreds of episodes whose steps repeat the same few admissible actions and
observations thousands of times. So a pack stores each text once, each list of admissible actions
once (as numbers of texts), and the rest of a step as columns; zlib does what is left. Knows nothing
of the database.
"""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alma.records import JSON, Observation, Outcome, Step, Trajectory, canonical_json

FORMAT = 1
"""Version of the pack, in its first byte. A reader refuses versions it doesn't know."""

_HEAD = struct.Struct("<BI")
_NO_LIST = -1


def pack(items: Iterable[tuple[Trajectory | None, str]]) -> bytes:
    """Pack (trajectory or nothing, recall) pairs in order.

    Raises ValueError when a part or score isn't JSON (NaN included).
    """
    writer = _Writer()
    records = [writer.record(trajectory, recall) for trajectory, recall in items]
    lists = writer.lists_as_bytes()
    text = json.dumps(
        {"strings": list(writer.strings), "records": records},
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
    ).encode("utf-8", "surrogatepass")
    return _HEAD.pack(FORMAT, len(text)) + zlib.compress(text + lists, 1)


def unpack(blob: bytes) -> list[tuple[Trajectory | None, str]]:
    """The pairs that were packed, in order. Raises ValueError for a blob that `pack` didn't write."""
    try:
        version, length = _HEAD.unpack_from(blob)
        if version != FORMAT:
            raise ValueError(f"trajectories in format {version}; this version of ALMA reads {FORMAT}")
        body = zlib.decompress(memoryview(blob)[_HEAD.size :])
        document = json.loads(body[:length].decode("utf-8", "surrogatepass"))
    except (struct.error, zlib.error, json.JSONDecodeError) as error:
        raise ValueError(f"damaged trajectories: {error}") from error
    reader = _Reader(document["strings"], body[length:])
    return [reader.item(record) for record in document["records"]]


class _Writer:
    """Lives for one `pack`: the texts and lists seen so far, numbered in order of first sight."""

    def __init__(self) -> None:
        self.strings: dict[str, int] = {}
        self.lists: dict[tuple[str, ...], int] = {}

    def record(self, trajectory: Trajectory | None, recall: str) -> list[Any]:
        if trajectory is None:
            return [self.text(recall)]
        steps, first, number = trajectory.steps, trajectory.first, self.strings
        return [
            self.text(recall),
            trajectory.level_key,
            [self.text(first.text), first.goal, self.list(first.admissible), _plain(first.parts)],
            [trajectory.outcome.reward, trajectory.outcome.success],
            [number.setdefault(step.action, len(number)) for step in steps],
            [number.setdefault(step.observation, len(number)) for step in steps],
            [self.list(step.admissible) for step in steps],
            _changes([step.score for step in steps]),
            [place for place, step in enumerate(steps) if step.done],
            [[place, step.error] for place, step in enumerate(steps) if step.error is not None],
            [[place, _plain(step.parts)] for place, step in enumerate(steps) if step.parts],
        ]

    def text(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def list(self, actions: tuple[str, ...] | None) -> int:
        return _NO_LIST if actions is None else self.lists.setdefault(actions, len(self.lists))

    def lists_as_bytes(self) -> bytes:
        """Their number, lengths and members as 32-bit numbers; actions not yet seen are numbered here."""
        number = self.strings
        for actions in self.lists:
            for action in actions:
                number.setdefault(action, len(number))
        members = array("I", [len(self.lists), *map(len, self.lists)])
        for actions in self.lists:
            members.extend(map(number.__getitem__, actions))
        return members.tobytes()


class _Reader:
    def __init__(self, strings: Sequence[str], numbers: bytes) -> None:
        self.strings = strings
        flat = array("I")
        flat.frombytes(numbers)
        self.lists: list[tuple[str, ...]] = []
        start = 1 + flat[0]
        for length in flat[1:start]:
            self.lists.append(tuple(map(strings.__getitem__, flat[start : start + length])))
            start += length

    def item(self, record: list[Any]) -> tuple[Trajectory | None, str]:
        if len(record) == 1:
            return None, self.strings[record[0]]
        recall, level_key, first, outcome, actions, observations, lists, scores, done, errors, parts = record
        text, goal, admissible, first_parts = first
        ends, fault, named, change = set(done), dict(errors), dict(parts), dict(scores)
        steps, score = [], 0.0
        for place, (action, observation, accepted) in enumerate(
            zip(actions, observations, lists, strict=True)
        ):
            score = change.get(place, score)
            steps.append(
                Step(
                    self.strings[action],
                    self.strings[observation],
                    self.list(accepted),
                    score,
                    place in ends,
                    fault.get(place),
                    named.get(place, {}),
                )
            )
        start = Observation(self.strings[text], goal, self.list(admissible), first_parts)
        return Trajectory(level_key, start, tuple(steps), Outcome(*outcome)), self.strings[recall]

    def list(self, number: int) -> tuple[str, ...] | None:
        return None if number == _NO_LIST else self.lists[number]


def _changes(scores: list[float]) -> list[list[float]]:
    """[position, score] wherever the score isn't what it was a step before (0 before the first)."""
    return [
        [place, score] for place, score in enumerate(scores) if score != (scores[place - 1] if place else 0.0)
    ]


def _plain(parts: Mapping[str, JSON]) -> Any:
    """Parts may be any Mapping; nested ones must become dicts before they can be JSON."""
    return json.loads(canonical_json(parts)) if parts else {}
