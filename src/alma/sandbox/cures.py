"""Why a sandbox may not work on a system, and what its user can do about it; what the kernel can do.

Words and look-ups only: whether a sandbox works is found out by starting one.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from alma.sandbox.walls import landlock

REPORT = "please report this with the output of: alma doctor --json"
UNSAFE = "or accept the risk by name: --sandbox unsafe"
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_SWITCHES = {
    "user.max_user_namespaces": Path("/proc/sys/user/max_user_namespaces"),
    "kernel.unprivileged_userns_clone": Path("/proc/sys/kernel/unprivileged_userns_clone"),
}


def cure(name: str, reason: str) -> str:
    """What to do where the back-end `name` was refused for `reason`."""
    if sys.platform != "linux":
        return f"run ALMA in a Linux container or virtual machine (docs/sandbox.md), {UNSAFE}"
    if name == "container":
        return f"start Docker or install podman, {UNSAFE}"
    if "Landlock" in reason or landlock.version() == 0:
        return f"use Linux 5.13 or newer with Landlock switched on (lsm=…,landlock at boot), {UNSAFE}"
    if name == "landlock":
        return f"see docs/sandbox.md, {UNSAFE}"
    if _read(_APPARMOR) == "1":
        return (
            "this Ubuntu keeps user namespaces from programs without a profile; allow them with: "
            f"sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or install Docker, {UNSAFE}"
        )
    for switch, path in _SWITCHES.items():
        if _read(path) == "0":
            return (
                f"user namespaces are switched off; allow them with: sudo sysctl -w {switch}=10000, {UNSAFE}"
            )
    if in_container():
        return (
            "this is a container, whose rules keep namespaces from it: --sandbox landlock holds here, "
            f"{UNSAFE}"
        )
    return f"see docs/sandbox.md, {UNSAFE}"


def in_container() -> bool:
    """Whether this process runs in a container, by the marks that engines leave."""
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return True
    marks = ("docker", "kubepods", "containerd", "libpod", "lxc")
    return any(mark in _read(Path("/proc/1/cgroup")) for mark in marks)


def kernel() -> str:
    """The kernel in a few words."""
    return f"Linux {platform.release().split('-')[0]}, Landlock {landlock.version()}"


def features() -> dict[str, str]:
    """What `alma doctor` tells of this system."""
    if sys.platform != "linux":
        return {"system": platform.system()}
    found = {"kernel": platform.release(), "landlock": f"version {landlock.version()}"}
    found["in a container"] = "yes" if in_container() else "no"
    for name, path in {**_SWITCHES, "kernel.apparmor_restrict_unprivileged_userns": _APPARMOR}.items():
        if value := _read(path):
            found[name] = value
    engines = [name for name in ("docker", "podman", "runsc") if shutil.which(name)]
    found["container engines"] = ", ".join(engines) or "none"
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
