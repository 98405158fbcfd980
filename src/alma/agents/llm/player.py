"""`--agent llm`: a language model plays, told the goal, what it sees, what it may do, and what was recalled.

The same loop for every design and domain. Prompts are the files beside this one; their hash is in every
evaluation's identity. What a model may not do here: see a score, or end a run by its nonsense.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from alma.agents.contract import Game, Recalled
from alma.agents.llm.answers import command_of
from alma.models.contract import Message, Model, Request
from alma.records import JSON, ConfigError
from alma.records.prompt import load_prompts, prompts_version

Style = Literal["action", "reason", "tool", "choose"]
HISTORY_LEAST = 2


@dataclass(frozen=True, slots=True)
class LlmOptions:
    """`answer`: the command alone, after a thought, in a JSON object, or one of the possible commands as what
    follows a plain transcript without instructions (for small models). `history`: how many of the last
    steps are told again, 0 for all (as published). `max_tokens` caps an answer, reasoning included."""

    answer: Style = "action"
    history: int = 0
    max_tokens: int = 4096
    commands: bool = True
    """Whether the possible commands are listed, where the game knows them."""
    again: bool = True
    """Whether a command may be chosen again where the game looks as it did then (`choose` only)."""

    @classmethod
    def of(cls, options: Mapping[str, JSON]) -> LlmOptions:
        """Raises ConfigError for an unknown option or a value that it can't have."""
        for name in options:
            if name not in cls.__annotations__:
                raise ConfigError(f"llm has no option {name!r}; it has {', '.join(cls.__annotations__)}")
        made = cls(**options)  # type: ignore[arg-type]
        if made.answer not in get_args(Style):
            raise ConfigError(f"llm.answer must be {', '.join(get_args(Style))}, not {made.answer!r}")
        for name, least in (("history", 0), ("max_tokens", 1)):
            value = getattr(made, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"llm.{name} must be a whole number from {least}, not {value!r}")
        if 0 < made.history < HISTORY_LEAST:
            raise ConfigError(f"llm.history must be 0 (all) or at least {HISTORY_LEAST}, not {made.history}")
        for name in ("commands", "again"):
            if not isinstance(getattr(made, name), bool):
                raise ConfigError(f"llm.{name} must be true or false, not {getattr(made, name)!r}")
        if made.answer == "choose" and not made.commands:
            raise ConfigError("llm.answer=choose needs the possible commands: leave llm.commands out")
        if made.answer != "choose" and not made.again:
            raise ConfigError("llm.again=false needs llm.answer=choose")
        return made


ABOUT = """\
The agent is a language model. It is told the goal, what it sees, the possible commands where the
game lists them, and the recall as notes from earlier episodes, before its first command; what
on_step returns replaces the notes later. It answers with one command a step and sees the whole
episode so far.
"""


class LlmAgent:
    """An executor (`alma.agents.contract.Agent`) for one domain, whose `brief` it is told."""

    name = "llm"
    simulated = False
    about = ABOUT
    runs_in: Literal["host", "worker"] = "host"

    def __init__(self, brief: str, options: LlmOptions | None = None) -> None:
        self._brief, self._options = brief, options or LlmOptions()
        self._prompts = load_prompts(__package__ or "")
        settings = " ".join(str(getattr(self._options, name)) for name in LlmOptions.__annotations__)
        self.version = f"2 {prompts_version(self._prompts)} {settings}"
        self._chooses = self._options.answer == "choose"

    async def play(self, game: Game, recalled: Recalled, model: Model | None, seed: int) -> None:
        """Ends early, with the reward reached so far, when the model refuses or its context is full."""
        if model is None:
            raise ConfigError("the executor llm needs a model: give --execution-model")
        talk = _Talk("" if self._chooses else self._rules(game), self._options.history)
        given: set[tuple[str, str]] = set()
        while not game.over:
            fresh = await recalled.on_step(tuple(game.steps))
            talk.hear(*self._told(game, fresh if game.steps else fresh or recalled.text))
            possible = game.admissible if self._options.commands else None
            if self._chooses and not possible:
                raise ConfigError("llm.answer=choose needs a game that lists its commands; this one doesn't")
            seen = game.steps[-1].observation if game.steps else game.first.text
            if not self._options.again:
                possible = tuple(c for c in possible or () if (seen, c) not in given) or possible
            request = Request(
                talk.messages(),
                self._options.max_tokens,
                schema=_tool(possible) if self._options.answer == "tool" else None,
                choices=(possible or ()) if self._options.answer in ("action", "choose") else (),
            )
            reply = await model.ask(request, key=str(len(game.steps)))
            if reply.finish in ("refusal", "overflow"):
                return
            talk.say(reply.text)
            command = command_of(reply.text, possible)
            given.add((seen, command))
            await game.act(command)

    def _rules(self, game: Game) -> str:
        how = self._prompts[f"format_{self._options.answer}"].text.strip()
        return self._prompts["system"].render(brief=self._brief, steps=str(game.steps_left), format=how)

    def _told(self, game: Game, memory: str | None) -> tuple[str, str]:
        """The next message with the possible commands, and without them, as it stands once it is past."""
        kind, slots = "first", {"goal": game.first.goal, "observation": game.first.text}
        if game.steps:
            last = game.steps[-1]
            kind, slots = "step", {"observation": last.observation, "error": last.error or ""}
        slots["memory"] = memory or ""
        if self._chooses:
            told = self._prompts[f"choose_{kind}"].render(**slots)
            return told, told
        if game.steps:
            slots["left"] = _left(game)
        commands = "\n".join((game.admissible or ()) if self._options.commands else ())
        now, later = (self._prompts[kind].render(**slots, commands=listed) for listed in (commands, ""))
        return now, later


class _Talk:
    """The conversation. Past messages never change, so that a server's prefix cache serves them.

    With a window, the oldest steps are dropped by half a window at a time: only then is the prefix new.
    """

    def __init__(self, system: str, window: int) -> None:
        self._system, self._window = system, window
        self._past: list[tuple[str, str]] = []
        self._now = self._later = ""

    def hear(self, now: str, later: str) -> None:
        self._now, self._later = now, later

    def say(self, answer: str) -> None:
        self._past.append((self._later, answer))

    def messages(self) -> tuple[Message, ...]:
        told = [Message("system", self._system)] if self._system else []
        for heard, said in self._kept():
            told += [Message("user", heard), Message("assistant", said)]
        return (*told, Message("user", self._now))

    def _kept(self) -> Sequence[tuple[str, str]]:
        """All, or the first one (with goal and recall) and the last ones."""
        past, window = self._past, self._window
        if not window or len(past) <= window + 1:
            return past
        half = max(1, window // 2)
        dropped = -(-(len(past) - 1 - window) // half) * half
        heard, said = past[1 + dropped]
        left_out = f"({dropped} steps are left out here.)\n\n{heard}"
        return [past[0], (left_out, said), *past[2 + dropped :]]


def _left(game: Game) -> str:
    """Said only when it is time to hurry, so that it costs nothing before."""
    return str(game.steps_left) if game.steps_left <= 5 or game.steps_left % 10 == 0 else ""


def _tool(possible: Sequence[str] | None) -> Mapping[str, JSON]:
    command: dict[str, JSON] = {"type": "string"}
    if possible:
        command["enum"] = list(possible)
    return {
        "type": "object",
        "properties": {"thought": {"type": "string"}, "command": command},
        "required": ["thought", "command"],
        "additionalProperties": False,
    }
