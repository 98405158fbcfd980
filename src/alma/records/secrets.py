"""Which environment variables are secrets, and how a text or a child process is kept free of them.

A name decides: `OPENAI_API_KEY`, `HF_TOKEN`, `DB_PASSWORD`; so does an address with a password in it. It
knows the values of this process's secrets and the look of common keys, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

SHORTEST = 6
"""Shorter values are left alone: replacing them would spoil ordinary text."""

_NAME = re.compile(r"(?i)(^|_)(api_?)?(keys?|tokens?|secrets?|passwords?|passwd|pass|credentials?|auth)($|_)")
_ADDRESS = re.compile(r"(://)[^/\s:@]+:[^/\s@]+@")
_LOOKS = re.compile(
    r"\b(sk|pk|rk|gsk|xai|hf|ghp|github_pat)[-_][A-Za-z0-9_\-]{12,}|\bAIza[A-Za-z0-9_\-]{20,}"
    r"|(?i:\bbearer\s+)[A-Za-z0-9._\-~+/]{12,}=*"
)


def is_secret(name: str, value: str) -> bool:
    return bool(_NAME.search(name) or _ADDRESS.search(value))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child process that has no business with keys."""
    return {name: value for name, value in environment.items() if not is_secret(name, value)}


def scrub(text: str, environment: Mapping[str, str]) -> str:
    """The text with each secret of that environment, and whatever looks like a key, put in brackets."""
    values = {
        value.strip(): name for name, value in environment.items() if is_secret(name, value) and value.strip()
    }
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= SHORTEST:
            for form in {value, quote(value, safe="")}:
                text = text.replace(form, f"[{values[value]}]")
    return _LOOKS.sub("[a key]", _ADDRESS.sub(r"\1[a password]@", text))
