"""A disk that is full or read-only: one line, exit code 1, and nothing lost. Mounts are in a namespace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alma.experiments.record import Record
from alma.testing.faults import in_namespace

pytestmark = pytest.mark.system

ALMA = f"{sys.executable} -m alma.cli.main"
LEARN = f"{ALMA} learn --preset smoke --steps 3 --children 3 --workers 1"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    done = subprocess.run([*LEARN.split(), "--run", "run"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.mark.parametrize("size", [200, 400, 700])
def test_a_full_disk_loses_nothing(tmp_path: Path, whole: Path, size: int) -> None:
    (tmp_path / "disk").mkdir()
    script = f"""
        mount -t tmpfs -o size={size}k tmpfs disk
        {LEARN} --run disk/run --json > events; echo "ended with $?"
        df --output=avail disk | tail -1
        mount -o remount,size=64m disk
        {ALMA} resume disk/run --json > events; echo "went on with $?"
        cp -r disk/run run
    """
    lines = in_namespace(script, tmp_path)
    assert not [line for line in lines if "Traceback" in line], lines
    refused = next(line for line in lines if line.startswith("alma: "))
    assert "full" in refused or "No space left" in refused
    assert "alma resume" in refused
    assert "ended with 1" in lines
    assert "went on with 0" in lines
    assert Record(tmp_path / "run").history() == Record(whole).history()


def test_a_read_only_folder_can_be_read_and_is_refused_in_one_line(tmp_path: Path, whole: Path) -> None:
    (tmp_path / "disk").mkdir()
    script = f"""
        cp -r {whole} disk/run
        mount --bind disk disk && mount -o remount,ro,bind disk
        for command in "resume disk/run" "learn --preset smoke --run disk/new" \\
            "study --preset smoke --run disk/new" "report disk/run" "eval empty_memory --domain \\
            alfworld:households --size 2 --run disk/run"; do
            {ALMA} $command; echo "refused with $?"
        done
        for command in "status disk/run" "archive list disk/run" "report disk/run --out page.html" \\
            "replay disk/run"; do
            {ALMA} $command > printed 2>&1; echo "read with $?"
        done
    """
    lines = in_namespace(script, tmp_path)
    assert not [line for line in lines if "Traceback" in line], lines
    assert lines.count("refused with 1") == 5
    assert lines.count("read with 0") == 4
    told = [line for line in lines if line.startswith("alma: ")]
    assert len(told) == 5
    assert all("Read-only file system" in line and "give a folder" in line for line in told)
    assert (tmp_path / "page.html").stat().st_size > 10_000
