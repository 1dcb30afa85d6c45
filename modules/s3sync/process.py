"""Which process this is, in words by which another one can tell whether it still lives.

A host's name does not tell: machines are cloned, containers named alike. A process number does not tell either: it is used again.
So a name says ``host@machine.place:number/start.token``: the machine, as far as it can be told apart from its clones; the place,
which is where process numbers mean the same as here (this machine, since it was started, in this container); number and start
of the process; and a random part.
"""
from __future__ import annotations

import os
import re
import secrets
import socket
import uuid
from functools import cache
from hashlib import blake2s
from pathlib import Path

#: where Linux tells of itself and its processes; of itself as it now runs; and how the installation is called
PROC = Path("/proc")
BOOT = PROC / "sys/kernel/random/boot_id"
INSTALLATION = Path("/etc/machine-id")

#: network cards, each with its own address; those of containers are no devices
CARDS = Path("/sys/class/net")

#: the process numbers of the machine itself, outside of all containers (Linux, include/linux/proc_ns.h)
OUTSIDE = "pid:[4026531836]"

#: of a machine that cannot be told from others
UNKNOWN = "0" * 8

NAME = re.compile(r"\A(?P<host>[^@]*)@(?P<machine>[0-9a-f]{8})\.(?P<place>[0-9a-f]{8})[:#](?P<number>[0-9]{1,10})/"
                  r"(?P<start>[0-9]{1,20})\.(?P<token>[0-9a-f]{8})(/.*)?\Z")


@cache
def machine() -> str:
    """The same after this machine was started anew, and different on every other; `UNKNOWN` where that is not sure.

    In a container nothing is sure: the image tells the installation, and addresses are given alike on all machines.
    """
    try:
        if os.readlink(PROC / "self/ns/pid") != OUTSIDE:
            return UNKNOWN
        cards = sorted((card / "address").read_text(encoding="ascii").strip() for card in CARDS.iterdir()
                       if (card / "device").exists())
        said = INSTALLATION.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return UNKNOWN
    return _short(repr((said, cards))) if said and cards else UNKNOWN


@cache
def place() -> str:
    """Where process numbers mean the same as here."""
    try:
        said = BOOT.read_text(encoding="ascii") + os.readlink(PROC / "self/ns/pid")
    except (OSError, UnicodeDecodeError):         # not Linux
        said = f"{uuid.getnode()}"
    return _short(said)


def _short(text: str) -> str:
    return blake2s(text.encode(), digest_size=4).hexdigest()


def _host() -> str:
    return socket.gethostname().replace("@", "-")[:64]


@cache
def _token(number: int) -> str:
    return secrets.token_hex(4)


def own_name(before_number: str = ":") -> str:
    """Our own; `before_number` stands before the process number."""
    number = os.getpid()
    return (f"{_host()}@{machine()}.{place()}{before_number}{number}/"
            f"{_started(number) or 0}.{_token(number)}")


def lives(name: str) -> bool | None:
    """Does the process of this name live? None if that cannot be told from here."""
    said = NAME.match(name)
    if said is None:
        return None
    if said["place"] != place():
        same = said["machine"] == machine() != UNKNOWN and said["host"] == _host()
        return False if same else None            # of this machine, before it was started anew; or of another
    number = int(said["number"])
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    except OverflowError:
        return False
    started = _started(number)
    return started is None or started != 0 and said["start"] in ("0", str(started))


def _started(number: int) -> int | None:
    """When a process was started, in ticks since the machine was; 0 if it is dead and only remembered. None if nobody tells."""
    try:
        told = (PROC / str(number) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return 0 if told[0] in "ZX" else int(told[19])
    except (OSError, IndexError, ValueError):
        return None
