"""Every option that more than one command has, defined once, and how they become a RunConfig.

Settings come from, weakest first: preset, config file, environment (ALMA_*), flags. The environment
is read here and nowhere else.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_origin, get_type_hints

import typer

from alma.learning.config import RunConfig
from alma.records import JSON, ConfigError

DomainName = Annotated[
    str | None, typer.Option("--domain", envvar="ALMA_DOMAIN", help="Domain, e.g. alfworld:households.")
]
AgentName = Annotated[
    str | None,
    typer.Option("--agent", envvar="ALMA_AGENT", help="Executor: reader (simulated, offline) or a plug-in."),
]
Seed = Annotated[int | None, typer.Option("--seed", envvar="ALMA_SEED", help="Seed of every random choice.")]
Mode = Annotated[
    str | None,
    typer.Option("--mode", envvar="ALMA_MODE", help="frozen (memory fixed while deployed) or online."),
]
CollectSize = Annotated[
    int | None, typer.Option("--collect-size", envvar="ALMA_COLLECT_SIZE", help="Collected episodes.")
]
Repeats = Annotated[
    int | None, typer.Option("--repeats", envvar="ALMA_REPEATS", help="Episodes on each deployed level.")
]
StepLimit = Annotated[
    int | None, typer.Option("--step-limit", envvar="ALMA_STEP_LIMIT", help="Steps an episode may take.")
]
RecallLimit = Annotated[
    int | None,
    typer.Option(
        "--recall-limit", envvar="ALMA_RECALL_LIMIT", help="Characters of recall an agent is shown."
    ),
]
Collections = Annotated[
    int | None,
    typer.Option(
        "--collections", envvar="ALMA_COLLECTIONS", help="Independent collections of held-out tables."
    ),
]
Sandbox = Annotated[str | None, typer.Option("--sandbox", envvar="ALMA_SANDBOX", help="auto or process.")]
Workers = Annotated[
    int | None, typer.Option("--workers", envvar="ALMA_WORKERS", help="Environment processes; 0: one a core.")
]
Preset = Annotated[
    str | None,
    typer.Option("--preset", envvar="ALMA_PRESET", help="default, paper, smoke, demo or demo-textworld."),
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Domain option, e.g. alfworld.habit=0; repeatable.")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", envvar="ALMA_CONFIG", help="TOML file with these options as keys.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

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


STEP_PRESETS = ("paper", "smoke")
"""Presets that have step limits of their own; every domain knows them."""


def run_config(
    preset: str | None,
    config_file: Path | None,
    settings: list[str] | None,
    defaults: Mapping[str, Any] | None = None,
    **flags: Any,
) -> RunConfig:
    """The configuration that these options ask for. Raises ConfigError for any that is wrong."""
    filed = _from_file(config_file) if config_file is not None else {}
    preset = preset or str(filed.get("preset", "default"))
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    values: dict[str, Any] = {**(defaults or {}), **PRESETS[preset], **filed}
    values |= {name: value for name, value in flags.items() if value is not None}
    values["preset"] = preset if preset in STEP_PRESETS else "default"
    if not values.get("domain"):
        raise ConfigError("no domain: give one with --domain; see: alma domains list")
    if values.get("mode") not in (None, "frozen", "online"):
        raise ConfigError(f"--mode must be frozen or online, not {values['mode']!r}")
    options = dict(values.pop("options", {})) | domain_options(str(values["domain"]), settings or [])
    return RunConfig(options=options, **values)


def domain_options(domain: str, settings: list[str]) -> dict[str, JSON]:
    """`alfworld.habit=0` as {"habit": 0}; the prefix must be the domain's. Adds the data folder."""
    base = domain.partition(":")[0]
    options: dict[str, JSON] = {}
    if domain == "alfworld" and (data := os.environ.get("ALFWORLD_DATA")):
        options["data"] = data
    for setting in settings:
        name, equals, text = setting.partition("=")
        prefix, dot, key = name.partition(".")
        if not equals or not dot or not key:
            raise ConfigError(f"--set {setting}: write it as {base}.NAME=VALUE")
        if prefix != base:
            raise ConfigError(
                f"--set {setting}: this run's domain is {domain}, so options begin with {base}."
            )
        options[key] = _value(text)
    return options


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
    if hint == float | None:
        return (int, float), "a number"
    return ((dict,), "a table") if get_origin(hint) is Mapping else ((str,), "text")
