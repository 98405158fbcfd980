"""The server: chat completions, responses, embeddings and models, in one of several dialects.

Strict where the real servers are: an OpenAI reasoning model refuses `max_tokens` and a temperature, vLLM
takes structured outputs. Not a model: what is said comes from a function.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Literal

from alma.testing.server.mischief import Mischief, script

Dialect = Literal["openai", "vllm", "ollama"]
Answer = Callable[[list[dict[str, str]], Mapping[str, Any]], str]
"""The model: messages and the whole request in, text out."""

STATUS = {"429": 429, "429-bare": 429, "500": 500, "503": 503, "filter": 400, "overflow": 400, "quota": 429}
ERRORS: Mapping[str, dict[str, Any]] = {
    "429": {"message": "Rate limit reached, please try again", "code": "rate_limit_exceeded"},
    "429-bare": {"message": "Too many requests"},
    "500": {"message": "The server had an error while processing your request"},
    "503": {"message": "server busy, please try again. maximum pending requests exceeded"},
    "filter": {"message": "rejected as a result of our safety system", "code": "content_policy_violation"},
    "overflow": {
        "message": "This model's maximum context length is 8 tokens",
        "code": "context_length_exceeded",
    },
    "quota": {"message": "You exceeded your current quota", "code": "insufficient_quota"},
}


@dataclass(slots=True)
class Books:
    """What the server did. Tokens are words; only whole answers are charged, as the providers do it."""

    requests: int = 0
    served: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    most_at_once: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)


class LoopbackServer:
    """Listens on a free port of this machine; use as a context manager.

    `delay` is in seconds, from a request's last byte to its answer's first.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        dialect: Dialect = "openai",
        mischief: Mischief | None = None,
        delay: float = 0.0,
        retry_after: float = 0.05,
        key: str = "",
        at_once: int = 0,
    ) -> None:
        self.answer, self.dialect, self.delay = answer, dialect, delay
        self.mischief = mischief or script()
        self.retry_after, self.key, self.at_once = retry_after, key, at_once
        self.books = Books()
        self.lock, self.open = Lock(), 0
        self.closing = Event()
        self._http = _Http(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(_Handler):
            server_ = owner

        return Handler


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    server_: LoopbackServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # Headers and body go in one piece.

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def log_error(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "any", "object": "model"}]})

    def do_POST(self) -> None:
        server = self.server_
        data = self.rfile.read(int(self.headers["content-length"]))
        self._due = time.monotonic() + server.delay
        body = json.loads(data)
        with server.lock:
            number = server.books.requests
            server.books.requests += 1
            server.open += 1
            server.books.most_at_once = max(server.books.most_at_once, server.open)
            crowded = bool(server.at_once) and server.open > server.at_once
            server.books.bodies.append(body)
        try:
            kind = "429" if crowded else server.mischief(number)
            with server.lock:
                server.books.kinds[kind] = server.books.kinds.get(kind, 0) + 1
            self._serve(kind, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with server.lock:
                server.open -= 1

    def _serve(self, kind: str, body: dict[str, Any]) -> None:
        server = self.server_
        if server.key and self.headers.get("authorization") != f"Bearer {server.key}":
            told = f"Incorrect API key provided: {self.headers.get('authorization', '')[7:]}"
            self._send(401, {"error": {"message": told, "code": "invalid_api_key"}})
            return
        if kind == "reset":
            self.close_connection = True
            return
        if kind == "hang":
            server.closing.wait(60)
            self.close_connection = True
            return
        if kind in STATUS:
            headers = {"retry-after": f"{server.retry_after:g}"} if kind == "429" else {}
            self._send(STATUS[kind], {"error": {"type": "error", "param": None, **ERRORS[kind]}}, headers)
            return
        wrong = _wrong(server.dialect, self.path, body)
        if wrong is not None:
            self._send(
                400, {"error": {"type": "invalid_request_error", "code": "unsupported_parameter", **wrong}}
            )
            return
        if kind == "slow":
            self._due += 30
        if kind == "junk":
            self._wait()
            self._send_bytes(200, b"<html>upstream error</html>")
            return
        reply = self._reply(kind, body)
        self._wait()
        if kind == "cut":
            data = json.dumps(reply).encode()
            self._send_bytes(200, data[: len(data) // 2], length=len(data))
            self.close_connection = True
            return
        self._send(200, reply)

    def _wait(self) -> None:
        time.sleep(max(0.0, self._due - time.monotonic()))

    def _reply(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.path.endswith("/embeddings"):
            return self._embeddings(body)
        messages = [dict(one) for one in body.get("messages") or body["input"]]
        text = self.server_.answer(messages, body) if kind not in ("refusal", "empty") else ""
        if kind == "wrong-schema":
            text = json.dumps({"unexpected": [1, 2, 3]})
        if kind == "length":
            text = text[: len(text) // 2]
        prompt, completion = sum(len(m["content"].split()) for m in messages), len(text.split())
        if kind != "cut":
            with self.server_.lock:
                self.server_.books.served += 1
                self.server_.books.prompt_tokens += prompt
                self.server_.books.completion_tokens += completion
        counted = kind != "no-usage"
        if self.path.endswith("/responses"):
            return _response(kind, text, prompt, completion, counted)
        return _chat(self.server_.dialect, kind, text, prompt, completion, counted)

    def _embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        rows = [[float(len(text)), float(text.count("a")), 1.0] for text in texts]
        tokens = sum(len(text.split()) for text in texts)
        with self.server_.lock:
            self.server_.books.served += 1
            self.server_.books.prompt_tokens += tokens
        data = [{"object": "embedding", "index": place, "embedding": row} for place, row in enumerate(rows)]
        return {
            "object": "list",
            "data": data[::-1],
            "model": body["model"],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    def _send(self, status: int, value: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(value).encode(), headers)

    def _send_bytes(
        self, status: int, data: bytes, headers: Mapping[str, str] | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def _wrong(dialect: Dialect, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """What this server doesn't take, as it says so."""
    if not path.endswith("/chat/completions"):
        return None
    told = "Unsupported parameter: '{0}' is not supported with this model."
    if dialect == "openai":
        for name in ("max_tokens", "temperature", "structured_outputs", "reasoning"):
            if name in body:
                return {"message": told.format(name), "param": name}
    if dialect == "ollama" and "structured_outputs" in body:
        return {"message": "unknown field structured_outputs", "param": None}
    if dialect == "vllm" and "guided_choice" in body:
        return {"message": "extra fields not permitted: guided_choice", "param": None}
    return None


def _chat(
    dialect: Dialect, kind: str, text: str, prompt: int, completion: int, counted: bool
) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    finish = "length" if kind == "length" else "stop"
    if kind == "refusal":
        message |= {"content": None, "refusal": "I can't help with that."}
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
    usage["total_tokens"] = prompt + completion
    if dialect == "openai":
        message.setdefault("refusal", None)
        usage["prompt_tokens_details"] = {"cached_tokens": prompt // 2, "audio_tokens": 0}
        usage["completion_tokens_details"] = {"reasoning_tokens": completion // 2}
    if dialect == "vllm":
        message |= {"reasoning": "thinking", "tool_calls": []}
        usage["prompt_tokens_details"] = None
    choices = [] if kind == "empty" else [{"index": 0, "message": message, "finish_reason": finish}]
    reply: dict[str, Any] = {"id": "x", "object": "chat.completion", "created": 1, "model": "any"}
    reply["choices"] = choices
    if counted:
        reply["usage"] = usage
    return reply


def _response(kind: str, text: str, prompt: int, completion: int, counted: bool) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    if kind == "refusal":
        part = {"type": "refusal", "refusal": "I can't help with that."}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    reply: dict[str, Any] = {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "model": "any",
        "status": "incomplete" if kind == "length" else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if kind == "length" else None,
        "output": [] if kind == "empty" else [item],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
    }
    if counted:
        reply["usage"] = {
            "input_tokens": prompt,
            "output_tokens": completion,
            "total_tokens": prompt + completion,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": completion // 2},
        }
    return reply
