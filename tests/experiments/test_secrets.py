"""A key in the environment reaches nothing that a run writes or prints, and no process that it starts."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
import zlib
from contextlib import closing, suppress
from pathlib import Path

import pytest

from alma.testing.faults import command, descendants
from alma.testing.plug_in import install_toy

CANARY = "canary-7d41f0c2b9-of-"
NAMES = (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "AZURE_OPENAI_KEY", "HF_TOKEN",
    "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD", "GOOGLE_CREDENTIALS",
)  # fmt: skip
LEAKY = '''
import os
from pathlib import Path
from alma.records import ProviderError
from alma.testing.talker import ToyModel


class Leaky(ToyModel):
    """The toy model; its 30th and 60th calls fail, and tell all keys: once on purpose, once by mistake."""

    def __init__(self, folder):
        super().__init__(str(Path(folder, "calls")))
        self.told, self.keys = Path(folder, "told"), [v for v in os.environ.values() if "canary" in v]

    async def complete(self, request):
        reply = await super().complete(request)
        number = len(self._log.read_text().split())
        if number in (30, 60):
            self.told.write_text(" ".join(self.keys))
            error = ProviderError if number == 30 else ValueError
            raise error("401 refused: " + " ".join(self.keys) + " Authorization: Bearer " + self.keys[0])
        return reply
'''
SMALL = [
    "--domain",
    "toy",
    "--agent",
    "talker",
    "--steps",
    "2",
    "--children",
    "2",
    "--collect-size",
    "4",
    "--deploy-size",
    "3",
    "--validation-size",
    "2",
    "--finalists",
    "1",
    "--repeats",
    "1",
    "--held-out-size",
    "0",
    "--workers",
    "1",
]


def everything(run: Path) -> bytes:
    """All bytes under a run, and what its database holds compressed."""
    found = [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    with closing(sqlite3.connect(run / "archive.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        for table in tables:
            for row in connection.execute(f"SELECT * FROM {table}"):
                for value in row:
                    found.append(value if isinstance(value, bytes) else str(value).encode())
                    if isinstance(value, bytes):
                        for start in range(12):
                            with suppress(zlib.error):
                                found.append(zlib.decompress(value[start:]))
    return b"\n".join(found)


@pytest.fixture
def plugged(tmp_path, monkeypatch) -> Path:
    folder = install_toy(tmp_path / "plug-in")
    points = folder / "alma_toy-1.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + "leaky = leaky:Leaky\n")
    (folder / "leaky.py").write_text(LEAKY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path[1:]]))
    for name in NAMES:
        monkeypatch.setenv(name, CANARY + name)
    return tmp_path


def sitting(arguments: list[str]) -> tuple[int, str, set[str]]:
    """One command: its code, all that it printed, and the kinds of children whose environments were read."""
    child = subprocess.Popen(
        [sys.executable, "-m", "alma.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen: set[str] = set()
    while child.poll() is None:
        for pid in descendants(child.pid):
            kind = next((k for k in ("alma.domains.zygote", "alma.sandbox") if k in command(pid)), "")
            with suppress(OSError):
                # Before it has become another program a child of a fork shows its parent's environment.
                if kind:
                    assert CANARY.encode() not in Path(f"/proc/{pid}/environ").read_bytes(), command(pid)
                    seen.add(kind)
        time.sleep(0.02)
    assert child.stdout is not None
    return child.returncode, child.stdout.read(), seen


def test_a_key_reaches_nothing_that_a_run_writes_prints_or_starts(plugged):
    run = plugged / "run"
    printed, kinds, codes = "", set(), []
    begin = ["learn", *SMALL, "--execution-model", f"leaky:{plugged}", "--run", str(run)]
    for arguments in (begin, ["resume", str(run)], ["resume", str(run)], ["report", str(run)]):
        code, told, seen = sitting(arguments)
        codes.append(code)
        printed += told
        kinds |= seen
    assert codes == [3, 3, 0, 0], printed
    assert kinds == {"alma.domains.zygote", "alma.sandbox"}
    told = (plugged / "told").read_text()
    assert all(CANARY + name in told for name in NAMES), "the provider must have known the keys"
    assert "401 refused: [" in printed
    assert "the provider toy failed: ValueError: 401 refused: [" in printed
    assert CANARY not in printed
    written = everything(run)
    assert b"You open the" in written, "the search must see what is compressed"
    assert CANARY.encode() not in written
