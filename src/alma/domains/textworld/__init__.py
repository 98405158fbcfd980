"""TextWorld: generated fetch quests on cooking worlds, played in the real engine.

Public name: `Fetch` (`textworld:fetch`).
"""

from alma.domains.textworld.domain import Fetch

__all__ = ["Fetch"]
