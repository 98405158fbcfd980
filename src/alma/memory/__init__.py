"""The SDK that a memory design imports: this package is all that a design sees of ALMA.

A design subclasses `Memory`, learns from each `Episode` in `update`, and offers something helpful in
`retrieve` before the next episode. It loads inside the sandbox, so nothing here needs more than the
standard library (numpy and networkx are imported only when a design asks for them).
"""

from alma.memory.base import Memory
from alma.memory.episode import Episode, Recall, Situation
from alma.memory.toolkit import Graph, Store, Toolkit, Vectors
from alma.records.play import JSON, Step

__all__ = ["JSON", "Episode", "Graph", "Memory", "Recall", "Situation", "Step", "Store", "Toolkit", "Vectors"]
