"""An episode as text for a meta agent: what was recalled, what was done, which actions the recall named."""

from __future__ import annotations

from alma.records import EpisodeRecord, Step

RECALL_CHARS = 1500
STEP_RECALL_CHARS = 300
FIRST_CHARS = 900
OBSERVATION_CHARS = 260
MOST_STEPS = 40


def shown(episode: EpisodeRecord, why: str = "", *, example: bool = False) -> str:
    """The episode; as an `example` with the admissible actions of its start, as a memory is given them.

    An action that the recall spells out is marked with *, so that it is seen what the recall led to.
    """
    run = episode.trajectory
    if run is None:
        return ""
    end = f"{'won' if episode.success else 'lost'} after {episode.steps} steps, reward {episode.reward:.2f}"
    lines = [f"### {cut(run.first.goal.splitlines()[-1], 160)}: {why or end}", "", f"Goal: {run.first.goal}"]
    if why:
        lines.append(f"End: {end}")
    if episode.recall:
        lines += ["Recalled:", _quoted(cut(episode.recall, RECALL_CHARS))]
    elif not example and not episode.step_recalls:
        lines.append("Recalled: nothing")
    lines += ["First observation:", _quoted(cut(run.first.text, FIRST_CHARS))]
    if example and run.first.admissible:
        lines.append(f"Admissible at the start: {cut('; '.join(run.first.admissible), 700)}")
    steps = list(enumerate(run.steps))
    skipped = len(steps) - MOST_STEPS
    if skipped > 0:
        steps = [*steps[: MOST_STEPS // 2], *steps[-MOST_STEPS // 2 :]]
    told = episode.recall.lower()
    for place, (number, step) in enumerate(steps):
        if skipped > 0 and place == MOST_STEPS // 2:
            lines.append(f"… {skipped} steps left out …")
        fresh = episode.step_recalls[number] if number < len(episode.step_recalls) else None
        if fresh is not None and fresh.lower() != told:
            lines += [f"Recalled before step {number + 1}:", _quoted(cut(fresh, STEP_RECALL_CHARS))]
            told = fresh.lower()
        lines.append(_step(number, step, told))
    return "\n".join(lines)


def cut(text: str, chars: int) -> str:
    """At most that many characters; what is left out is marked."""
    return text if len(text) <= chars else text[: chars - 1].rstrip() + "…"


def _step(number: int, step: Step, told: str) -> str:
    mark = "*" if step.action and step.action.lower() in told else ""
    answer = " ".join((step.observation or step.error or "").split())
    return f"{number + 1}. {step.action}{mark} → {cut(answer, OBSERVATION_CHARS)}"


def _quoted(text: str) -> str:
    return "\n".join(f"| {line}" for line in text.splitlines())
