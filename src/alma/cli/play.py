"""Playing a level by hand, and watching a recorded episode, in a terminal.

Game text is foreign: control characters are taken out before it is shown.
"""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.markup import escape

from alma.domains.contract import Domain
from alma.records import EpisodeRecord, Level, Step, visible

HELP = "type an action; ? lists what is admissible, ! shows the goal again, Ctrl-D ends"


def play_by_hand(domain: Domain, level: Level, step_limit: int, out: Console) -> None:
    """Read actions from standard input until the level ends, the limit is reached or the input does."""
    environment = domain.open(level)
    try:
        first = environment.reset()
        out.print(f"[bold]{escape(level.key)}[/bold], at most {step_limit} steps")
        out.print(f"[bold]goal:[/bold] {_plain(first.goal)}")
        out.print(_plain(first.text), soft_wrap=True)
        out.print(f"[dim]{HELP}[/dim]")
        admissible, taken, done = first.admissible, 0, False
        while not done and taken < step_limit:
            action = _ask(out, taken + 1)
            if action is None:
                break
            if action == "?":
                out.print(_plain("\n".join(admissible or ("this domain lists none",))))
            elif action == "!":
                out.print(_plain(first.goal))
            elif action:
                step = environment.step(action)
                taken, admissible, done = taken + 1, step.admissible, step.done
                _show(step, out)
        outcome = environment.outcome()
    finally:
        environment.close()
    told = "solved" if outcome.success else "not solved"
    out.print(f"[bold]{told}[/bold] in {taken} steps, reward {outcome.reward:.2f}")


def show_trajectory(episode: EpisodeRecord, delay: float, out: Console) -> None:
    """Print a recorded episode step by step, with what the memory had recalled."""
    trajectory = episode.trajectory
    if trajectory is None:
        out.print(f"this episode was not played: {_plain(episode.message) or 'nothing was recorded'}")
        return
    out.print(f"[bold]{escape(episode.level_key)}[/bold], repeat {episode.repeat}")
    out.print(f"[bold]goal:[/bold] {_plain(trajectory.first.goal)}")
    out.print(_plain(trajectory.first.text), soft_wrap=True)
    out.print(f"[bold]recalled:[/bold] {_plain(episode.recall) or 'nothing'}", soft_wrap=True)
    for number, step in enumerate(trajectory.steps, 1):
        time.sleep(delay)
        out.print(f"[bold]{number:3d} > {_plain(step.action)}[/bold]", soft_wrap=True)
        _show(step, out)
    told = "solved" if trajectory.outcome.success else "not solved"
    reward = trajectory.outcome.reward
    out.print(f"[bold]{told}[/bold] in {len(trajectory.steps)} steps, reward {reward:.2f}")


def _ask(out: Console, number: int) -> str | None:
    """The next line of standard input; None at its end. Without a terminal the line is echoed."""
    out.print(f"[bold]{number:3d} > [/bold]", end="")
    line = sys.stdin.readline()
    if not line:
        out.print()
        return None
    if not sys.stdin.isatty():
        out.print(_plain(line.strip()))
    return line.strip()


def _show(step: Step, out: Console) -> None:
    out.print(_plain(step.observation), soft_wrap=True)
    if step.error:
        out.print(f"[dim]not accepted: {_plain(step.error)}[/dim]", soft_wrap=True)


def _plain(text: str) -> str:
    """Foreign text, in which nothing is Rich's markup either."""
    return escape(visible(text))
