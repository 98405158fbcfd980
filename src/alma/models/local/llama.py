"""llama.cpp around one file of weights: completions, and the likeliest of several texts, exactly.

Run as a program it answers on standard input (`alma.models.process`). The binding's server object opens an
address by itself: here a socket in a folder that only this user can enter. One thread, since two on shared
cores wait for each other most of the time; one slot, whose prefix is kept from call to call.
"""

from __future__ import annotations

import heapq
import http.client
import json
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alma.models.process import serve
from alma.records import ConfigError

CONTEXT = 8192
"""Tokens of prompt and answer."""
KEPT_MIB = 512
"""Memory for the prefixes of other conversations than the last one."""
FORCED = 200.0
"""Added to the one token whose probability is asked for; what is reported is from before."""


class Llama:
    """A model in llama.cpp's server, called without its server."""

    def __init__(self, path: Path, folder: str) -> None:
        try:
            import xllamacpp
        except ImportError as error:
            raise ConfigError(
                f"xllamacpp is not installed ({error}): pip install 'alma-meta[local]'"
            ) from error
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = CONTEXT
        params.n_parallel = 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.cache_ram_mib = KEPT_MIB
        params.warmup = params.ui = False
        params.verbosity = -1
        self._socket = f"{folder}/llama.sock"
        params.hostnames = [self._socket]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ConfigError(f"llama.cpp can't load {path.name}: {error}") from error

    def chat(self, fields: Mapping[str, Any]) -> Any:
        """A chat completion as OpenAI's protocol has it, or an object with an `error`."""
        return self._server.handle_chat_completions(dict(fields))

    def choose(self, prompt: str, texts: Sequence[str], mean: bool) -> dict[str, Any]:
        """Which of the texts is likeliest to follow the prompt (by the token, with `mean`), and at what cost.

        No text may begin another. A text is at most as likely as its beginning, so the likeliest beginning is
        followed first and the first whole text that comes up is the answer; means have no such bound.
        """
        tokens = self._tokens(prompt)
        paths = [tuple(self._tokens(text)) for text in texts]
        asked, kept = 0, None
        open_: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())]
        whole: dict[tuple[int, ...], float] = {}
        while open_:
            cost, _, before = heapq.heappop(open_)
            if before in paths:
                whole[before] = cost
                if mean:
                    continue
                break
            # In the order of the texts, so that equal ones are always told apart the same way.
            for token in dict.fromkeys(path[len(before)] for path in paths if path[: len(before)] == before):
                answer = self._server.handle_completions(
                    {
                        "prompt": [*tokens, *before],
                        "n_predict": 1,
                        "n_probs": 1,
                        "logit_bias": [[token, FORCED]],
                        "temperature": 0,
                    }
                )
                if "error" in answer:
                    return dict(answer)
                if kept is None:
                    kept = answer["usage"]["prompt_tokens_details"]["cached_tokens"]
                asked += 1
                likely = answer["choices"][0]["logprobs"]["content"][0]["logprob"]
                heapq.heappush(open_, (cost - likely, asked, (*before, token)))
        best = min(whole, key=lambda path: whole[path] / len(path) if mean else whole[path])
        return {
            "best": paths.index(best),
            "cost": whole[best],
            "length": len(best),
            "prompt_tokens": len(tokens) + asked,
            "cached_tokens": kept,
        }

    def _tokens(self, text: str) -> list[int]:
        """The binding has no call for this, so here its own server is asked."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self._socket)
        try:
            body = json.dumps({"content": text, "add_special": False, "parse_special": False})
            connection.request("POST", "/tokenize", body, {"Content-Type": "application/json"})
            tokens: list[int] = json.loads(connection.getresponse().read())["tokens"]
            return tokens
        finally:
            connection.close()


def main(path: Path) -> None:
    loaded: list[Llama] = []
    with tempfile.TemporaryDirectory(prefix="alma-") as folder:

        def answer(message: dict[str, Any]) -> Any:
            if not loaded:
                loaded.append(Llama(path, folder))
            if "texts" in message:
                return loaded[0].choose(message["prompt"], message["texts"], message["mean"])
            return loaded[0].chat(message)

        serve(answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
