"""What a meta agent is shown: parents with their scores task by task, and episodes chosen for contrast.

Chosen, not dumped: everything has a budget in characters. The archive is the one that the candidate met when
it began, so that a run that goes on asks what it asked before. Held-out data never gets here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alma.archive.contract import NO_MEMORY, ArchiveView, DesignRow
from alma.proposers.llm.transcripts import cut, shown
from alma.records import EpisodeRecord, Evaluation
from alma.stats import wilson

EPISODES_CHARS = 28_000
"""For the transcripts of one proposal, all parents together."""
TABLE_ROWS = 60
LOG_CHARS = 120
DIGEST_ROWS = 4
Rewards = Mapping[tuple[str, int], float]
"""Reward by level and repeat."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The archive as it stood when the candidate began."""

    archive: ArchiveView

    def digest(self, parents: Sequence[DesignRow]) -> str:
        """The best designs, the ones most unlike them, and what failed lately: a line each."""
        rows = [row for row in self.archive.designs() if row.search_score is not None]
        if not rows:
            return ""
        nothing = self.archive.no_memory()
        best = sorted(rows, key=lambda row: (-(row.search_score or 0.0), row.id))
        lines = (
            [] if nothing is None else [f"Without memory the agent scores {_percent(_score(nothing, best))}."]
        )
        lines += ["", "The best so far:", *(self._line(row, parents) for row in best[:DIGEST_ROWS])]
        unlike = self._unlike(best)
        if unlike:
            lines += [
                "",
                "Those that win other tasks than these:",
                *(self._line(row, parents) for row in unlike),
            ]
        failed = [row for row in self.archive.designs() if row.status == "failed"][-DIGEST_ROWS:]
        if failed:
            lines += ["", "Failed lately, however they were mended:"]
            lines += [f"- {_name(row)}: {row.failure.message if row.failure else ''}" for row in failed]
        return "\n".join(lines)

    def first(self) -> str:
        """For a design without parents: how the agent fares without memory, and what episodes look like."""
        nothing = self.archive.evaluation(NO_MEMORY, "search", trajectories=True)
        if nothing is None or not nothing.episodes:
            return ""
        won = [episode for episode in nothing.played if episode.success]
        lost = [episode for episode in nothing.played if not episode.success]
        chosen = [*_spread(won, 2), *_spread(lost, 3)]
        head = (
            f"# Episodes without memory\n\nWithout memory the agent solves {len(won)} of "
            f"{len(nothing.played)} tasks. The memory will be fed episodes like these, won and "
            "lost ones, of other tasks of the domain; then it is asked before tasks like these."
        )
        return "\n\n".join([head, *_fitted((shown(one, example=True) for one in chosen), EPISODES_CHARS)])

    def of(self, parents: Sequence[DesignRow]) -> str:
        """Code, scores, effect of its own change, and telling episodes of each parent."""
        share = EPISODES_CHARS // max(1, len(parents))
        return "\n\n".join(self._parent(row, share) for row in parents)

    def _parent(self, row: DesignRow, chars: int) -> str:
        own = self.archive.evaluation(row.id, "search", trajectories=True)
        nothing = self.archive.evaluation(NO_MEMORY, "search", trajectories=True)
        parts = [f"# The design {_name(row)}", f"```python\n{row.source.strip()}\n```"]
        if own is None:
            return "\n\n".join(parts)
        earlier = self._before(row)
        parts.append(self._scores(row, own, nothing, earlier))
        faults = [episode.message for episode in own.episodes if episode.fault == "design"]
        if faults:
            parts.append(
                f"In {len(faults)} episodes the design failed, the first time with: {cut(faults[0], 400)}"
            )
        if own.note:
            parts.append(f"Note: {own.note}")
        if own.log:
            lines = [f"| {cut(line, LOG_CHARS)}" for line in own.log]
            parts.append("\n".join(["## What it logged (some of it, in no order)", "", *lines]))
        parts.append("## Episodes\n\nActions marked with * are spelled out in what was recalled by then.")
        parts += _fitted((shown(*pair) for pair in _contrasts(own, nothing, earlier)), chars)
        return "\n\n".join(parts)

    def _scores(
        self, row: DesignRow, own: Evaluation, nothing: Evaluation | None, earlier: Evaluation | None
    ) -> str:
        score, levels = row.search_score or 0.0, len({one.level_key for one in own.played})
        low, high = wilson(score * levels, levels)  # A task's repeats count as one.
        lines = [
            f"## Scores\n\nScore {_percent(score)} in {len(own.played)} episodes of {levels} tasks; "
            f"by chance alone it may stand for anything from {_percent(low)} to {_percent(high)}."
        ]
        if nothing is not None:
            lines.append(_against("Against no memory", own, nothing))
        if earlier is not None:
            lines.append(_against("Against the design that it was made from", own, earlier))
        lines.append(_steps(own, nothing))
        if row.plan:
            lines.append(f"Its author's plan was:\n{row.plan}")
        expected = row.genome.get("expected_score")
        if isinstance(expected, (int, float)):
            lines.append(
                f"Its author expected {_percent(float(expected))}, and got {_percent(row.search_score or 0)}."
            )
        columns = [("design", own)]
        columns += [("parent", earlier)] if earlier is not None else []
        columns += [("none", nothing)] if nothing is not None else []
        return "\n\n".join([*lines, _table(columns)])

    def _before(self, row: DesignRow) -> Evaluation | None:
        """How the design's first parent did."""
        parents = self.archive.proposals(row.id)[0].proposal.parents
        return self.archive.evaluation(parents[0], "search", trajectories=True) if parents else None

    def _unlike(self, best: Sequence[DesignRow]) -> list[DesignRow]:
        """Of the others the two that win most tasks which the best one doesn't."""
        if len(best) <= DIGEST_ROWS:
            return []
        top = _won(self.archive.evaluation(best[0].id, "search"))
        others = [
            (len(_won(self.archive.evaluation(row.id, "search")) - top), row) for row in best[DIGEST_ROWS:]
        ]
        return [row for count, row in sorted(others, key=lambda pair: (-pair[0], pair[1].id))[:2] if count]

    def _line(self, row: DesignRow, parents: Sequence[DesignRow]) -> str:
        idea = row.plan.splitlines()[0] if row.plan else "no plan was given"
        expected = row.genome.get("expected_score")
        told = f", expected {_percent(float(expected))}" if isinstance(expected, (int, float)) else ""
        below = " (shown below)" if any(row.id == parent.id for parent in parents) else ""
        return f"- {_name(row)}{below}: {_percent(row.search_score or 0.0)}{told}. {cut(idea, 300)}"


def _contrasts(
    own: Evaluation, nothing: Evaluation | None, earlier: Evaluation | None
) -> Iterator[tuple[EpisodeRecord, str]]:
    """Episodes that tell most, each with why it is shown; the kinds take turns."""
    base = _rewards(nothing)
    before = _rewards(earlier)
    kinds: dict[str, list[EpisodeRecord]] = {
        "lost, though it is won without this memory": [],
        "lost; the design that it was made from won it": [],
        "lost, as without memory": [],
        "won; without memory it is lost": [],
        "won, but it took longest": sorted(
            (one for one in own.played if one.success), key=lambda one: (-one.steps, one.level_key)
        )[:4],
    }
    damaged, worse, missing, helped, _ = kinds.values()
    for episode in own.played:
        place = (episode.level_key, episode.repeat)
        if episode.success:
            if base.get(place, 1.0) < 1.0:
                helped.append(episode)
        elif before.get(place, 0.0) >= 1.0:
            worse.append(episode)
        elif base.get(place, 0.0) >= 1.0:
            damaged.append(episode)
        else:
            missing.append(episode)
    turns = [(why, _spread(chosen, 4)) for why, chosen in kinds.items()]
    pairs = {(e.level_key, e.repeat): e for e in nothing.played} if nothing is not None else {}
    shown_before: set[tuple[str, tuple[str, ...]]] = set()
    for turn in range(4):
        for why, chosen in turns:
            if turn >= len(chosen) or _way(chosen[turn]) in shown_before:
                continue
            shown_before.add(_way(chosen[turn]))
            yield chosen[turn], why
            twin = pairs.get((chosen[turn].level_key, chosen[turn].repeat))
            if why.startswith("lost, though") and twin is not None:
                yield twin, "the same task, won without memory"


def _way(episode: EpisodeRecord) -> tuple[str, tuple[str, ...]]:
    """The level, and what was done on it: a repeat that went the same way tells nothing new."""
    steps = episode.trajectory.steps if episode.trajectory is not None else ()
    return episode.level_key, tuple(step.action for step in steps)


def _steps(own: Evaluation, nothing: Evaluation | None) -> str:
    """Steps of the episodes that are won: what is left to gain where nearly everything is."""
    won = [one.steps for one in own.played if one.success]
    if not won:
        return "It won no episode."
    text = f"A won episode took {sum(won) / len(won):.1f} steps on average, the longest {max(won)}"
    bare = [one.steps for one in nothing.played if one.success] if nothing is not None else []
    return text + (f"; one won without memory took {sum(bare) / len(bare):.1f}." if bare else ".")


def _table(columns: Sequence[tuple[str, Evaluation]]) -> str:
    """Goals with the share of wins in each evaluation; those in which they differ come first."""
    goals: dict[str, str] = {}
    shares: list[dict[str, float]] = []
    for _, evaluation in columns:
        wins: dict[str, list[float]] = defaultdict(list)
        for episode in evaluation.played:
            wins[episode.level_key].append(episode.reward or 0.0)
            if episode.trajectory is not None:
                goals.setdefault(episode.level_key, episode.trajectory.first.goal)
        shares.append({key: sum(values) / len(values) for key, values in wins.items()})

    def values(key: str) -> list[float]:
        return [share.get(key, 0.0) for share in shares]

    # What is won in every column tells nothing; what the columns differ in tells most.
    keys = sorted(
        (key for key in goals if min(values(key)) < 1.0),
        key=lambda key: (min(values(key)) - max(values(key)), goals[key]),
    )
    head = "Mean reward by task (" + " / ".join(name for name, _ in columns) + "):"
    rows = [
        " / ".join(f"{value:.2f}" for value in values(key)) + f"  {cut(goals[key].splitlines()[-1], 110)}"
        for key in keys[:TABLE_ROWS]
    ]
    if len(keys) > len(rows):
        rows.append(f"… and {len(keys) - len(rows)} more")
    if len(goals) > len(keys):
        rows.append(f"{len(goals) - len(keys)} tasks are won in every column.")
    return "\n".join([head, *rows])


def _against(what: str, own: Evaluation, other: Evaluation) -> str:
    mine, theirs = _rewards(own), _rewards(other)
    common = mine.keys() & theirs.keys()
    better = sum(mine[place] > theirs[place] for place in common)
    worse = sum(mine[place] < theirs[place] for place in common)
    gain = sum(mine[place] - theirs[place] for place in common) / max(1, len(common))
    return (
        f"{what}: {100 * gain:+.1f} points; better in {better} episodes, worse in {worse}, of {len(common)}."
    )


def _fitted(texts: Iterator[str], chars: int) -> list[str]:
    """Those texts that fit, in order; the first one in any case, cut if need be."""
    kept: list[str] = []
    for text in texts:
        if not kept:
            text = cut(text, chars)
        if len(text) <= chars:
            chars -= len(text)
            kept.append(text)
    return kept


def _spread(episodes: Sequence[EpisodeRecord], count: int) -> list[EpisodeRecord]:
    """Some of these from all over the list, so that different tasks are seen."""
    if len(episodes) <= count:
        return list(episodes)
    return [episodes[place * len(episodes) // count] for place in range(count)]


def _rewards(evaluation: Evaluation | None) -> Rewards:
    played = [] if evaluation is None else evaluation.played
    return {(episode.level_key, episode.repeat): episode.reward or 0.0 for episode in played}


def _won(evaluation: Evaluation | None) -> set[str]:
    return set() if evaluation is None else {one.level_key for one in evaluation.played if one.success}


def _score(nothing: Evaluation, best: Sequence[DesignRow]) -> float:
    """The number that the domain leads with, as the designs' search scores are."""
    succeeds = best[0].success is not None and best[0].success == best[0].search_score
    return nothing.success if succeeds else nothing.reward


def _name(row: DesignRow) -> str:
    return f"“{row.name or row.id}” ({row.id[:6]})"


def _percent(score: float) -> str:
    return f"{100 * score:.1f} %"
