"""Prompts as files with named slots, `{{goal}}`: what is said to a model is read and changed without code.

A block between `{{#name}}` and `{{/name}}` is left out when the slot `name` is empty. Not a template
language: there is nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from alma.records.identity import content_hash

_BLOCK = re.compile(r"\{\{#(\w+)\}\}\n?(.*?)\{\{/\1\}\}\n?", re.DOTALL)
_SLOT = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt's text, with its slots still empty."""

    name: str
    text: str

    def render(self, **slots: str) -> str:
        """The text with every slot filled. Raises ValueError for a slot too few or too many."""
        wanted = set(_SLOT.findall(self.text)) | {name for name, _ in _BLOCK.findall(self.text)}
        if wanted != set(slots):
            odd = ", ".join(sorted(wanted ^ set(slots)))
            raise ValueError(f"prompt {self.name}: slots do not fit: {odd}")
        kept = _BLOCK.sub(lambda block: block[2] if slots[block[1]].strip() else "", self.text)
        return _SLOT.sub(lambda slot: slots[slot[1]], kept).strip()


def load_prompts(package: str) -> Mapping[str, Prompt]:
    """The prompts in a package's folder `prompts`, by name."""
    folder = files(package) / "prompts"
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".md")), key=lambda file: file.name
    )
    prompts = [Prompt(file.name.removesuffix(".md"), file.read_text(encoding="utf-8")) for file in found]
    return {prompt.name: prompt for prompt in prompts}


def prompts_version(prompts: Mapping[str, Prompt]) -> str:
    """A hash of all that they say; part of every identity that depends on them."""
    return content_hash({name: prompt.text for name, prompt in prompts.items()}, 8)
