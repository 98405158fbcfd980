"""`inbox:DIR`: a person or an agent is the model. Requests are readable files, and so are the answers.

All requests of a moment go into one file, `requests/0001.md`; a conversation that goes on shows its new
messages only. The run waits for `answers/` as long as it takes; answers that came while it was stopped are
found when it goes on. Not for anything that has an address: that is a server.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from alma.models.contract import Message, Reply, Request
from alma.records import ConfigError, ProviderError, Usage, content_hash

GATHER_SECONDS = 0.3
"""A tick: a file is written when no request has come for that long."""
POLL_SECONDS = 0.2
CHARACTERS_A_TOKEN = 4
MOST_REPEATED = 400
"""Characters of a message that is told again in the same file."""

HOW = """# How to answer

A run of ALMA asks here and waits. Each file in `requests/` holds one or more requests, each under a line
`=== request ID ===`. Read them all, then write the answers, in whichever of these ways is easiest:

- `answers/ID.md`: the whole file is the answer to that request;
- `answers/0001.md` (the number of the request file): the answers one after the other, each under a line
  `=== answer ID ===`;
- `answers/0001.json`: an object whose keys are the IDs and whose values are the answers, as texts.

Write a file under another name first and rename it, or write it at one go: it is read as soon as it is there.
Answer from what the requests say alone. Answers are kept, and read again when the run is resumed or replayed.
A request that says "goes on from" continues that conversation: what was said there still stands.
"""

_ANSWER = re.compile(r"^=== answer ([0-9a-f]{8}(?:-\d+)?) ===\s*$", re.MULTILINE)
_NAME = re.compile(r"[0-9a-f]{8}(?:-\d+)?")


@dataclass(slots=True)
class _Waiting:
    id: str
    request: Request
    answer: asyncio.Future[str]


@dataclass(slots=True, eq=False)
class Inbox:
    """A model behind a folder (`alma.models.contract.Provider`). One object a folder and process."""

    folder: Path
    tell: Callable[[int, Path], None] = lambda count, file: None
    """Hears of each file that was written: how many requests are in it, and where it is."""
    _asked: Counter[str] = field(default_factory=Counter)
    _told: dict[tuple[Message, ...], str] = field(default_factory=dict)
    _answered: dict[str, str] = field(default_factory=dict)
    _new: list[_Waiting] = field(default_factory=list)
    _open: dict[str, _Waiting] = field(default_factory=dict)
    _clerk: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        try:
            for name in ("requests", "answers"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            (self.folder / "README.md").write_text(HOW, encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"inbox:{self.folder}: {error.strerror}; give a folder that can be written"
            ) from error

    @property
    def name(self) -> str:
        return f"inbox:{self.folder.name}"

    def worst_case(self, request: Request) -> Usage:
        return Usage(1, _tokens(*(message.content for message in request.messages)), request.max_tokens)

    async def complete(self, request: Request) -> Reply:
        """Wait for the answer, however long it takes."""
        name = content_hash(asdict(request), 8)
        self._asked[name] += 1
        identity = name if self._asked[name] == 1 else f"{name}-{self._asked[name]}"
        waiting = _Waiting(identity, request, asyncio.get_running_loop().create_future())
        self._new.append(waiting)
        self._open[identity] = waiting
        if self._clerk is None or self._clerk.done():
            self._clerk = asyncio.create_task(self._attend())
            self._clerk.add_done_callback(self._relieve)
        try:
            text = await waiting.answer
        finally:
            self._open.pop(identity, None)
            if waiting in self._new:
                self._new.remove(waiting)
        self._told[request.messages] = identity
        self._answered[identity] = text
        prompt = _tokens(*(message.content for message in request.messages))
        return Reply(text, Usage(1, prompt, _tokens(text)))

    async def _attend(self) -> None:
        """Write what was asked and look for answers, as long as anybody waits."""
        quiet, seen = 0.0, -1
        while self._open:
            answers = dict(self._answers())
            for waiting in list(self._open.values()):
                if waiting.id in answers and not waiting.answer.done():
                    waiting.answer.set_result(answers[waiting.id])
                    if waiting in self._new:
                        self._new.remove(waiting)
            quiet = quiet + POLL_SECONDS if len(self._new) == seen else 0.0
            seen = len(self._new)
            if self._new and quiet >= GATHER_SECONDS:
                self._write(self._new)
                self._new, seen, quiet = [], -1, 0.0
            await asyncio.sleep(POLL_SECONDS)

    def _relieve(self, clerk: asyncio.Task[None]) -> None:
        """A clerk that failed (the folder is gone, the disk is full) ends everybody's waiting."""
        error = None if clerk.cancelled() else clerk.exception()
        if error is not None:
            for waiting in self._open.values():
                if not waiting.answer.done():
                    waiting.answer.set_exception(ProviderError(f"{self.name}: {error}"))

    def _write(self, asked: list[_Waiting]) -> None:
        """One file for all of them, under the next free number; whole or not there."""
        folder = self.folder / "requests"
        numbers = [int(path.stem) for path in folder.glob("*.md") if path.stem.isdecimal()]
        number = f"{max(numbers, default=0) + 1:04}"
        head = (
            f"# {len(asked)} request{'s' * (len(asked) > 1)}; answer in answers/{number}.md, see README.md\n"
        )
        above: dict[Message, str] = {}
        body = "\n".join([head, *(self._shown(waiting, above) for waiting in asked)])
        draft = folder / f".{number}.draft"
        draft.write_bytes(body.encode("utf-8", "replace"))
        draft.rename(folder / f"{number}.md")
        self.tell(len(asked), folder / f"{number}.md")

    def _shown(self, waiting: _Waiting, above: dict[Message, str]) -> str:
        """The request as text; long messages that stand `above` in the file already are not told again."""
        request = waiting.request
        past, identity = self._goes_on(request.messages)
        lines = [f"=== request {waiting.id} ===" + (f" goes on from {identity}" if identity else ""), ""]
        for message in request.messages[past:]:
            known = above.setdefault(message, waiting.id)
            told = message.content
            if known != waiting.id and len(told) > MOST_REPEATED:
                told = f"(the same as the {message.role} message of request {known})"
            lines += [f"--- {message.role} ---", told, ""]
        if request.schema is not None:
            lines += ["--- answer with JSON of this schema ---", json.dumps(request.schema), ""]
        return "\n".join(lines)

    def _goes_on(self, messages: tuple[Message, ...]) -> tuple[int, str]:
        """How many of these messages an earlier request and its answer have told already, and its id.

        The end of the earlier request's last message may be gone by now.
        """
        for size in range(len(messages) - 2, 0, -1):
            if messages[size].role != "assistant":
                continue
            for earlier, identity in self._told.items():
                if len(earlier) != size or self._answered[identity] != messages[size].content:
                    continue
                if earlier[:-1] == messages[: size - 1] and _began(earlier[-1], messages[size - 1]):
                    return size + 1, identity
        return 0, ""

    def _answers(self) -> Iterator[tuple[str, str]]:
        for path in sorted((self.folder / "answers").iterdir()):
            if path.suffix not in (".md", ".json") or path.name.startswith("."):
                continue
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                # Being renamed or written just now; it is read at the next look.
                continue
            if path.suffix == ".json":
                yield from _from_json(text)
            elif _NAME.fullmatch(path.stem):
                if text.strip():
                    yield path.stem, text.strip()
            else:
                yield from _from_blocks(text)


def _began(before: Message, now: Message) -> bool:
    return bool(now.content) and before.content.startswith(now.content)


def _from_json(text: str) -> Iterator[tuple[str, str]]:
    """Nothing of a file that is not whole yet."""
    try:
        found = json.loads(text)
    except ValueError:
        return
    if isinstance(found, dict):
        yield from ((str(key), value) for key, value in found.items() if isinstance(value, str))


def _from_blocks(text: str) -> Iterator[tuple[str, str]]:
    parts = _ANSWER.split(text)
    for identity, answer in zip(parts[1::2], parts[2::2], strict=True):
        if answer.strip():
            yield identity, answer.strip()


def _tokens(*texts: str) -> int:
    """An estimate: nobody counts them here."""
    return sum(len(text) for text in texts) // CHARACTERS_A_TOKEN + 1
