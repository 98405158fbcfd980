"""Checks that no committed file tells where it was made: no package index, no path of somebody's machine.

    python -m scripts.tree

What this machine's pip is set to is looked up and searched for, so the check names no address itself.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

PATTERNS = {
    "a setting of a package index": re.compile(
        rb"(?i)(?:extra[-_])?index[-_]url\s*[=:\s]\s*\S|find[-_]links\s*[=:\s]\s*\S|trusted[-_]host\s*[=:\s]\s*\S"
    ),
    "an address of a package index": re.compile(rb"(?i)https?://[^\s\"')]+/simple\b"),
    "a file address": re.compile(rb"file:///\w"),
    "a path of somebody's machine": re.compile(rb"(?<![\w.~/])/(?:home|Users|root|mnt|work|opt)/\w"),
}
PUBLIC = {"github.com", "localhost", "127.0.0.1"}
"""Hosts that anyone's settings may hold; naming them tells nothing."""


def main() -> int:
    names = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout.split(b"\0")
    problems = []
    places = set(index_places())
    for name in filter(None, map(os.fsdecode, names)):
        path = Path(name)
        if path.is_file() and path.resolve() != Path(__file__).resolve():
            problems += [f"{name}: {problem}" for problem in look(path.read_bytes(), places)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def look(data: bytes, places: set[str]) -> Iterator[str]:
    """What is wrong with a file's content, a line each."""
    if b"\0" in data[:8000]:
        return
    for number, line in enumerate(data.splitlines(), 1):
        for what, pattern in PATTERNS.items():
            if pattern.search(line):
                yield f"line {number} holds {what}"
        if any(place.encode() in line for place in places):
            yield f"line {number} holds the place of this machine's package index"


def index_places() -> Iterator[str]:
    """The hosts and folders that pip installs from here, by its environment and its settings files."""
    texts = [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))]
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "debug"], capture_output=True, text=True)
    for file in re.findall(r"^\s*(/\S+), exists: True", listed.stdout, re.MULTILINE):
        settings = configparser.RawConfigParser(strict=False)
        settings.read(file)
        texts += [value for section in settings.sections() for value in dict(settings[section]).values()]
    for text in texts:
        for word in text.split():
            address = urlsplit(word)
            if address.hostname and address.hostname not in PUBLIC:
                yield address.hostname
            elif address.scheme in ("", "file") and address.path.count("/") > 1:
                yield address.path


if __name__ == "__main__":
    sys.exit(main())
