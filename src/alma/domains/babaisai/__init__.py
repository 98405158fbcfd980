"""Baba Is AI: the benchmark's levels and text, played by our own engine from seeds.

Public names: `BabaIsAI` (`babaisai`), the domain; `BabaGym`, its levels as Gymnasium environments.
"""

from alma.domains.babaisai.domain import BabaIsAI

__all__ = ["BabaIsAI"]
