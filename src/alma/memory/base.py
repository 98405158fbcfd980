"""The class that every memory design subclasses, and the order in which its methods are called.

1. `__init__(kit)` once per memory. 2. `update(episode)` after each collected episode, one at a time.
3. `retrieve(situation)` before each deployed episode; in frozen mode on a copy of the memory as it
stood after the last update, so what `retrieve` stores is forgotten. 4. `on_step` before each action,
if the design defines it. In online mode `update` follows each deployed episode.
"""

from __future__ import annotations

from collections.abc import Sequence

from alma.memory.episode import Episode, Recall, Situation
from alma.memory.toolkit import Toolkit
from alma.records.play import JSON, Step


class Memory:
    """A live memory, its toolkit in `self.kit`. Keep state in plain attributes (they are copied by pickling).

    A file holds one design: the last class in it that subclasses `Memory`. An exception in
    `retrieve` costs the episode its recall; an exception in `update` fails the design.
    """

    def __init__(self, kit: Toolkit) -> None:
        self.kit = kit

    async def retrieve(self, situation: Situation) -> Recall | JSON:
        """What to show the agent before it plays: JSON, or a `Recall`; None and empty values show nothing."""
        return None

    async def update(self, episode: Episode) -> None:
        """Learn from a finished episode."""

    async def on_step(self, situation: Situation, history: Sequence[Step]) -> Recall | JSON | None:
        """What to show before the next action; None leaves the earlier recall as it is.

        Called only when a design overrides it.
        """
        return None

    def dump(self) -> JSON:
        """The memory's state as JSON, for designs that can give it; None where they can't."""
        return None

    def load(self, state: JSON) -> None:
        """Restore what `dump` returned."""
