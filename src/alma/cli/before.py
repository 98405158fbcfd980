"""Before a run spends: what it will ask of its models, what that may cost, and whether to go on."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.markup import escape

from alma.cli.loop import run_async
from alma.cli.screen import Screen
from alma.experiments.estimate import ANSWER_SECONDS, ANSWER_TOKENS, Estimate, estimate
from alma.learning.config import RunConfig

TIGHTER = "give a larger budget, fewer episodes (--deploy-size, --repeats), or --racing 0.05"


def tell_and_ask(config: RunConfig, run: Path, *, yes: bool, searches: int = 1) -> None:
    """Print the estimate of a run that begins, and ask in a terminal when it costs money.

    Nothing for a run that goes on: its spending is known. Raises typer.Exit when the answer is no.
    """
    if (run / "archive.db").exists():
        return
    found = run_async(estimate(config))
    if found is None:
        return
    out = Screen(stderr=True, highlight=False)
    for line in lines(found, config, searches):
        out.print(line, soft_wrap=True)
    asks = not yes and found.usd[1] > 0 and sys.stdin.isatty() and out.is_terminal
    if asks and not typer.confirm("Go on?", default=True, err=True):
        raise typer.Exit(0)


def lines(found: Estimate, config: RunConfig, searches: int = 1) -> list[str]:
    """The estimate in words; `searches` of them make a study."""
    told = []
    each = "" if searches == 1 else f"each of {searches} searches: "
    for load in found.loads:
        cached = f", {load.cached / load.prompt:.0%} of its prompts repeated" if load.cached else ""
        tokens = (load.prompt + load.completion) / 1e6
        told.append(
            f"estimate: {each}{load.calls:,.0f} calls of {escape(load.model)}, "
            f"{tokens:,.1f} million tokens{cached}"
        )
    unknown = [load.model for load in found.loads if load.rates is None]
    low, high = found.usd
    money = f"${low:,.2f} to ${high:,.2f}" if high else "nothing to pay"
    if unknown:
        money += f", and what {escape(', '.join(unknown))} takes"
    told.append(
        f"estimate: {each}{money}; {found.hours:,.1f} hours; assumes {found.episode_steps:.0f} steps an "
        f"episode, {ANSWER_TOKENS} tokens and {ANSWER_SECONDS:g} s a command"
        if found.episode
        else f"estimate: {each}{money}; {found.hours:,.1f} hours of the meta agent"
    )
    if config.small_model or config.strong_model or config.execution_model:
        told.append("estimate: what designs ask models themselves comes on top; a budget counts it")
    if found.affordable is not None:
        least, most = found.affordable
        if most < found.candidates:
            holds = f"{least} to {most}" if least < most else f"{most}"
            told.append(f"the budget holds {holds} of {found.candidates} candidates")
        if found.too_few:
            told.append(f"[bold]warning[/bold]: too few candidates for a search; {TIGHTER}")
    return told
