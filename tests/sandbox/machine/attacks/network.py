"""Attacks by way of sockets."""

import socket

from .tools import attack, first


@attack(25, "connect to this machine")
def _(world):
    with socket.socket() as one:
        one.settimeout(1)
        one.connect(("127.0.0.1", world["port"]))
    return "connected"


@attack(26, "reach for another machine")
def _(world):
    with socket.socket() as one:
        one.setblocking(False)
        try:
            one.connect(("192.0.2.1", 80))
        except BlockingIOError:
            return "on its way"
    return "connected"


@attack(27, "send a datagram")
def _(world):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        return one.sendto(b"hello", ("127.0.0.1", 53))


@attack(28, "listen")
def _(world):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        return one.getsockname()


@attack(29, "connect to a service by its abstract name")
def _(world):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + world["name"])
    return "connected"


@attack(30, "connect to a service by its path")
def _(world):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(world["path"])
    return "connected"


@attack(30, "send to a service's path from a pair of sockets")
def _(world):
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return one.sendto(b"hello", world["datagram"])


@attack(31, "talk to the kernel by sockets")
def _(world):
    families = (16, 17, 38, 40)
    return first(
        *(
            lambda f=f: socket.socket(f, socket.SOCK_RAW if f < 20 else socket.SOCK_SEQPACKET).family
            for f in families
        )
    )
