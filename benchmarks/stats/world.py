"""A small world with a known truth: solved or not, by tasks in houses, with memories by luck.

The tests and the table of `python -m benchmarks.stats` draw from it, so both speak of the same data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class World:
    """Binary scores whose log-odds add effects of the cluster, task, collection, and cluster × collection.

    The `*_sd` are standard deviations in log-odds: 0.8 for clusters is an intra-cluster correlation of
    about 0.12 in the underlying scale; 0.3 for collections moves a success rate of 0.5 by 7 points.
    """

    clusters: int = 12
    tasks: int = 20
    repeats: int = 2
    collections: int = 1
    log_odds: float = 0.0
    cluster_sd: float = 0.8
    task_sd: float = 1.0
    collection_sd: float = 0.0
    both_sd: float = 0.0

    @property
    def truth(self) -> float:
        """Success rate over all clusters, tasks and collections (Gauss–Hermite quadrature)."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        variance = self.cluster_sd**2 + self.task_sd**2 + self.collection_sd**2 + self.both_sd**2
        rates = 1 / (1 + np.exp(-(self.log_odds + np.sqrt(variance) * nodes)))
        return float(weights @ rates / weights.sum())

    @property
    def labels(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Cluster, collection and level of each score, in the order in which `draw` returns them."""
        shape = (self.clusters, self.tasks, self.collections)
        cluster, task, collection = (index.ravel() for index in np.indices(shape))
        return cluster, collection, cluster * self.tasks + task

    def draw(self, rng: np.random.Generator, designs: int = 1, effect_sd: float = 0.0) -> list[Floats]:
        """Scores (mean of the repeats) of `designs` equally good designs on the same tasks.

        `effect_sd` (log-odds) is how much each design suits each cluster, so that differences are
        correlated within clusters too.
        """
        shape = (self.clusters, self.tasks, self.collections)
        shared = self.log_odds + self.cluster_sd * rng.normal(size=(shape[0], 1, 1))
        shared = shared + self.task_sd * rng.normal(size=(shape[0], shape[1], 1))
        drawn = []
        for _ in range(designs):
            own = self.collection_sd * rng.normal(size=(1, 1, shape[2]))
            own = own + self.both_sd * rng.normal(size=(shape[0], 1, shape[2]))
            own = own + effect_sd * rng.normal(size=(shape[0], 1, 1))
            rate = 1 / (1 + np.exp(-(shared + own)))
            drawn.append((rng.binomial(self.repeats, rate) / self.repeats).ravel())
        return drawn
