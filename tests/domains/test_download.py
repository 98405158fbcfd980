"""Downloads against a server on this machine that also misbehaves."""

import hashlib
import io
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from alma.cli.main import run
from alma.domains.download import SOURCES, Source, fetch
from alma.records import ConfigError, DomainError

FILES = {f"data-1/hard/{n:03d}.txt": f"; {n}\n####\n#@$#\n####\n" * 400 for n in range(5)}


def packed(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


ARCHIVE = packed(FILES)


class Handler(BaseHTTPRequestHandler):
    """`/good` serves ranges, `/plain` ignores them, `/cut` stops half-way on the first call."""

    asked: ClassVar[list] = []
    body = ARCHIVE

    def do_GET(self):
        start = self.headers.get("Range", "")
        self.asked.append((self.path, start))
        body = type(self).body
        if self.path == "/gone":
            self.send_error(404)
            return
        if self.path == "/page":
            body = b"<html>please sign in</html>"
        offset = int(start.removeprefix("bytes=").rstrip("-")) if start and self.path != "/plain" else 0
        if offset >= len(body) > 0 and start:
            self.send_error(416)
            return
        self.send_response(206 if offset else 200)
        self.send_header("Content-Length", str(len(body) - offset))
        self.end_headers()
        rest = body[offset:]
        if self.path == "/cut" and not start:
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    Handler.asked, Handler.body = [], ARCHIVE
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def source(url, **changes):
    return replace(Source("boxoban", url, "data-1", "hard/*.txt", "Apache-2.0"), **changes)


def test_data_is_fetched_checked_and_unpacked(server, tmp_path):
    heard = []
    checksum = hashlib.sha256(ARCHIVE).hexdigest()
    found = fetch(source(f"{server}/good", sha256=checksum), tmp_path / "a/here", lambda *s: heard.append(s))
    assert found == (5, checksum)
    assert heard[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert (tmp_path / "a/here/hard/003.txt").read_text() == FILES["data-1/hard/003.txt"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["here"]
    with pytest.raises(ConfigError, match="is there already"):
        fetch(source(f"{server}/good"), tmp_path / "a/here")


@pytest.mark.parametrize("path", ["cut", "plain"])
def test_a_download_goes_on_where_it_stopped(server, tmp_path, path):
    with pytest.raises(DomainError, match=r"goes on"):
        fetch(source(f"{server}/cut"), tmp_path / "here")
    half = (tmp_path / "here.part").stat().st_size
    assert half == len(ARCHIVE) // 2
    assert fetch(source(f"{server}/{path}"), tmp_path / "here")[0] == 5
    assert Handler.asked[-1] == (f"/{path}", f"bytes={half}-")


def test_a_download_that_was_whole_is_not_repeated(server, tmp_path):
    (tmp_path / "here.part").write_bytes(ARCHIVE)
    assert fetch(source(f"{server}/good"), tmp_path / "here")[0] == 5


def test_what_is_wrong_is_told_and_nothing_is_kept(server, tmp_path):
    with pytest.raises(ConfigError, match="has the checksum"):
        fetch(source(f"{server}/good", sha256="0" * 64), tmp_path / "here")
    with pytest.raises(DomainError, match="answers 404"):
        fetch(source(f"{server}/gone"), tmp_path / "here")
    with pytest.raises(DomainError, match="can't be unpacked"):
        fetch(source(f"{server}/page"), tmp_path / "here")
    with pytest.raises(DomainError, match=r"holds no none/\*"):
        fetch(source(f"{server}/good", pattern="none/*"), tmp_path / "here")
    (tmp_path / "here.part").unlink()
    Handler.body = packed({"../../escaped.txt": "x", "hard/1.txt": ""})
    with pytest.raises(DomainError, match="outside its folder"):
        fetch(source(f"{server}/good"), tmp_path / "here")
    (tmp_path / "here.part").unlink()
    with pytest.raises(DomainError, match=r"can't reach http://127\.0\.0\.1:1/x"):
        fetch(source("http://127.0.0.1:1/x"), tmp_path / "here")
    with pytest.raises(DomainError, match="can't reach nonsense"):
        fetch(source("nonsense"), tmp_path / "here")
    assert list(tmp_path.iterdir()) == []


def test_a_tar_file_and_a_mirrors_folder_name_will_do(server, tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("mirror-of-it/hard/1.txt")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    Handler.body = out.getvalue()
    assert fetch(source(f"{server}/good"), tmp_path / "here")[0] == 1


def test_the_command_puts_data_where_the_domain_finds_it(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.delenv("BOXOBAN_DATA", raising=False)
    Handler.body = packed(
        {name.replace("data-1", SOURCES["boxoban"].keep): text for name, text in FILES.items()}
    )
    command = ["domains", "data", "boxoban", "--url", f"{server}/good"]
    assert run(command) == 0
    out = capsys.readouterr().out
    assert "5 files of boxoban (Apache-2.0) are in" in out
    assert "--sha256" in out
    assert run(["domains", "list", "--json"]) == 0
    assert '"out_of_distribution": 11' in capsys.readouterr().out
    assert run(command) == 2
    assert run(["domains", "data", "chess"]) == 2
    assert run([*command, "--to", str(tmp_path / "x"), "--sha256", "1" * 64]) == 2
    assert "has the checksum" in capsys.readouterr().err
