"""A PostgreSQL server of the tests' own, in a temporary folder, as an unprivileged user."""
from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("postgres", "nobody")


def binary(name: str) -> str:
    """Path of a program of the newest installed server; Debian keeps them out of PATH."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]))
    path = found[-1] if found else shutil.which(name)
    if not path:
        raise FileNotFoundError(f"{name} is not installed: apt-get install postgresql")
    return path


class Server:
    """Started when made; `stop` ends it and removes its folder. Every database of it is thrown away."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="s3sync-postgres-"))
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:                    # the server refuses to run as root
            user = next(found for name in NAMES for found in [_user(name)] if found)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-U", "s3sync", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [binary("postgres"), "-D", str(data), "-p", str(self.port), "-k", str(self.folder),
             "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=60"],
            cwd=self.folder, stdout=self._log, stderr=self._log, **self._user)
        end = time.monotonic() + 30
        while subprocess.run([binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode:
            if time.monotonic() > end or self._process.poll() is not None:
                self.stop()
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.1)

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run([binary(name), *arguments], cwd=self.folder, check=True, capture_output=True, **self._user)

    def database(self, name: str) -> str:
        """Make an empty database; its URI. With a password: web2py's heartbeat needs one in it."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "s3sync", name)
        return f"postgres://s3sync:secret@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)       # its fast shutdown
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)  # at once; its children end too
                self._process.wait(20)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _user(name: str) -> Any:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
