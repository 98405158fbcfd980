"""Baba Is AI: the benchmark's levels and text, played by our own engine from seeds.

Public name: `BabaIsAI` (`babaisai`). `gymnasium_env.make` offers the same levels to Gymnasium.
"""

from alma.domains.babaisai.domain import BabaIsAI

__all__ = ["BabaIsAI"]
