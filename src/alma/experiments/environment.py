"""Where keys are read from: the environment, and for names that it lacks a file `.env` in the working folder.

What the file says stays in this process's memory: never in the environment, which children inherit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from alma.records import ConfigError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")


def environment() -> Mapping[str, str]:
    """All names and values. Raises ConfigError for a `.env` that can't be read."""
    return {**_told_in(Path.cwd() / ".env"), **os.environ}


@cache
def _told_in(path: Path) -> Mapping[str, str]:
    """`NAME=value` a line, quoted or not; lines that begin with # are comments. Read once."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {getattr(error, 'strerror', None) or error}") from error
    told = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            # The line may hold a key, so it isn't quoted.
            raise ConfigError(f"{path}, line {number}: write it as NAME=value")
        name, value = found.groups()
        quoted = re.fullmatch(r"""(["'])(.*)\1(?:\s+#.*)?""", value)
        told[name] = quoted[2] if quoted else re.sub(r"\s+#.*", "", value)
    return told
