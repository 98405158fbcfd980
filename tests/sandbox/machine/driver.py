"""The host of a throw-away machine: plants canaries, runs the attacks, prints their outcomes as JSON."""

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.append("/python/machine")

import attacks

SECONDS = 8
DESIGN = """
class Attacker(__import__("alma.memory").memory.Memory):
    async def retrieve(self, situation):
        order = __import__("json").loads(situation.goal)
        return run(order["attack"], order["world"])
"""


def main() -> None:
    order = json.loads(sys.argv[1])
    sys.path.append("/python/free")
    world, _kept = plant()
    names = order["attacks"] or list(attacks.ATTACKS)
    if order["walls"] == "none":
        found = {name: alone(name, world) for name in names}
    else:
        found = asyncio.run(walled(order, names, world))
    alive = subprocess.Popen.poll(_kept[0]) is None
    found["-- the victim lives"] = [alive, ""]
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)


def plant():
    """What must stay out of reach, and the handles that keep it there."""
    victim = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal, time; signal.signal(signal.SIGUSR1, lambda *_: None); time.sleep(600)",
        ],
        env={"ALMA_CANARY": "canary", **os.environ},
    )
    port = socket.create_server(("127.0.0.1", 0))
    services = []
    for kind, address in (
        (socket.SOCK_STREAM, "\0alma-canary"),
        (socket.SOCK_STREAM, "/srv/service"),
        (socket.SOCK_DGRAM, "/srv/datagram"),
    ):
        one = socket.socket(socket.AF_UNIX, kind)
        one.bind(address)
        if not address.startswith("\0"):
            os.chmod(address, 0o777)
        if kind == socket.SOCK_STREAM:
            one.listen()
        services.append(one)
    handle = os.open("/srv/canary", os.O_RDONLY)
    os.set_inheritable(handle, True)
    world = {
        "canary": "/srv/canary",
        "port": port.getsockname()[1],
        "name": "alma-canary",
        "path": "/srv/service",
        "datagram": "/srv/datagram",
        "victim": victim.pid,
    }
    time.sleep(0.2)
    return world, (victim, port, *services, handle)


def alone(name, world):
    """Run an attack without walls, in a process of its own."""
    receive, send = os.pipe()
    os.set_inheritable(send, True)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        try:
            outcome = attacks.run(name, {**world, "out": send})
        except BaseException as error:
            outcome = [True, f"broken attack: {error!r}"]
        os.write(send, json.dumps(outcome).encode())
        os._exit(0)
    os.close(send)
    ready, _, _ = select.select([receive], [], [], SECONDS)
    data = os.read(receive, 4096) if ready else b""
    os.close(receive)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if data == b"ran":
        return [False, "ran"]
    return json.loads(data) if data else [True, "ended without a word"]


async def walled(order, names, world):
    """Run each attack as a design, in a worker of its own."""
    from alma.memory import Situation
    from alma.records import Design, DesignError
    from alma.sandbox.contract import Limits, NoServices
    from alma.sandbox.landlock import LandlockSandbox
    from alma.sandbox.namespaces import NamespacesSandbox

    kinds = {"namespaces": NamespacesSandbox, "landlock": LandlockSandbox}
    sandbox = kinds[order["walls"]](without=order["without"])
    design = Design("attacker", attacks.source() + DESIGN)
    limits = Limits(retrieve_seconds=SECONDS)
    found = {}
    for name in names:
        async with sandbox.open(design, NoServices(), limits, seed=0) as process:
            goal = json.dumps({"attack": name, "world": world})
            try:
                told = await process.retrieve(Situation(goal, "", None, "x", "t"), frozen=False, seed=0)
                found[name] = told.show
            except DesignError as error:
                found[name] = [True, f"ended: {error}"]
    await sandbox.close()
    return found


main()
