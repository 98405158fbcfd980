"""MiniHack on the real engine (extra `minihack`): the published tasks, seeded, in our own words.

Nothing of NetHack is in this package; see `play` for what is done to make a level one exact game.
"""

from alma.domains.minihack.domain import MiniHack

__all__ = ["MiniHack"]
