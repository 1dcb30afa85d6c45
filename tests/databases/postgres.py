"""A PostgreSQL server of the tests' own, in a temporary folder, as an unprivileged user."""
from __future__ import annotations

import glob
import importlib
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import reaper

from .account import free_port, unprivileged


def binary(name: str) -> str:
    """Path of a program of the newest installed server; Debian keeps them out of PATH."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]))
    path = found[-1] if found else shutil.which(name)
    if not path:
        raise FileNotFoundError(f"{name} is not installed: apt-get install postgresql")
    return path


class Server:
    """Started when made; `stop` ends it and removes its folder. Every database of it is thrown away."""

    kind = "postgres"

    def __init__(self) -> None:
        importlib.import_module("psycopg2")   # before anything is started
        self.folder = Path(tempfile.mkdtemp(prefix="s3sync-postgres-"))
        self._user = unprivileged(self.folder, "postgres")
        self.port = free_port()
        self._process: Any = None
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-U", "s3sync", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._log = (self.folder / "log").open("ab")
        try:
            self.start()
        except BaseException:                 # no server is left behind
            self.stop()
            raise

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        self._process = subprocess.Popen(
            [binary("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder),
             "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=200",
             "-c", "full_page_writes=off"],
            cwd=self.folder, stdout=self._log, stderr=self._log, **self._user)
        reaper.watch(self._process.pid)
        end = time.monotonic() + 30
        while subprocess.run([binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode:
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.1)

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run([binary(name), *arguments], cwd=self.folder, check=True, capture_output=True, **self._user)

    def database(self, name: str, template: str = "template0") -> str:
        """Make a database, empty or with the tables of another; its URI. With a password: web2py's heartbeat needs one in it."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}"')
        return f"postgres:psycopg2://s3sync:secret@127.0.0.1:{self.port}/{name}"

    def drop(self, name: str) -> None:
        """Remove a database, with all connections to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def connect(self, name: str = "postgres") -> Any:
        """A plain connection of the driver's, without any of the project's code."""
        import psycopg2
        return psycopg2.connect(host="127.0.0.1", port=self.port, user="s3sync", password="secret", dbname=name)

    def execute(self, statement: str) -> None:
        """Run a statement outside of any transaction."""
        connection = self.connect()
        try:
            connection.autocommit = True
            connection.cursor().execute(statement)
        finally:
            connection.close()

    def cut(self, name: str) -> int:
        """End all connections to a database, as its administrator might; returns how many."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s", [name])
            return int(cursor.fetchone()[0])
        finally:
            connection.close()

    def halt(self) -> None:
        """End it at once, as a crash does; its databases stay, `start` starts it again."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)

    def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)       # its fast shutdown
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.halt()                                # at once; its children end too
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
