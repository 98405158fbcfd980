"""ALFWorld: official games and generated households, played by our own engine.

Public names: `Households` (`alfworld:households`), `OfficialAlfworld` (`alfworld`).
"""

from alma.domains.alfworld.domain import Households
from alma.domains.alfworld.official import OfficialAlfworld

__all__ = ["Households", "OfficialAlfworld"]
