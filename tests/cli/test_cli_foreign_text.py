"""Foreign text gives no orders: not to a terminal, whatever command shows it, and not to a browser."""

import io
import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from alma.archive import open_archive
from alma.cli.main import run
from alma.cli.progress import Progress
from alma.cli.screen import Screen
from alma.testing.plug_in import install_toy

HERE = Path(__file__).parent
ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
SMALL = [
    "learn",
    "--domain",
    "wicked",
    "--proposer",
    "evil",
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
    "--workers",
    "1",
    "--held-out-size",
    "2",
    "--held-out-repeats",
    "1",
    "--collections",
    "1",
    "--controls",
    "0",
    "--sandbox",
    "unsafe",
    "--run",
    "run",
]


class Hits(BaseHTTPRequestHandler):
    paths: ClassVar[list[str]] = []

    def do_GET(self):
        self.paths.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with HTTPServer(("127.0.0.1", 0), Hits) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{one.server_port}"
        one.shutdown()


@pytest.fixture(scope="module")
def evil(server, tmp_path_factory):
    """A folder with a run on evil text, and what `alma learn` printed."""
    folder = tmp_path_factory.mktemp("evil")
    plug_in = install_toy(folder / "plug-in")
    points = plug_in / "alma_toy-1.dist-info" / "entry_points.txt"
    text = points.read_text().replace("[alma.domains]\n", "[alma.domains]\nwicked = evil:EvilDomain\n")
    points.write_text(text + "\n[alma.proposers]\nevil = evil:made\n")
    (plug_in / "evil.py").write_text(
        (HERE / "evil.py").read_text() + "\n\ndef made(means):\n    return EvilProposer()\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(plug_in)
        patch.setenv("PYTHONPATH", str(plug_in))
        patch.setenv("EVIL_HOST", server)
        patch.chdir(folder)
        out = subprocess.run(
            [os.sys.executable, "-m", "alma.cli.main", *SMALL], capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(plug_in), *os.sys.path[1:]])},
        )  # fmt: skip
        assert out.returncode == 0, out.stderr
        yield folder, out.stdout + out.stderr


def commands(folder):
    with open_archive(folder / "run" / "archive.db", "search", create=False, read_only=True) as archive:
        rows = archive.designs()
        played = next(e for e in archive.evaluations() if e.stage == "search")
    failed = next(row for row in rows if row.status == "failed")
    fine = next(row for row in rows if row.status != "failed")
    return [
        ["archive", "list", "run"],
        ["archive", "tree", "run"],
        ["archive", "show", "run", fine.id],
        ["archive", "show", "run", failed.id],
        ["archive", "show", "run", fine.id, "--json"],
        ["archive", "diff", "run", failed.id, fine.id],
        ["archive", "episodes", "run"],
        ["archive", "episodes", "run", "--json"],
        ["designs", "show", f"run:{fine.id}"],
        ["designs", "check", f"run/designs/{failed.id}/memory.py"],
        ["domains", "play", "--replay", f"run:{played.id[:12]}/0"],
        ["domains", "play", "wicked", "0"],
        ["status", "run"],
        ["report", "run"],
        ["doctor", "run"],
        ["learn", "--domain", "\x1b[2J\u202enone"],
    ]


def test_no_command_passes_an_order_on_to_the_terminal(evil, capfd, monkeypatch):
    folder, learned = evil
    assert not ORDERS.search(learned)
    assert "owned" in learned, "the evil text must be shown"
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin", io.StringIO("open box\n"))
    shown = ""
    for arguments in commands(folder):
        run(arguments)
        told = "".join(capfd.readouterr())
        assert told, arguments
        assert not ORDERS.search(told), (arguments, told[:2000])
        shown += told
    assert "logged: " in shown
    assert shown.count("owned") > 10


def test_the_colours_of_a_terminal_are_the_only_orders_in_it(evil):
    folder, _ = evil
    stream = io.StringIO()
    with open_archive(folder / "run" / "archive.db", "search", create=False, read_only=True) as archive:
        rows = archive.designs()
    progress = Progress(console=Screen(file=stream, force_terminal=True, width=300))
    told = {"step": 0, "index": 0, "design": rows[0].id, "name": rows[0].name}
    with progress:
        progress.listen("verify", told)
        progress.listen("evaluated", {**told, "score": 0.5})
        progress.listen("failed", {**told, "message": rows[0].plan})
    shown = stream.getvalue()
    assert "owned" in shown
    # Rich's own: colours, and moving about in its own panel.
    assert not ORDERS.search(re.sub("\x1b\\[[0-9;]*m|\x1b\\[\\?25[hl]|\x1b\\[[0-9]*[AK]|\r", "", shown))


@pytest.mark.system
def test_a_browser_runs_nothing_and_asks_for_nothing(evil, tmp_path, monkeypatch, server):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("this test opens a page in a real browser, and no Chromium is installed")

    def opened(page: Path) -> str:
        Hits.paths.clear()
        flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
        flags += f" --user-data-dir={tmp_path / 'profile'} --virtual-time-budget=3000 --dump-dom"
        return subprocess.run(
            [chromium, *flags.split(), page.as_uri()], capture_output=True, text=True, timeout=120
        ).stdout

    folder, _ = evil
    monkeypatch.chdir(folder)
    assert run(["report", "run"]) == 0
    dom = opened(folder / "run" / "report.html")
    assert "owned()" in dom, "the evil text must be on the page"
    assert "data-owned" not in dom
    assert Hits.paths == []
    assert not re.search(r"<(script|iframe|img|link)\b", dom)

    control = tmp_path / "control.html"
    control.write_text(
        f"<script>owned()</script><img src='{server}/image'><script>document.body.dataset.owned = 1</script>"
    )
    assert 'data-owned="1"' in opened(control)
    assert Hits.paths == ["/image"]
