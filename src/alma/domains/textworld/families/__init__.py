"""TextWorld's benchmark families, and more games of them: the domain `textworld`.

Public name: `Families`. `python -m alma.domains.textworld.families` generates games and compiles them.
"""

from alma.domains.textworld.families.domain import Families

__all__ = ["Families"]
