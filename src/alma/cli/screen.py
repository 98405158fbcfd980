"""The terminal: all that commands print goes through here, so that no foreign text can give it orders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, RenderableType
from rich.segment import Segment

from alma.records import visible


class Screen(Console):
    """Rich's console, in which only Rich itself moves the cursor, sets colours or rings the bell."""

    def render(self, renderable: RenderableType, options: Any = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)
