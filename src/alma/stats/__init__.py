"""Statistics for scores that come in clusters: intervals, paired comparisons, corrections, power.

Pure functions on numpy arrays; nothing here reads an archive or knows a domain. Every number in a
table or report comes from these functions, so that two tables never disagree about what a cluster is.
"""

from alma.stats.cells import Cells
from alma.stats.comparison import Comparison, paired_difference
from alma.stats.corrections import holm
from alma.stats.intervals import METHODS, Interval, Method, cluster_interval
from alma.stats.power import detectable_difference, levels_needed
from alma.stats.proportion import wilson
from alma.stats.repetitions import Across, across
from alma.stats.signflip import sign_flip_p

__all__ = [
    "METHODS",
    "Across",
    "Cells",
    "Comparison",
    "Interval",
    "Method",
    "across",
    "cluster_interval",
    "detectable_difference",
    "holm",
    "levels_needed",
    "paired_difference",
    "sign_flip_p",
    "wilson",
]
