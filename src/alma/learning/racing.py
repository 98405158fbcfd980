"""Racing: a candidate that is clearly behind the best so far doesn't play its evaluation to the end.

After every few levels the candidate's scores are compared with the rival's on the same levels. Group
sequential test in Pocock's manner ("Group sequential methods in the design and analysis of clinical
trials", Biometrika 64, 1977): one bound for all looks, such that a candidate as good as the rival is
stopped with probability `error` at most. A look's statistic is the sum of the paired differences over the
root of the sum of their squares: the difference in units of what flipping signs by chance would give.

The rival is the best of those before, on these very levels, so its lead holds some luck; how often a
design is lost by that is measured in `benchmarks.racing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

import numpy as np

from alma.records import EpisodeRecord, Level

LEVELS_A_LOOK = 5


@dataclass(frozen=True, slots=True)
class Race:
    """Against whom and with what chance of error. `scores` are the rival's by level, in [0, 1]."""

    rival: str
    score: float
    scores: Mapping[str, float]
    error: float

    @classmethod
    def against(
        cls, rival: str, score: float, episodes: Sequence[EpisodeRecord], primary: str, error: float
    ) -> Race:
        return cls(rival, score, by_level(episodes, primary), error)

    @property
    def name(self) -> str:
        """What tells this race from others in an evaluation's identity."""
        return f"race {self.error:g} against {self.rival}"

    def stages(self, levels: Sequence[Level]) -> Iterator[Sequence[Level]]:
        """The levels between two looks."""
        for start in range(0, len(levels), LEVELS_A_LOOK):
            yield levels[start : start + LEVELS_A_LOOK]

    def lost(self, episodes: Sequence[EpisodeRecord], primary: str, levels: int) -> bool:
        """Whether the candidate stops here, after these episodes of an evaluation on so many levels."""
        differences = self._differences(episodes, primary)
        spread = float(np.sqrt(np.square(differences).sum()))
        return spread > 0 and differences.sum() / spread <= -bound((levels - 1) // LEVELS_A_LOOK, self.error)

    def estimate(self, episodes: Sequence[EpisodeRecord], primary: str) -> float:
        """The score of a stopped candidate on all levels: the rival's, less what it was behind. In [0, 1].

        Its own mean would tell how hard the first levels are.
        """
        return float(np.clip(self.score + self._differences(episodes, primary).mean(), 0.0, 1.0))

    def _differences(self, episodes: Sequence[EpisodeRecord], primary: str) -> np.ndarray:
        own = by_level(episodes, primary)
        return np.array([own[key] - self.scores[key] for key in own if key in self.scores])


def by_level(episodes: Sequence[EpisodeRecord], primary: str) -> dict[str, float]:
    """Mean score of each level that was played."""
    scores: dict[str, list[float]] = {}
    for episode in episodes:
        if episode.reward is not None:
            value = float(bool(episode.success)) if primary == "success" else episode.reward
            scores.setdefault(episode.level_key, []).append(value)
    return {key: fmean(values) for key, values in scores.items()}


@cache
def bound(looks: int, error: float) -> float:
    """What a standard normal walk passes at one of `looks` even looks with probability `error`."""
    paths = np.random.default_rng(0).normal(size=(100_000, max(1, looks))).cumsum(axis=1)
    return float(np.quantile((paths / np.sqrt(np.arange(1, max(1, looks) + 1))).max(axis=1), 1 - error))
