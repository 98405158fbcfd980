"""What a worker may see of this machine: interpreter, standard library, numpy, scipy, networkx, the SDK.

Found by the host, which knows its interpreter; used by the back-ends, which show these places and no others.
Where a back-end has a root of its own, all of it lies under neutral names that tell nothing of the machine.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import asdict, dataclass
from glob import glob
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import alma
from alma.sandbox.walls.outer import Bind

PACKAGES = ("numpy", "scipy", "networkx")
SDK = ("__init__.py", "memory", "records", "sandbox")
HOME, SITE = "/python", "/python/packages"
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
}
"""All that a worker's environment holds, whatever the back-end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Places to show, and what to start in them."""

    binds: tuple[Bind, ...]
    masks: tuple[str, ...]
    """Folders of the new root that are shown empty: other people's packages."""
    program: str
    environment: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        binds = tuple(Bind(**bind) for bind in data["binds"])
        return cls(binds, tuple(data["masks"]), data["program"], data["environment"])


def make_plan() -> Plan:
    """The plan for this interpreter."""
    binds: list[Bind] = []
    masks: list[str] = []
    executable = os.path.realpath(sys.executable)
    program = f"{HOME}/bin/python"
    binds.append(Bind(executable, program))
    for folder in _standard_library():
        target = f"{HOME}/{os.path.relpath(folder, sys.base_prefix)}"
        binds.append(Bind(folder, target))
        masks += [f"{target}/{name}" for name in ("site-packages", "dist-packages")]
    libraries = _libraries()
    binds += [Bind(path, f"{HOME}/libraries/{Path(path).name}") for path in _shared_interpreter()]
    binds += [Bind(path, path) for path in libraries]
    binds += [Bind(path, path) for path in _loader()]
    binds += [Bind(path, f"{SITE}/{Path(path).name}") for path in _packages()]
    binds += [Bind(str(path), f"{SITE}/alma/{path.name}") for path in _sdk()]
    environment = {
        **ENVIRONMENT,
        "PYTHONHOME": HOME,
        "PYTHONPATH": SITE,
        "LD_LIBRARY_PATH": ":".join([f"{HOME}/libraries", *libraries]),
    }
    return Plan(tuple(binds), tuple(masks), program, environment)


def readable() -> tuple[list[str], list[str]]:
    """For a back-end without a root of its own: what may be read, and folders whose names may be listed."""
    read = [*_standard_library(), *_shared_interpreter(), *_libraries(), *_packages()]
    read += [str(path) for path in _sdk()]
    read += ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/etc/ld.so.cache"]
    return sorted(read), packages_folders()


def packages_folders() -> list[str]:
    """The folders in which the packages and ALMA itself lie."""
    return sorted({str(Path(path).parent) for path in _packages()} | {str(_home().parent)})


def _standard_library() -> list[str]:
    paths = {sysconfig.get_path(name, vars=_base()) for name in ("stdlib", "platstdlib")}
    return sorted(os.path.normpath(path) for path in paths if os.path.isdir(path))


def _base() -> dict[str, str]:
    """Paths of the interpreter itself, not of the virtual environment around it."""
    names = ("installed_base", "base", "installed_platbase", "platbase")
    return dict.fromkeys(names, sys.base_prefix)


def _shared_interpreter() -> list[str]:
    """The interpreter as a library, where it is built that way."""
    folders = {sysconfig.get_config_var("LIBDIR") or "", f"{sys.base_prefix}/lib"}
    return sorted({path for folder in folders if folder for path in glob(f"{folder}/libpython3*.so*")})


def _libraries() -> list[str]:
    """Folders of the shared libraries that this process has loaded from the system."""
    folders: set[str] = set()
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if ".so" in line}
    inside = {sys.prefix, sys.base_prefix} - {"/usr", "/"}
    for path in mapped:
        if path.startswith("/") and not any(path.startswith(f"{prefix}/") for prefix in inside):
            folder = os.path.dirname(path)
            if "python" not in folder:
                folders.add(folder)
    if os.path.isdir(f"{sys.base_prefix}/conda-meta"):
        folders.add(f"{sys.base_prefix}/lib")
    return sorted(folders)


def _loader() -> list[str]:
    """The program that loads programs: its place is written in the interpreter's file."""
    return sorted(path for path in glob("/lib*/ld-*.so*") if os.path.exists(path))


def _packages() -> list[str]:
    """The packages that a design may import, each with the libraries that came with it."""
    found: list[str] = []
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            continue
        place = spec.submodule_search_locations[0]
        found += [path for path in (place, f"{place}.libs") if os.path.isdir(path)]
    return found


def _home() -> Path:
    return Path(alma.__file__).parent


def _sdk() -> list[Path]:
    return [_home() / name for name in SDK]
