"""The unprivileged user under whom a server runs: neither PostgreSQL nor MariaDB starts as root."""
from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path
from typing import Any


def unprivileged(folder: Path, *names: str) -> dict[str, Any]:
    """Arguments for `subprocess`: the first of these users that exists, to whom `folder` is given. Nothing unless we are root."""
    if os.getuid() != 0:
        return {}
    user = next(found for name in (*names, "nobody") for found in [_user(name)] if found)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _user(name: str) -> Any:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
