"""Empty memory: goes through all the motions and shows nothing. Must score like no memory."""

from __future__ import annotations

from alma.memory import JSON, Memory, Situation


class EmptyMemory(Memory):
    """Recalls an empty object."""

    async def retrieve(self, situation: Situation) -> JSON:
        return {}
