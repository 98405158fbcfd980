"""What is said and asked before a run spends, in a terminal and without one."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from alma.testing.plug_in import install_toy
from alma.testing.server import LoopbackServer
from alma.testing.server.parts import Parts

ALMA = Path(sys.executable).with_name("alma")
SIZES = (
    "--steps 1 --children 1 --collect-size 2 --deploy-size 2 --validation-size 2 --finalists 1 --repeats 1"
)
MODELS = "--execution-model m --meta-model w --set price.m=[1,2] --set price.w=[10,20] --workers 1"


@pytest.fixture
def command(tmp_path):
    def of(server, *more):
        words = f"learn --domain toy --run run --base-url {server.base_url} {SIZES} {MODELS}".split()
        environment = {**os.environ, "OPENAI_API_KEY": "sk-canary-0000000000", "PYTHONPATH": str(plug_in)}
        return {"args": [ALMA, *words, *more], "cwd": tmp_path, "env": environment}

    plug_in = install_toy(tmp_path / "plug-in")
    return of


def in_terminal(asked, answer):
    """Exit code and screen of a command whose terminal answers."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(**asked, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        told = b""
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:
                break
            if not more:
                break
            told += more
            if b"Go on?" in told and answer:
                os.write(ours, answer)
                answer = b""
        process.wait(60)
    os.close(ours)
    return process.returncode, told.decode()


def test_a_terminal_is_asked_and_no_means_that_nothing_is_spent(command):
    with LoopbackServer(Parts()) as server:
        code, told = in_terminal(command(server), b"n\n")
        assert (code, server.books.requests) == (0, 0), told
        assert "estimate:" in told
        code, told = in_terminal(command(server), b"y\n")
        assert code == 0, told
        assert server.books.requests > 0
        spent = server.books.requests
        code, told = in_terminal(command(server), b"")
        assert "Go on?" not in told, "a run that goes on is not asked for"
        assert server.books.requests == spent


def test_yes_and_a_pipe_are_not_asked(command):
    with LoopbackServer(Parts()) as server:
        code, told = in_terminal(command(server, "--yes"), b"")
        assert code == 0
        assert "Go on?" not in told
    with LoopbackServer(Parts()) as server:
        done = subprocess.run(
            **command(server, "--fresh", "--budget-usd", "0.0001"),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "the budget holds 0 of 1 candidates" in done.stderr
        assert "warning: too few candidates" in done.stderr
