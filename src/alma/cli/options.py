"""Every option that more than one command has, defined once, and how they become a RunConfig.

Settings come from, weakest first: preset, config file, environment (ALMA_*), flags. The environment
is read here and nowhere else.
"""

from __future__ import annotations

import inspect
import json
import os
import tomllib
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_origin, get_type_hints

import typer

from alma.experiments.folder import SPEED
from alma.learning.config import RunConfig
from alma.records import JSON, ConfigError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AsEvents = Annotated[
    bool, typer.Option("--json", help="Print an event a line as JSON; the last one holds the summary.")
]
Callbacks = Annotated[
    list[str] | None,
    typer.Option("--callback", help="Hears every event: MODULE:NAME, or a plug-in's name; repeatable."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Spend without asking first.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Delete an earlier run in that folder first.")]


def _setting(kind: Any, name: str, about: str) -> Any:
    """An option of a search: `--name`, or ALMA_NAME in the environment; None when it is not given."""
    variable = f"ALMA_{name.upper().replace('-', '_')}"
    return Annotated[kind | None, typer.Option(f"--{name}", envvar=variable, help=about)]


Workers = Annotated[
    int | None, typer.Option("--workers", envvar="ALMA_WORKERS", help="Environment processes; 0: one a core.")
]
SEARCH: Mapping[str, Any] = {
    "domain": _setting(str, "domain", "Domain, e.g. alfworld:households."),
    "agent": _setting(
        str, "agent", "Executor: llm, reader (simulated, offline), or a plug-in. Default: llm with a model."
    ),
    "collect_agent": _setting(str, "collect-agent", "Another executor for the collected episodes: reader."),
    "execution_model": _setting(str, "execution-model", "The executor's model, e.g. gpt-5-nano/low."),
    "meta_model": _setting(str, "meta-model", "The meta agent's model, e.g. gpt-5, or inbox:DIR."),
    "small_model": _setting(str, "small-model", "For designs' own small calls. Default: the executor's."),
    "strong_model": _setting(str, "strong-model", "For designs' own strong calls. Default: the small one."),
    "base_url": _setting(
        str, "base-url", "Address of an OpenAI-compatible server, in place of the usual one."
    ),
    "model_concurrency": _setting(int, "model-concurrency", "Calls in flight to one model at most."),
    "embedder": _setting(
        str, "embedder", "For designs' vectors: auto, minilm, hashed, none, or a server's model."
    ),
    "proposer": _setting(
        str,
        "proposer",
        "llm (with --meta-model), llm-chain, grammar (offline), best-of-n, random-parent, instructions, or "
        'command:"PROGRAM" (a coding agent).',
    ),
    "start_from": _setting(
        list[str], "start-from", "Design that the archive begins with: name, file or RUN:ID; repeatable."
    ),
    "selector": _setting(str, "selector", "rank, alma (as published), greedy, random, posterior or pareto."),
    "schedule": _setting(
        str, "schedule", "generational (deterministic) or steady (no barrier between steps)."
    ),
    "racing": _setting(
        float, "racing", "Stop candidates that fall behind, at this chance of error, e.g. 0.05; 0: none."
    ),
    "steps": _setting(int, "steps", "Search steps."),
    "children": _setting(int, "children", "Parents drawn a step, one child each."),
    "mode": _setting(str, "mode", "frozen (memory fixed while deployed) or online."),
    "collect_size": _setting(int, "collect-size", "Collected episodes."),
    "deploy_size": _setting(int, "deploy-size", "Levels each candidate is scored on."),
    "validation_size": _setting(int, "validation-size", "Fresh levels for finalists."),
    "finalists": _setting(int, "finalists", "Designs that are validated."),
    "repeats": _setting(int, "repeats", "Episodes on each deployed level."),
    "held_out_size": _setting(int, "held-out-size", "Levels a test split of the final tables; 0: none."),
    "held_out_repeats": _setting(int, "held-out-repeats", "Episodes on each test level."),
    "collections": _setting(int, "collections", "Independent collections of held-out tables."),
    "controls": _setting(int, "controls", "Random designs in the tables; 0: no controls."),
    "step_limit": _setting(int, "step-limit", "Steps an episode may take."),
    "recall_limit": _setting(int, "recall-limit", "Characters of recall an agent is shown."),
    "seed": _setting(int, "seed", "Seed of every random choice."),
    "concurrency": _setting(int, "concurrency", "Candidates in flight at once."),
    "workers": Workers,
    "budget_episodes": _setting(int, "budget-episodes", "Episodes the search may play."),
    "budget_calls": _setting(int, "budget-calls", "Model calls the search may make."),
    "budget_tokens": _setting(int, "budget-tokens", "Tokens the search may use."),
    "budget_usd": _setting(float, "budget-usd", "US dollars the search may spend."),
    "budget_minutes": _setting(float, "budget-minutes", "Minutes the search may take."),
    "sandbox": _setting(
        str, "sandbox", "Where designs run: auto, namespaces, landlock, container, or unsafe (no walls)."
    ),
}
"""The options of a search, by the name of the setting in RunConfig."""

Set = Annotated[
    list[str] | None, typer.Option("--set", help="Domain option, e.g. alfworld.habit=0; repeatable.")
]
PACE: Mapping[str, Any] = {name: hint for name, hint in SEARCH.items() if name in SPEED}
"""Options that may differ when a run goes on."""

SOURCES: Mapping[str, Any] = {
    "preset": _setting(str, "preset", "default, paper, smoke, demo or demo-textworld."),
    "set_": Set,
    "config": _setting(Path, "config", "TOML file with these options as keys."),
    "hint_file": _setting(Path, "hint", "File with advice for the meta agent."),
}
"""Where settings come from besides flags."""


def settings(
    names: Mapping[str, Any], sources: Mapping[str, Any] = SOURCES
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these options and sources; their values reach it as the dict `given`."""
    shared = {**names, **sources}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        own = [p for name, p in inspect.signature(command).parameters.items() if name != "given"]

        @wraps(command)
        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in shared}
            command(given=given, **values)

        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [p.replace(annotation=hints[p.name], kind=keyword) for p in own]
        parameters += [
            inspect.Parameter(name, keyword, default=None, annotation=hint) for name, hint in shared.items()
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "paper": {"selector": "alma", "steps": 10, "children": 5, "repeats": 3},
    "smoke": {
        "domain": "alfworld:households",
        "steps": 2,
        "children": 3,
        "collect_size": 30,
        "deploy_size": 12,
        "validation_size": 12,
        "finalists": 2,
        "repeats": 1,
    },
    "demo": {
        "domain": "alfworld:households",
        "steps": 10,
        "children": 8,
        "collect_size": 150,
        "deploy_size": 60,
        "validation_size": 120,
        "finalists": 5,
        "repeats": 2,
        "held_out_size": 240,
        "held_out_repeats": 2,
        "collections": 3,
        "controls": 10,
    },
    "demo-textworld": {
        "domain": "textworld:fetch",
        "steps": 5,
        "children": 8,
        "collect_size": 120,
        "deploy_size": 40,
        "validation_size": 64,
        "finalists": 4,
        "repeats": 2,
        "held_out_size": 128,
        "held_out_repeats": 1,
        "collections": 3,
        "controls": 5,
    },
}


DATA: Mapping[str, tuple[str, str]] = {
    "alfworld": ("ALFWORLD_DATA", "alfworld"),
    "minihack": ("BOXOBAN_DATA", "boxoban"),
    "textworld": ("TEXTWORLD_DATA", "textworld"),
}
"""Where a domain's data lies: an environment variable, else the folder of what `domains data` fetched."""


CACHED = ("textworld",)
"""Domains that keep what they compile in the user's cache; elsewhere than in ~/.cache where that is set."""


def data_folder(source: str) -> Path:
    """Where `alma domains data` puts what it fetches unless told otherwise."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return Path(base) / "alma" / source


STEP_PRESETS = ("paper", "smoke")
"""Presets that have step limits of their own; every domain knows them."""


def run_config(given: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> RunConfig:
    """The configuration that the options of `settings` ask for. Raises ConfigError for any that is wrong."""
    flags = {name: value for name, value in given.items() if name not in SOURCES}
    file = given.get("config")
    filed = _from_file(file) if file is not None else {}
    preset = given.get("preset") or str(filed.get("preset", "default"))
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    values: dict[str, Any] = {**(defaults or {}), **PRESETS[preset], **filed}
    values |= {name: value for name, value in flags.items() if value is not None}
    values["preset"] = preset if preset in STEP_PRESETS else "default"
    if not values.get("domain"):
        raise ConfigError("no domain: give one with --domain; see: alma domains list")
    if values.get("mode") not in (None, "frozen", "online"):
        raise ConfigError(f"--mode must be frozen or online, not {values['mode']!r}")
    if values.get("schedule") not in (None, "generational", "steady"):
        raise ConfigError(f"--schedule must be generational or steady, not {values['schedule']!r}")
    if given.get("hint_file") is not None:
        values["hint"] = _text(given["hint_file"])
    if values.get("meta_model"):
        values.setdefault("proposer", "llm")
    if values.get("execution_model"):
        values.setdefault("agent", "llm")
    agent = str(values.get("agent") or "reader")
    asked = given.get("set_") or []
    own = [one for one in asked if one.partition(".")[0] == agent]
    priced = [one for one in asked if one.startswith("price.")]
    options = dict(values.pop("options", {}))
    options |= domain_options(str(values["domain"]), [one for one in asked if one not in own + priced], agent)
    agent_options = dict(values.pop("agent_options", {})) | named_values(own)
    if agent == "llm" and str(values.get("execution_model")).startswith("local:"):
        # So small a model can't follow instructions; it can continue a transcript.
        agent_options = {"answer": "choose", **agent_options}
    values["prices"] = dict(values.get("prices", {})) | named_values(priced)
    values["start_from"] = tuple(values.get("start_from", ()))
    return RunConfig(options=options, agent_options=agent_options, **values)


def domain_options(domain: str, settings: list[str], agent: str = "") -> dict[str, JSON]:
    """`alfworld.habit=0` as {"habit": 0}; the prefix must be the domain's. Adds the data folder."""
    base = domain.partition(":")[0]
    options: dict[str, JSON] = {}
    if domain in DATA:
        variable, source = DATA[domain]
        fetched = data_folder(source)
        if data := os.environ.get(variable) or (str(fetched) if fetched.is_dir() else ""):
            options["data"] = data
    if domain in CACHED and (cache := os.environ.get("XDG_CACHE_HOME")):
        options["cache"] = str(Path(cache) / "alma" / domain)
    for setting in settings:
        name, equals, text = setting.partition("=")
        prefix, dot, key = name.partition(".")
        if not equals or not dot or not key:
            raise ConfigError(f"--set {setting}: write it as {base}.NAME=VALUE")
        if prefix != base:
            raise ConfigError(
                f"--set {setting}: this run's domain is {domain}, so options begin with {base}."
                + (f" (or {agent}. for the executor's)" if agent else "")
            )
        options[key] = _value(text)
    return options


def named_values(settings: list[str]) -> dict[str, JSON]:
    """`llm.answer=reason` as {"answer": "reason"}."""
    named: dict[str, JSON] = {}
    for setting in settings:
        name, equals, text = setting.rpartition("=")
        key = name.partition(".")[2]
        if not equals or not key:
            raise ConfigError(f"--set {setting}: write it as {name.partition('.')[0]}.NAME=VALUE")
        named[key] = _value(text)
    return named


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {getattr(error, 'strerror', None) or error}") from error


def _value(text: str) -> JSON:
    try:
        value: JSON = json.loads(text)
    except ValueError:
        return text
    return value


def _from_file(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    values = {name.replace("-", "_"): value for name, value in data.items()}
    hints = get_type_hints(RunConfig)
    for name, value in values.items():
        if name not in hints:
            raise ConfigError(f"{path}: unknown option {name!r}")
        kind, called = _kind(hints[name])
        if isinstance(value, bool) or not isinstance(value, kind):
            raise ConfigError(f"{path}: {name} must be {called}, not {value!r}")
    return values


def _kind(hint: Any) -> tuple[tuple[type, ...], str]:
    """What a value in a file must be for an option of this type."""
    if hint in (int, int | None):
        return (int,), "a whole number"
    if hint in (float, float | None):
        return (int, float), "a number"
    if get_origin(hint) is tuple:
        return (list,), "a list"
    return ((dict,), "a table") if get_origin(hint) is Mapping else ((str,), "text")
