"""Games compiled once and kept: from TextWorld's JSON to a game file and what the engine has to know.

A game's folder in the cache is named after its content and appears in one move, so of two workers that
compile the same game one wins and neither sees half of it. Compiling takes TextWorld itself (a second or
two, once); playing what is kept does not.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alma.domains.textworld.describe import describe, rules_of
from alma.domains.textworld.engine import EXTRA, require
from alma.domains.textworld.logic import HOLDING, Rules, read_facts
from alma.domains.textworld.worlds import Story
from alma.records import ConfigError, DomainError

FORM = 1
"""Of what is kept; another one is compiled anew."""
GAME, TOLD = "game.z8", "told.json"
SERIAL = slice(0x12, 0x18)
"""Where a game file holds the day on which it was compiled."""
HOLDS = (*HOLDING, "out")
"""A recipe holds its meal before that is prepared, so that `prepare meal` is possible in its kitchen."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A game that can be played: its file and facts, its rules, and the score that it can reach."""

    key: str
    story: Story
    rules: Rules
    most: int


def default_cache() -> Path:
    return Path.home() / ".cache" / "alma" / "textworld"


def compiled(source: Path, cache: Path) -> Compiled:
    """The game, compiled when the cache doesn't have it. Raises DomainError when that can't be done."""
    require()
    try:
        content = source.read_bytes()
    except OSError as error:
        raise DomainError(f"can't read the game {source}: {error.strerror}") from error
    engine = version("textworld")
    key = hashlib.sha256(f"{FORM} {engine} ".encode() + content).hexdigest()[:24]
    folder = cache / key
    found = _kept(folder)
    if found is None:
        shutil.rmtree(folder, ignore_errors=True)
        _compile(source, folder)
        found = _kept(folder)
    if found is None:
        raise DomainError(f"the compiled game in {folder} is damaged; delete this folder")
    return found


def _kept(folder: Path) -> Compiled | None:
    """What the cache holds, when it is whole."""
    try:
        data: Any = json.loads((folder / TOLD).read_bytes())
        game = (folder / GAME).read_bytes()
    except (OSError, ValueError):
        return None
    if hashlib.sha256(game).hexdigest() != data["sha256"]:
        return None
    things = {id_: (kind, name) for id_, kind, name in data["things"]}
    story = Story(folder / GAME, read_facts(data["facts"]), things)
    return Compiled(folder.name, story, _rules(json.dumps(data["rules"], sort_keys=True)), int(data["most"]))


@lru_cache(maxsize=16)
def _rules(text: str) -> Rules:
    """One object for all games of a family, which have the same rules."""
    return Rules.from_json(json.loads(text))


def _compile(source: Path, folder: Path) -> None:
    """Compile beside the place where it will stand, then move it there, unless another one was quicker."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise DomainError(
            f"can't write to {folder.parent} ({error.strerror}), where compiled games are kept; "
            "give another folder with --set textworld.cache=FOLDER"
        ) from error
    try:
        _write(source, made)
        try:
            os.rename(made, folder)
        except OSError:
            # The folder is there already: another process compiled the same game meanwhile.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write(source: Path, folder: Path) -> None:
    textworld, generator = load()
    try:
        game = textworld.Game.load(str(source))
        options = textworld.GameOptions()
        options.path = str(folder / GAME)
        generator.compile_game(game, options)
        path = folder / GAME
        code = bytearray(path.read_bytes())
        code[SERIAL] = b"000000"
        path.write_bytes(code)
        most = int(game.max_score)
        told = json.loads(describe(game)) | {
            "rules": rules_of(game.kb) | {"holding": HOLDS},
            "most": most,
            "sha256": hashlib.sha256(code).hexdigest(),
        }
    except Exception as error:
        # TextWorld raises what it likes, and its compiler's whole output with it.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DomainError(f"TextWorld can't compile {source}: {reason}") from error
    if most < 1:
        raise DomainError(f"{source} has nothing to score")
    (folder / TOLD).write_text(json.dumps(told), encoding="utf-8")
    (folder / GAME).with_suffix(".ni").unlink(missing_ok=True)


def load() -> tuple[Any, Any]:
    """TextWorld and its generator."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("textworld"), importlib.import_module("textworld.generator")
    except ImportError as error:
        raise ConfigError(f"domain textworld can't load TextWorld ({error}): {EXTRA}") from error
