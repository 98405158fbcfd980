"""Jobs for the pool's tests: plain functions that a worker process can import."""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from alma.records import ConfigError, DesignError, ProviderError
from alma.testing.toy import ToyDomain


def pid(environment, ask):
    return os.getpid()


def walk(environment, ask, actions):
    return [environment.reset(), *map(environment.step, actions), environment.outcome()]


def litter(environment, ask, how):
    """Leave a file where an engine would, tell the folder, then end as asked."""
    folder = tempfile.mkdtemp(prefix="nle")
    Path(folder, "libnethack.so").touch()
    ask(folder)
    if how == "exit":
        os._exit(3)
    if how == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)


def converse(environment, ask, questions):
    return [ask(question) for question in questions]


def leave(environment, ask, folder, how, times):
    """Fail the first `times` times, after a question to the host; then return the pid."""
    ask("hello")
    _fail_at_first(folder, how, times)
    return os.getpid()


def _fail_at_first(folder, how, times):
    tries = Path(folder, "tries")
    done = int(tries.read_text()) if tries.exists() else 0
    if done < times:
        tries.write_text(str(done + 1))
        if how == "hang":
            time.sleep(60)
        elif how == "exit":
            os._exit(3)
        else:
            os.kill(os.getpid(), getattr(signal, how))


def leave_in_the_middle(environment, ask, folder, how, times):
    """Say back all that was told, for three turns; the first `times` times fail at the second."""
    told = ()
    for _ in range(3):
        told = (*told, ask(told))
        if len(told) == 2:
            _fail_at_first(folder, how, times)
    return told


def fail(environment, ask, how):
    errors = {
        "DesignError": DesignError("bad recall", call="retrieve", trace="line 3"),
        "ConfigError": ConfigError("no such game"),
        "ProviderError": ProviderError("429"),
        "OSError": PermissionError(13, "Permission denied", "game.tw-pddl"),
        "EOFError": EOFError("the game file is cut"),
        "KeyError": KeyError("mug 2"),
    }
    if how == "unpicklable":
        return lambda: None
    raise errors[how]


def sleep(environment, ask, seconds):
    time.sleep(seconds)
    return "slept"


def busy(environment, ask, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "x" * 3_000_000


def deaf(environment, ask):
    """Ask and never hear the answer."""
    ask("hello")
    time.sleep(60)


def noise(environment, ask):
    sys.stdout.write("an engine's noise\n")
    sys.stdout.flush()
    os.write(1, b"noise")
    return "quiet"


class BrokenDomain(ToyDomain):
    """Its engine can't read its data."""

    def open(self, level):
        raise RuntimeError("unreadable")
