"""The generated worlds that come with the package: an index, and one archive of game files a split.

A world is one compiled game with its first facts. Archives are unpacked once, into a folder of the
system's temporary one that is named after their content; every process of a user shares it. Nothing
is generated here: `generate` wrote the files.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from alma.domains.textworld.logic import Fact, Rules, read_facts
from alma.records import DomainError, Split

PACKAGE = "alma.domains.textworld"
SOURCES = (
    "domain.py",
    "engine.py",
    "logic.py",
    "play.py",
    "worlds.py",
    "data/rules.json",
    "data/worlds.json",
)
"""The code and data that decide what is played; the index holds the digest of every game file."""


@dataclass(frozen=True, slots=True)
class Quest:
    """What a task asks for: a thing to take, or a thing to bring to a place. `shortest` is in steps."""

    kind: str
    thing: str
    place: str
    shortest: int

    @property
    def slug(self) -> str:
        words = (self.kind, self.thing, self.place)
        return "/".join(word.replace(" ", "-") for word in words if word)

    @property
    def goal(self) -> str:
        if self.kind == "find":
            return f"Find the {self.thing} and take it."
        return f"Bring the {self.thing} to the {self.place}."


@dataclass(frozen=True, slots=True)
class World:
    """One game file: which map it is on, the digest of its content, and the quests that it is used for."""

    id: str
    split: Split
    map: str
    digest: str
    quests: tuple[Quest, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """What is needed to play a world: the game file, its first facts, and its things (type and name)."""

    path: Path
    facts: frozenset[Fact]
    things: Mapping[str, tuple[str, str]]


@lru_cache(maxsize=1)
def worlds() -> Mapping[str, World]:
    """Every world by its id, in the order of the index."""
    found = {}
    for row in json.loads(data_bytes("worlds.json"))["worlds"]:
        quests = tuple(Quest(*quest) for quest in row["quests"])
        found[row["id"]] = World(row["id"], row["split"], row["map"], row["digest"], quests)
    return found


@lru_cache(maxsize=1)
def rules() -> Rules:
    return Rules.from_json(json.loads(data_bytes("rules.json")))


def story(world: World, temporary: str | None = None) -> Story:
    """The world's files, unpacked when they are not there yet. Raises DomainError when they are damaged.

    `temporary` is where processes share them: a worker's own temporary folder is no place for them.
    """
    folder = _folder(temporary or tempfile.gettempdir())
    path = folder / f"{world.id}.z8"
    game, told = _read(path), _read(path.with_suffix(".json"))
    if digest(game, told) != world.digest:
        _unpack(world.split, folder)
        game, told = _read(path), _read(path.with_suffix(".json"))
        if digest(game, told) != world.digest:
            raise DomainError(f"the game files of world {world.id} are damaged; install ALMA anew")
    data = json.loads(told)
    return Story(path, read_facts(data["facts"]), {id_: (kind, name) for id_, kind, name in data["things"]})


@lru_cache(maxsize=4)
def content_version(sources: tuple[str, ...] = SOURCES) -> str:
    """A hash over what decides what is played: files of this package."""
    digest = hashlib.sha256()
    for name in sources:
        digest.update(resources.files(PACKAGE).joinpath(*name.split("/")).read_bytes())
    return digest.hexdigest()[:16]


def digest(game: bytes, told: bytes) -> str:
    """What names a world's content: its game file and its facts."""
    return hashlib.sha256(game + told).hexdigest()


def data_bytes(name: str) -> bytes:
    return resources.files(PACKAGE).joinpath("data", name).read_bytes()


def archive_name(split: str) -> str:
    return f"{split}.tar.xz"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _folder(temporary: str) -> Path:
    """The user's own folder for unpacked worlds; a folder of that name that is another's is not used."""
    content = hashlib.sha256(data_bytes("worlds.json")).hexdigest()[:12]
    folder = Path(temporary, f"alma-textworld-{os.getuid()}-{content}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise DomainError(f"{folder} is not this user's own folder; remove it")
    return folder


def _unpack(split: Split, folder: Path) -> None:
    """Write each file under another name first, so that no process ever sees half a file."""
    with tarfile.open(fileobj=io.BytesIO(data_bytes(archive_name(split)))) as archive:
        for member in archive:
            content: Any = archive.extractfile(member)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                file.write(content.read())
            os.replace(file.name, folder / Path(member.name).name)
