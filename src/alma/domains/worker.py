"""An environment worker: plays one level at a time for an environment pool, beside the engine."""

from __future__ import annotations

import os
import pickle
import random
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from alma.domains.contract import Domain
from alma.domains.line import WorkerLine, frame
from alma.records import AlmaError, DomainError, Level


def run(domain: Domain, channel: socket.socket, folder: str) -> NoReturn:
    """What a fork of the zygote does: jobs, until the host's end closes. Engines' files go to `folder`."""
    try:
        os.environ["TMPDIR"], tempfile.tempdir = folder, None
        random.seed()
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        line = WorkerLine(channel)

        def ask(question: Any) -> Any:
            framed = frame(("ask", question))
            try:
                line.say(framed)
                return line.hear()
            except (EOFError, OSError) as error:
                raise _HostGoneError from error

        with suppress(EOFError, OSError, _HostGoneError):
            while True:
                line.say(_play(domain, ask, *line.hear()))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


class _HostGoneError(BaseException):
    """The host's end is closed. No `except Exception` of an engine may stop it."""


def _play(
    domain: Domain, ask: Any, level: Level, job: Callable[..., Any], arguments: tuple[Any, ...]
) -> bytes:
    """The message that ends a job. Whatever an engine raises, an OSError too, is its answer."""
    try:
        environment = domain.open(level)
        try:
            return frame(("done", job(environment, ask, *arguments)), last=True)
        finally:
            environment.close()
    except Exception as error:
        return frame(("error", _sendable(error)), last=True)


def _sendable(error: Exception) -> Exception:
    if isinstance(error, AlmaError):
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
    return DomainError(f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}")
