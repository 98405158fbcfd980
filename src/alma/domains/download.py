"""Fetches the data that a domain needs and may not ship: resumable, checked, unpacked in one move.

Knows no domain but for the table of sources. Whoever calls it says where from and where to.
"""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alma.records import ConfigError, DomainError

BLOCK = 1 << 18
TIMEOUT_SECONDS = 60.0
Heard = Callable[[int, int | None], None]
"""Hears how many bytes are there, and how many there will be (None where the server doesn't say)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where data comes from: an archive, the part of it that is kept, and a file pattern that must be in it.

    `sha256` is empty where no checksum of the publisher is known.
    """

    name: str
    url: str
    keep: str
    pattern: str
    licence: str
    sha256: str = ""


SOURCES: Mapping[str, Source] = {
    one.name: one
    for one in (
        Source(
            "alfworld",
            "https://github.com/alfworld/alfworld/releases/download/0.4.2/json_2.1.3_tw-pddl.zip",
            "json_2.1.1",
            "*/*/*/game.tw-pddl",
            "MIT",
        ),
        Source(
            "textworld",
            "https://github.com/conglu1997/intelligent-go-explore/archive/"
            "bcb4052e6de36a4389e666acd374832cfab1a042.zip",
            "intelligent-go-explore-bcb4052e6de36a4389e666acd374832cfab1a042/textworld/tw_games",
            "*/*.json",
            "MIT",
        ),
        Source(
            "boxoban",
            "https://github.com/google-deepmind/boxoban-levels/archive/"
            "78011d8c86ad423bfb2e1005012393b4c3c24409.zip",
            "boxoban-levels-78011d8c86ad423bfb2e1005012393b4c3c24409",
            "hard/*.txt",
            "Apache-2.0",
        ),
    )
}


def fetch(source: Source, folder: Path, heard: Heard = lambda done, whole: None) -> tuple[int, str]:
    """Download and unpack into `folder`, which must not exist; returns the files that fit and the checksum.

    A download that was cut off goes on where it stood. Raises DomainError when the server can't be reached
    or sends something else, ConfigError when the folder is there already or the checksum differs.
    """
    if folder.exists():
        raise ConfigError(f"{folder} is there already; delete it first, or give another folder with --to")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(folder.name + ".part")
    _download(source.url, part, heard)
    found = _checksum(part)
    if source.sha256 and found != source.sha256.lower():
        part.unlink()
        raise ConfigError(f"{source.url} has the checksum {found}, not {source.sha256}: nothing was kept")
    unpacked = folder.with_name(folder.name + ".unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        _unpack(part, unpacked)
        kept = _inside(unpacked, source.keep)
        count = sum(1 for _ in kept.glob(source.pattern))
        if not count:
            raise DomainError(f"{source.url} holds no {source.pattern}: it is not the data of {source.name}")
        kept.rename(folder)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    part.unlink()
    return count, found


def _download(url: str, part: Path, heard: Heard) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "alma"} | ({"Range": f"bytes={have}-"} if have else {})
    whole = None
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            goes_on = answer.status == 206
            have = have if goes_on else 0
            length = answer.headers.get("Content-Length")
            whole = have + int(length) if length else None
            with part.open("ab" if goes_on else "wb") as out:
                while block := answer.read(BLOCK):
                    out.write(block)
                    have += len(block)
                    heard(have, whole)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            return  # All of it is there already.
        raise DomainError(f"{url} answers {error.code} {error.reason}; try --url with another") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        told = "the same command goes on later, or give a copy's address with --url"
        raise DomainError(f"can't reach {url} ({reason}); {told}") from None
    if whole is not None and have < whole:
        raise DomainError(f"{url} was cut off after {have} of {whole} bytes; the same command goes on there")


def _checksum(path: Path) -> str:
    running = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            running.update(block)
    return running.hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar file; a member that would land outside the folder is refused."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                for name in packed.namelist():
                    _refuse_outside(folder, name)
                packed.extractall(folder)
        else:
            with tarfile.open(archive) as packed_tar:
                packed_tar.extractall(folder, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        archive.unlink()
        raise DomainError(f"what was downloaded can't be unpacked ({error}); give it again") from None


def _refuse_outside(folder: Path, name: str) -> None:
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise DomainError(f"the archive holds a file outside its folder ({name}): nothing was kept")


def _inside(unpacked: Path, keep: str) -> Path:
    """The folder to keep: the one that is named, else the only one that there is, as mirrors rename it."""
    if (unpacked / keep).is_dir():
        return unpacked / keep
    folders = [path for path in unpacked.iterdir() if path.is_dir()]
    return folders[0] if len(folders) == 1 else unpacked
