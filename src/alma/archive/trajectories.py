"""Trajectories packed into one small blob, and back without loss.

An evaluation holds hundreds of episodes whose steps repeat the same few admissible actions and
observations thousands of times. So a pack stores each text once, each list of admissible actions once
(as numbers of texts), and the steps of all episodes as columns of numbers; zlib does what is left.
Knows nothing of the database.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from alma.records import JSON, Observation, Outcome, Step, Trajectory, canonical_json

FORMAT = 1
"""Version of the pack, in its first byte. A reader refuses versions it doesn't know."""

_HEAD = struct.Struct("<BI")
Item = tuple[Trajectory | None, str, tuple[str | None, ...]]
"""A trajectory (None: not played), what was recalled at its start, and what before each step."""


def pack(items: Iterable[Item]) -> bytes:
    """Pack items in order. Raises ValueError when a part or score isn't JSON (NaN included)."""
    entries = list(items)
    played = [trajectory for trajectory, *_ in entries if trajectory is not None]
    steps = [step for trajectory in played for step in trajectory.steps]
    lists: dict[tuple[str, ...] | None, int] = {}
    # One look-up a step: the hash of a tuple of fifty texts is the dearest thing here.
    accepted = [lists.setdefault(step.admissible, len(lists)) for step in steps]
    opening = iter([lists.setdefault(trajectory.first.admissible, len(lists)) for trajectory in played])
    members = list(chain.from_iterable(actions or () for actions in lists))
    actions, observations = [step.action for step in steps], [step.observation for step in steps]
    first = [trajectory.first.text for trajectory in played]
    texts = _numbered(chain(actions, observations, members, first, (recall for _, recall, _ in entries)))

    lengths = [-1 if actions is None else len(actions) for actions in lists]
    columns = [map(texts.__getitem__, column) for column in (members, actions, observations)]
    numbers = array("i", [len(lists), len(steps), *lengths, *chain(*columns), *accepted])

    document = {
        "texts": list(texts),
        "episodes": [_episode(trajectory, recall, texts, opening) for trajectory, recall, _ in entries],
        "scores": _changes([step.score for step in steps]),
        "done": [place for place, step in enumerate(steps) if step.done],
        "errors": [[place, step.error] for place, step in enumerate(steps) if step.error is not None],
        "parts": [[place, _plain(step.parts)] for place, step in enumerate(steps) if step.parts],
    }
    stepped = [[place, list(recalls)] for place, (*_, recalls) in enumerate(entries) if recalls]
    if stepped:
        document["stepped"] = stepped
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    encoded = text.encode("utf-8", "surrogatepass")
    return _HEAD.pack(FORMAT, len(encoded)) + zlib.compress(encoded + _little_endian(numbers).tobytes(), 1)


def pack_digest(body: bytes) -> str:
    """A hash of what a pack holds; equal packs of equal trajectories, whatever zlib made of them.

    Raises ValueError for a damaged one.
    """
    try:
        return hashlib.sha256(body[: _HEAD.size] + zlib.decompress(body[_HEAD.size :])).hexdigest()
    except zlib.error as error:
        raise ValueError(f"damaged trajectories: {error}") from error


def unpack(blob: bytes) -> list[Item]:
    """The items that were packed, in order. Raises ValueError for a blob that `pack` didn't write."""
    try:
        version, length = _HEAD.unpack_from(blob)
        if version != FORMAT:
            raise ValueError(f"trajectories in format {version}; this version of ALMA reads {FORMAT}")
        body = zlib.decompress(memoryview(blob)[_HEAD.size :])
        document = json.loads(body[:length].decode("utf-8", "surrogatepass"))
        numbers = array("i")
        numbers.frombytes(body[length:])
        lists, steps = _read_columns(document, _little_endian(numbers))
    except (struct.error, zlib.error, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"damaged trajectories: {error}") from error
    stepped = dict(document.get("stepped", []))
    return [
        (*_read_episode(fields, document["texts"], lists, steps), tuple(stepped.get(place, ())))
        for place, fields in enumerate(document["episodes"])
    ]


def _numbered(values: Iterable[Any]) -> dict[Any, int]:
    """Each distinct value with its number, in order of first sight."""
    return {value: number for number, value in enumerate(dict.fromkeys(values))}


def _episode(
    trajectory: Trajectory | None, recall: str, texts: Mapping[str, int], opening: Iterator[int]
) -> list[Any]:
    if trajectory is None:
        return [texts[recall]]
    first, outcome = trajectory.first, trajectory.outcome
    start = [texts[first.text], first.goal, next(opening), _plain(first.parts)]
    return [
        texts[recall],
        trajectory.level_key,
        len(trajectory.steps),
        start,
        [outcome.reward, outcome.success],
    ]


def _changes(scores: Sequence[float]) -> list[list[float]]:
    """[place, score] wherever the score isn't what it was a step before (0 before the first)."""
    before = chain((0.0,), scores)
    return [
        [place, score]
        for place, (score, last) in enumerate(zip(scores, before, strict=False))
        if score != last
    ]


def _read_columns(
    document: Mapping[str, Any], numbers: array[int]
) -> tuple[list[tuple[str, ...] | None], Iterator[Step]]:
    texts: list[str] = document["texts"]
    n_lists, n_steps = numbers[0], numbers[1]
    start, lists = 2 + n_lists, []
    for length in numbers[2:start]:
        stop = start + max(length, 0)
        lists.append(None if length < 0 else tuple(map(texts.__getitem__, numbers[start:stop])))
        start = stop
    actions, observations, accepted = (
        numbers[start + column * n_steps : start + (column + 1) * n_steps] for column in range(3)
    )
    return lists, _read_steps(document, zip(actions, observations, accepted, strict=True), lists)


def _read_steps(
    document: Mapping[str, Any],
    columns: Iterable[tuple[int, int, int]],
    lists: Sequence[tuple[str, ...] | None],
) -> Iterator[Step]:
    texts = document["texts"]
    changes, errors, parts = (dict(document[name]) for name in ("scores", "errors", "parts"))
    done, score = set(document["done"]), 0.0
    for place, (action, observation, accepted) in enumerate(columns):
        score = changes.get(place, score)
        yield Step(
            texts[action],
            texts[observation],
            lists[accepted],
            score,
            place in done,
            errors.get(place),
            parts.get(place, {}),
        )


def _read_episode(
    fields: list[Any], texts: Sequence[str], lists: Sequence[tuple[str, ...] | None], steps: Iterator[Step]
) -> tuple[Trajectory | None, str]:
    if len(fields) == 1:
        return None, texts[fields[0]]
    recall, level_key, count, (text, goal, accepted, parts), outcome = fields
    first = Observation(texts[text], goal, lists[accepted], parts)
    own = tuple(islice(steps, count))
    return Trajectory(level_key, first, own, Outcome(*outcome)), texts[recall]


def _little_endian(numbers: array[int]) -> array[int]:
    """The same bytes on every machine; swaps in place on the few that need it."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _plain(parts: Mapping[str, JSON]) -> Any:
    """Parts may be any Mapping; nested ones must become dicts before they can be JSON."""
    return json.loads(canonical_json(parts)) if parts else {}
