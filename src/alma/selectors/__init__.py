"""Small strategies that choose the parents of the next designs."""

from alma.selectors.alma import AlmaSelector
from alma.selectors.contract import Selector
from alma.selectors.pareto import ParetoSelector
from alma.selectors.posterior import PosteriorSelector
from alma.selectors.rank import RankSelector
from alma.selectors.simple import GreedySelector, RandomSelector

SELECTORS: dict[str, type[Selector]] = {
    selector.name: selector
    for selector in (
        RankSelector,
        AlmaSelector,
        GreedySelector,
        RandomSelector,
        PosteriorSelector,
        ParetoSelector,
    )
}

__all__ = [
    "SELECTORS",
    "AlmaSelector",
    "GreedySelector",
    "ParetoSelector",
    "PosteriorSelector",
    "RandomSelector",
    "RankSelector",
    "Selector",
]
