"""Racing: a candidate that won't reach the best score so far doesn't play its evaluation to the end.

After every few levels the question is whether its score on all levels could still be that of the best. The
levels come in random order, so its lead on those played is a sum of draws without replacement, and what is
left shrinks to nothing: a Brownian bridge. One bound for all looks, as in Pocock's group sequential test
("Group sequential methods in the design and analysis of clinical trials", Biometrika 64, 1977), is passed
by such a bridge with probability `error`: that is the chance to stop a candidate whose whole score would be
as good as the best. How hard each level is, by the designs before, is taken out first (a control variate).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

import numpy as np

from alma.records import EpisodeRecord, Level, Primary

LEVELS_A_LOOK = 5


@dataclass(frozen=True, slots=True)
class Race:
    """What is to be reached, and with what chance of error. Scores are in [0, 1].

    `rival` is the id of the best, `target` its score, `usual` what is usually scored on each level.
    """

    rival: str
    target: float
    usual: Mapping[str, float]
    error: float

    @classmethod
    def against(
        cls,
        rival: str,
        target: float,
        earlier: Sequence[Sequence[EpisodeRecord]],
        primary: Primary,
        error: float,
    ) -> Race:
        """`earlier` holds the episodes of all whole evaluations on these levels, the rival's among them."""
        scores = [by_level(episodes, primary) for episodes in earlier]
        keys = dict.fromkeys(key for one in scores for key in one)
        usual = {key: fmean(one[key] for one in scores if key in one) for key in keys}
        return cls(rival, target, usual, error)

    @property
    def name(self) -> str:
        """What tells this race from others in an evaluation's identity."""
        return f"race {self.error:g} against {self.rival}"

    def stages(self, levels: Sequence[Level]) -> Iterator[Sequence[Level]]:
        """The levels between two looks."""
        for start in range(0, len(levels), LEVELS_A_LOOK):
            yield levels[start : start + LEVELS_A_LOOK]

    def lost(self, episodes: Sequence[EpisodeRecord], primary: Primary, levels: int) -> bool:
        """Whether the candidate stops here, after these episodes of an evaluation on so many levels."""
        leads = self._leads(episodes, primary)
        needed = self.target - fmean(self.usual.values())
        steps = leads - needed
        spread = float(np.sqrt(np.square(steps).sum() * (1 - len(steps) / levels)))
        return spread > 0 and steps.sum() / spread <= -bound(-(-levels // LEVELS_A_LOOK), self.error)

    def estimate(self, episodes: Sequence[EpisodeRecord], primary: Primary) -> float:
        """The score of a stopped candidate on all levels: the usual one and its lead. In [0, 1].

        Its own mean would tell how hard the first levels are.
        """
        lead = float(self._leads(episodes, primary).mean())
        return min(1.0, max(0.0, fmean(self.usual.values()) + lead))

    def _leads(self, episodes: Sequence[EpisodeRecord], primary: Primary) -> np.ndarray:
        own = by_level(episodes, primary)
        return np.array([own[key] - self.usual[key] for key in own if key in self.usual])


def by_level(episodes: Sequence[EpisodeRecord], primary: Primary) -> dict[str, float]:
    """Mean score of each level that was played."""
    scores: dict[str, list[float]] = {}
    for episode in episodes:
        if episode.reward is not None:
            scores.setdefault(episode.level_key, []).append(episode.score(primary))
    return {key: fmean(values) for key, values in scores.items()}


@cache
def bound(stages: int, error: float) -> float:
    """What a Brownian bridge of so many stages passes at one of the looks between them with `error`."""
    walks = np.random.default_rng(0).normal(size=(100_000, max(2, stages))).cumsum(axis=1)
    part = np.arange(1, walks.shape[1]) / walks.shape[1]
    bridges = (walks[:, :-1] - part * walks[:, -1:]) / np.sqrt(walks.shape[1] * part * (1 - part))
    return float(np.quantile(bridges.max(axis=1), 1 - error))
