"""A power cut at any moment of a paid search loses nothing that it had told of, and it can go on.

A preloaded library logs what the run does to its files and what it says. A cut leaves what was synced by
then; a torn one also leaves any of the other 512-byte sectors. What the model's provider knows stays.
"""

from __future__ import annotations

import json
import random
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from benchmarks.kills.runs import PAID, Runs, equal, parts

pytestmark = pytest.mark.system

HEAD = struct.Struct("qqqq")
SECTOR = 512


class Act(NamedTuple):
    """w: bytes written at an offset; t: cut to a length; s: synced; u: deleted; r: renamed; o: said."""

    kind: str
    path: str
    offset: int
    data: bytes


class File:
    """What is on the disk of a file, and what was done to it since."""

    def __init__(self) -> None:
        self._disk = bytearray()
        self._since: list[Act] = []

    def do(self, act: Act) -> None:
        self._since.append(act)

    def sync(self) -> None:
        for act in self._since:
            _apply(self._disk, act)
        self._since = []

    def after_cut(self, torn: random.Random | None) -> bytes:
        left = bytearray(self._disk)
        for act in self._since if torn else ():
            for part in _sectors(act):
                if torn.random() < 0.5:
                    _apply(left, part)
        return bytes(left)


def _sectors(act: Act) -> Iterator[Act]:
    if act.kind == "t":
        yield act
        return
    begin = 0
    while begin < len(act.data):
        end = begin + SECTOR - (act.offset + begin) % SECTOR
        yield Act("w", act.path, act.offset + begin, act.data[begin:end])
        begin = end


def _apply(disk: bytearray, act: Act) -> None:
    end = act.offset + len(act.data)
    if act.kind == "t":
        del disk[end:]
    disk.extend(bytes(max(0, end - len(disk))))
    disk[act.offset : end] = act.data


def _acts(log: bytes) -> list[Act]:
    acts, at = [], 0
    while at < len(log):
        kind, path, offset, size = HEAD.unpack_from(log, at)
        at += HEAD.size
        name, at = log[at : at + path].decode(), at + path
        carried = size if chr(kind) in "wor" else 0
        acts.append(Act(chr(kind), name, offset, log[at : at + carried]))
        at += carried
    return acts


def _cut(acts: list[Act], run: Path, torn: random.Random | None) -> int:
    """Put on the disk what a power cut after these acts leaves; how many settled calls were told of."""
    shutil.rmtree(run, ignore_errors=True)
    files: dict[str, File] = defaultdict(File)
    provider, said = bytearray(), ""
    for act in acts:
        if act.kind == "o":
            said += act.data.decode()
        elif act.path == str(run.with_suffix(".calls")):
            _apply(provider, act)
        elif act.kind == "s":
            files[act.path].sync()
        elif act.kind == "u":
            files.pop(act.path, None)
        elif act.kind == "r":
            files[act.data.decode()] = files.pop(act.path)
        else:
            files[act.path].do(act)
    run.mkdir()
    files.pop(str(run), None)
    for path, file in files.items():
        # SQLite makes the index of its log anew.
        if left := file.after_cut(torn) if not path.endswith("-shm") else b"":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(left)
    run.with_suffix(".calls").write_bytes(provider)
    lines = said[: said.rfind("\n") + 1].splitlines()
    told = [json.loads(line) for line in lines if line.startswith('{"event": "spend"')]
    return sum(event["calls"] for event in told)


def _settled(run: Path) -> int:
    count = 0
    for archive in parts(run):
        count += archive.ledger().spent().calls - archive.ledger().lost().calls
    return count


def test_a_power_cut_loses_nothing_that_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "power.so"
    source = Path(__file__).with_name("power.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    runs, run = Runs(tmp_path, PAID.split()), tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        patch.setenv("POWER_FOLDER", str(run))
        patch.setenv("POWER_LOG", str(tmp_path / "log"))
        whole = runs.whole(run)
    acts = _acts((tmp_path / "log").read_bytes())
    assert sum(act.kind == "s" for act in acts) > 300
    rng = random.Random(0)
    config = (run / "config.toml").read_bytes()
    begun = next(n for n, act in enumerate(acts) if act.kind == "o" and b'"stage"' in act.data)

    for number in range(30):
        told = _cut(acts[: rng.randrange(begun, len(acts))], run, rng if number % 2 else None)
        assert _settled(run) >= told, number
        assert (run / "config.toml").read_bytes() == config, number

    for number in range(6):
        _cut(acts[: rng.randrange(begun, len(acts))], run, rng if number % 2 else None)
        runs.finish(run)
        assert equal(runs.came(run), whole.came), number
