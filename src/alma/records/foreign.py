"""Foreign text made fit to be shown: game text, designs and failure messages may hold any character."""

from __future__ import annotations

KEPT = "\n\t"


def visible(text: str) -> str:
    """The text with a mark for every character that isn't seen: a terminal's and a page's orders too.

    Escape sequences begin with such a character, as do those that turn the direction of writing round.
    """
    if text.isprintable():
        return text
    return "".join(c if c in KEPT or c.isprintable() else "\ufffd" for c in text)
