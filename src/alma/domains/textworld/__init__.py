"""TextWorld: the benchmark's families, and generated fetch quests, played in the real engine.

Public names: `Families` (`textworld`) and `Fetch` (`textworld:fetch`).
"""

from alma.domains.textworld.domain import Fetch
from alma.domains.textworld.families import Families

__all__ = ["Families", "Fetch"]
