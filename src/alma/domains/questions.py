"""A domain from questions and answers: one-step tasks with a scorer, for agents that don't play games.

    domain = Questions("capitals", {"train": [Question("1", "Capital of France?", ("Paris",))], ...})

The agent's one action is its answer. What follows tells the right one, so that a memory can learn from it.
Not for conversations or tools: those are environments of their own.
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from alma.domains.contract import DomainBrief, Options
from alma.records import (
    SPLITS,
    ConfigError,
    DomainError,
    Level,
    Observation,
    Outcome,
    Split,
    Step,
    Task,
    content_hash,
)

Scorer = Callable[[str, Sequence[str]], float]
"""Scores an answer against the accepted ones, in [0, 1]. A plain function of a module, so that it pickles."""


@dataclass(frozen=True, slots=True)
class Question:
    """One task. `choices` makes it multiple choice; `group` is the statistics' unit (a topic, a document)."""

    id: str
    text: str
    answers: tuple[str, ...]
    choices: tuple[str, ...] = ()
    group: str = ""


def exact(answer: str, accepted: Sequence[str]) -> float:
    """1 when the answer is an accepted one but for case, punctuation and articles."""
    return float(any(_plain(answer) == _plain(one) for one in accepted))


def overlap(answer: str, accepted: Sequence[str]) -> float:
    """The best F1 over words, as in SQuAD's evaluation."""
    return max((_f1(_plain(answer).split(), _plain(one).split()) for one in accepted), default=0.0)


def read_questions(path: Path) -> dict[Split, list[Question]]:
    """Questions from a file with a JSON object a line: id, split, question, answers, and choices and group.

    Raises ConfigError that names the line when one can't be read.
    """
    found: dict[Split, list[Question]] = {split: [] for split in SPLITS}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row: dict[str, Any] = json.loads(line)
            answers = row["answers"] if isinstance(row["answers"], list) else [row["answers"]]
            question = Question(
                str(row["id"]),
                str(row["question"]),
                tuple(map(str, answers)),
                tuple(map(str, row.get("choices", ()))),
                str(row.get("group", "")),
            )
            found[row["split"]].append(question)
        except (ValueError, KeyError, TypeError) as error:
            told = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ConfigError(f"{path}, line {number}: {told}") from error
    return found


@dataclass(frozen=True)
class Questions:
    """A domain of questions. Picklable as long as `scorer` is a function of a module."""

    name: str
    questions: Mapping[Split, Sequence[Question]]
    scorer: Scorer = exact
    primary: Literal["success", "reward"] = "success"
    generated: bool = False
    brief_text: str = "You answer one question. Your action is the answer itself, as short as possible."
    options: Options = field(default_factory=dict)
    seeded_levels: bool = False

    @property
    def version(self) -> str:
        rows = [
            [split, q.id, q.text, list(q.answers), list(q.choices)]
            for split in SPLITS
            for q in self.questions.get(split, ())
        ]
        return content_hash([self.scorer.__qualname__, rows], 12)

    def step_limit(self, preset: str) -> int:
        if preset not in ("default", "paper", "smoke"):
            raise ConfigError(f"unknown preset {preset!r}; presets: default, paper, smoke")
        return 1

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(self.name, q.id, split, q.group) for q in self.questions.get(split, ())]

    def cluster(self, level: Level) -> str:
        """The question's group, or the question."""
        return self._question(level).group or level.task.id

    def content_key(self, level: Level) -> str:
        question = self._question(level)
        return content_hash([question.text, list(question.choices), list(question.answers)])

    def open(self, level: Level) -> QuestionEnvironment:
        return QuestionEnvironment(self._question(level), self.scorer)

    def brief(self) -> DomainBrief:
        return DomainBrief(
            self.brief_text,
            "Episodes are single questions: the goal is the question, the one action is the answer, and what "
            "follows tells the right answer. A memory helps by what it has learned from earlier questions.",
        )

    def _question(self, level: Level) -> Question:
        for question in self.questions.get(level.task.split, ()):
            if question.id == level.task.id:
                return question
        raise DomainError(f"{self.name} has no question {level.task.id!r}")


class QuestionEnvironment:
    """One question: the first action that is an answer ends it."""

    def __init__(self, question: Question, scorer: Scorer) -> None:
        self._question, self._scorer = question, scorer
        self._score: float | None = None

    def reset(self) -> Observation:
        self._score = None
        choices = "".join(f"\n- {choice}" for choice in self._question.choices)
        text = f"{self._question.text}{choices}"
        return Observation(text, self._question.text, self._question.choices or None)

    def step(self, action: str) -> Step:
        choices = self._question.choices
        if not action.strip() or (choices and action not in choices):
            told = "Give one of the choices, word by word." if choices else "Give an answer."
            return Step(action, told, choices or None, 0.0, False, "not an answer")
        self._score = float(self._scorer(action, self._question.answers))
        right = " / ".join(self._question.answers)
        told = "That is right." if self._score == 1 else f"The right answer is: {right}"
        return Step(action, told, (), self._score, True)

    def outcome(self) -> Outcome:
        score = self._score or 0.0
        return Outcome(score, score == 1.0)

    def close(self) -> None:
        pass


def _plain(text: str) -> str:
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def _f1(one: list[str], other: list[str]) -> float:
    common = sum((Counter(one) & Counter(other)).values())
    if not common:
        return float(one == other)
    return 2 * common / (len(one) + len(other))
