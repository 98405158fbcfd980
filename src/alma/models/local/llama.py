"""llama.cpp around one file of weights: completions, and the exact likelihood of each of several texts.

Run as a program it answers on standard input (`alma.models.process`). The binding's server object opens an
address by itself: here a socket in a folder that only this user can enter. One thread, since two on shared
cores wait for each other most of the time; one slot, whose prefix is kept from call to call.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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

    def likelihoods(self, prompt: str, texts: Sequence[str]) -> dict[str, Any]:
        """The log-probability of each text as what follows the prompt, and the tokens that this took."""
        tokens = self._tokens(prompt)
        tree: dict[int, Any] = {}
        paths = [self._tokens(text) for text in texts]
        for path in paths:
            branch = tree
            for token in path:
                branch = branch.setdefault(token, {})
        found: dict[tuple[int, ...], float] = {}
        cached: int | None = None
        for before, token in _walk(tree):
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
            cached = answer["usage"]["prompt_tokens_details"]["cached_tokens"] if cached is None else cached
            found[(*before, token)] = answer["choices"][0]["logprobs"]["content"][0]["logprob"]
        sums = [sum(found[tuple(path[: end + 1])] for end in range(len(path))) for path in paths]
        return {
            "sums": sums,
            "lengths": [len(path) for path in paths],
            "prompt_tokens": len(tokens) + len(found),
            "cached_tokens": cached or 0,
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


def _walk(tree: Mapping[int, Any], before: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], int]]:
    """Each node and the path to it, depth first: so the server's kept prefix serves the next one."""
    for token, branch in tree.items():
        yield before, token
        yield from _walk(branch, (*before, token))


def main(path: Path) -> None:
    loaded: list[Llama] = []
    with tempfile.TemporaryDirectory(prefix="alma-") as folder:

        def answer(message: dict[str, Any]) -> Any:
            if not loaded:
                loaded.append(Llama(path, folder))
            if "texts" in message:
                return loaded[0].likelihoods(message["prompt"], message["texts"])
            return loaded[0].chat(message)

        serve(answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
