"""The meta agent: one model that reads a design's code and episodes and writes a better design.

Reflect, plan and implement are one request (`once`) or three turns of one conversation (`chain`); a repair
goes on with the same conversation. Not here: whether a design is any good, which the ring finds out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from alma.models.contract import Message, Model, Reply, Request
from alma.proposers.contract import Inspiration, Means
from alma.proposers.llm.answers import PLAN_SCHEMA, code_in, fenced, part_of, plan_in
from alma.proposers.llm.evidence import Evidence
from alma.proposers.llm.sdk import reference
from alma.records import ConfigError, Failure, Proposal
from alma.records.prompt import load_prompts, prompts_version

MOST_TOKENS = 32_000
"""Of one answer, reasoning included: a design file has up to 15,000."""
MOST_TEXT = 4000
"""Characters of a fixed text (`instructions`)."""

Kind = Literal["once", "chain", "best-of-n", "instructions"]

TEXT_FILE = '''"""A fixed text, the same before every task."""

from alma.memory import JSON, Memory, Situation

TEXT = {text!r}


class Instructions(Memory):
    """Learns nothing."""

    async def retrieve(self, situation: Situation) -> JSON:
        return TEXT
'''


class LlmProposer:
    """Proposes by a language model (`alma.proposers.contract.Proposer`).

    Two kinds are controls: `best-of-n` writes every design as a first one, and `instructions` writes no
    memory but a fixed text that is shown before every task.
    """

    def __init__(self, means: Means, kind: Kind = "once") -> None:
        if means.model is None:
            raise ConfigError("this proposer needs a model: give --meta-model")
        self._means, self._gate, self._kind = means, means.model, kind
        self._blind = kind == "best-of-n"
        self._prompts = load_prompts(__package__ or "")
        self._extract: Callable[[str], str | None] = _text_file if kind == "instructions" else code_in

    @property
    def name(self) -> str:
        return f"{self._kind} {self._gate.name} prompts {prompts_version(self._prompts)}"

    async def propose(self, inspiration: Inspiration) -> Proposal:
        """Raises ProviderError and BudgetExceeded as its model does."""
        talk = _Talk(
            self._gate.at("proposal", str(inspiration.step), str(inspiration.index)), inspiration.seed
        )
        talk.tell("system", self._system())
        form = self._prompts["plan_form"].text.strip()
        if self._kind == "chain":
            talk.tell("user", self._task(inspiration, self._prompts["reflect"].text))
            reflection = (await talk.ask()).text
            talk.tell("user", self._prompts["plan"].render(plan_form=form))
            plan = plan_in((await talk.ask(PLAN_SCHEMA)).text)
            talk.tell("user", self._prompts["implement"].text.strip())
        elif self._kind == "instructions":
            talk.tell("user", self._task(inspiration, self._prompts["instructions"].text))
        else:
            talk.tell("user", self._task(inspiration, self._prompts["answer_once"].render(plan_form=form)))
        source, failure = await self._code(talk)
        if self._kind != "chain":
            answers = [message.content for message in talk.messages if message.role == "assistant"]
            reflection = next(filter(None, (part_of(text, "Reflection") for text in answers)), "")
            plan = next(filter(lambda found: found.changes, map(plan_in, answers)), plan_in(""))
        return Proposal(
            source,
            str(plan),
            reflection,
            plan.name,
            () if self._blind else tuple(row.id for row in inspiration.parents),
            {"expected_score": plan.expected_score} if plan.expected_score is not None else {},
            talk.transcript(),
            failure,
        )

    async def repair(self, proposal: Proposal, failure: Failure, inspiration: Inspiration) -> Proposal:
        talk = _Talk(
            self._gate.at("proposal", str(inspiration.step), str(inspiration.index)), inspiration.seed
        )
        talk.messages = messages_of(proposal.transcripts)
        talk.tell(
            "user",
            self._prompts["repair"].render(call=failure.call, message=failure.message, trace=failure.trace),
        )
        source, missing = await self._code(talk)
        return replace(proposal, source=source, transcripts=talk.transcript(), failure=missing)

    async def _code(self, talk: _Talk) -> tuple[str, Failure | None]:
        """The file in the answer; asked for once more when it is cut off or not there."""
        reply = await talk.ask()
        source = self._extract(reply.text)
        if source is None or reply.finish == "length":
            if reply.finish in ("refusal", "overflow"):
                return "", Failure("propose", _why(reply))
            talk.tell("user", self._prompts["again"].render(what=_why(reply)))
            reply = await talk.ask()
            source = self._extract(reply.text)
        if source is None or reply.finish == "length":
            return "", Failure("propose", _why(reply))
        return source, None

    def _system(self) -> str:
        limits = "\n".join(f"- {line}" for line in self._means.facts)
        if self._kind == "instructions":
            return self._prompts["system_text"].render(limits=limits)
        return self._prompts["system"].render(sdk=reference(), limits=limits)

    def _task(self, inspiration: Inspiration, how: str) -> str:
        evidence = Evidence(inspiration.archive)
        parents = () if self._blind else inspiration.parents
        return self._prompts["task"].render(
            brief=inspiration.brief,
            agent=self._means.agent,
            hint=self._means.hint,
            archive="" if self._blind else evidence.digest(parents),
            evidence=evidence.of(parents) if parents else evidence.first(),
            task="\n\n".join(
                filter(None, (self._what(parents, evidence), self._who(inspiration), how.strip()))
            ),
        )

    def _who(self, inspiration: Inspiration) -> str:
        """Children of one step don't see each other: all but the first are asked to differ."""
        if not inspiration.index or self._blind:
            return ""
        return self._prompts["author"].render(number=str(inspiration.index + 1))

    def _what(self, parents: Sequence[object], evidence: Evidence) -> str:
        """What is asked for, apart from the form of the answer."""
        if self._kind == "instructions":
            return ""
        if parents:
            name = "cross" if len(parents) > 1 else "improve"
        else:
            name = "fresh" if evidence.archive.designs() and not self._blind else "first"
        return self._prompts[name].text.strip()


class _Talk:
    """One conversation, whose calls have names of their own."""

    def __init__(self, model: Model, seed: int) -> None:
        self._model, self._seed = model, seed
        self.messages: list[Message] = []

    def tell(self, role: str, text: str) -> None:
        self.messages.append(Message("system" if role == "system" else "user", text))

    async def ask(self, schema: Mapping[str, object] | None = None) -> Reply:
        request = Request(tuple(self.messages), MOST_TOKENS, schema=schema)  # type: ignore[arg-type]
        reply = await self._model.ask(request, key=f"{self._seed}/{len(self.messages)}")
        self.messages.append(Message("assistant", reply.text))
        return reply

    def transcript(self) -> tuple[str, ...]:
        return tuple(json.dumps({"role": m.role, "content": m.content}) for m in self.messages)


def messages_of(transcripts: Sequence[str]) -> list[Message]:
    """The conversation that a proposal's transcripts hold."""
    return [Message(**json.loads(line)) for line in transcripts]


def _text_file(answer: str) -> str | None:
    """The answer's text as a design, or None when there is none or it is too long."""
    text = fenced(part_of(answer, "Text"))
    return TEXT_FILE.format(text=text) if 0 < len(text) <= MOST_TEXT else None


def _why(reply: Reply) -> str:
    return {
        "length": "The answer was cut off before its end.",
        "refusal": "The model refused to answer.",
        "overflow": "The request does not fit the model's context.",
        "stop": "The answer did not hold what was asked for, in its fence.",
    }[reply.finish]
