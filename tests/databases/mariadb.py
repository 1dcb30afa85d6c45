"""A MariaDB server of the tests' own, in a temporary folder, as an unprivileged user."""
from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import reaper

from .account import free_port, unprivileged


def binary(*names: str) -> str:
    """Path of the first of these programs that is installed; Debian keeps servers in /usr/sbin."""
    for name in names:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if path:
            return path
    raise FileNotFoundError(f"{names[0]} is not installed: apt-get install mariadb-server")


class Server:
    """Started when made; `stop` ends it and removes its folder. Every database of it is thrown away."""

    kind = "mysql"

    def __init__(self) -> None:
        importlib.import_module("pymysql")    # before anything is started
        self.folder = Path(tempfile.mkdtemp(prefix="s3sync-mariadb-"))
        self._user = unprivileged(self.folder, "mysql")
        self.port = free_port()
        self._process: Any = None
        self._copies: dict[str, list[str]] = {}
        self._log = (self.folder / "log").open("ab")
        done = subprocess.run([binary("mariadb-install-db", "mysql_install_db"), "--no-defaults",
                               f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal", "--skip-test-db",
                               "--skip-name-resolve"], cwd=self.folder, capture_output=True, text=True, **self._user)
        if done.returncode:
            raise RuntimeError(f"MariaDB cannot be set up:\n{done.stdout}{done.stderr}")
        try:
            self.start()
            self.execute("CREATE USER s3sync@'%' IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO s3sync@'%'", user="root")
        except BaseException:                 # no server is left behind
            self.stop()
            raise

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        self._process = subprocess.Popen(
            [binary("mariadbd", "mysqld"), "--no-defaults", f"--datadir={self.folder / 'data'}", f"--port={self.port}",
             f"--socket={self.folder / 'socket'}", f"--pid-file={self.folder / 'pid'}", "--bind-address=127.0.0.1",
             "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M",
             "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", "--max-connections=200",
             "--innodb-lock-wait-timeout=50", "--innodb-doublewrite=0", "--sync-binlog=0"],
            cwd=self.folder, stdout=self._log, stderr=self._log, **self._user)
        reaper.watch(self._process.pid)
        end = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > end or self._process.poll() is not None:
                self._log.flush()
                text = (self.folder / "log").read_text(errors="replace")
                raise RuntimeError(f"MariaDB does not start:\n{text}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        import pymysql
        try:
            self.connect("", user="root").close()
        except pymysql.err.OperationalError:
            return False
        return True

    def connect(self, name: str = "", user: str = "s3sync") -> Any:
        """A plain connection of the driver's, without any of the project's code."""
        import pymysql
        return pymysql.connect(host="127.0.0.1", port=self.port, user=user, password="" if user == "root" else "secret",
                               database=name or None, charset="utf8mb4")

    def database(self, name: str, template: str = "") -> str:
        """Make a database, empty or with the tables of another; its URI."""
        self.execute(f"CREATE DATABASE `{name}`", f"USE `{name}`", "SET FOREIGN_KEY_CHECKS = 0", *self._tables(template))
        return f"mysql:pymysql://s3sync:secret@127.0.0.1:{self.port}/{name}?set_encoding=utf8mb4"

    def _tables(self, name: str) -> list[str]:
        """The statements that make a database's tables."""
        if not name:
            return []
        if name not in self._copies:
            connection = self.connect(name)
            cursor = connection.cursor()
            cursor.execute("SHOW TABLES")
            found = []
            for (table,) in cursor.fetchall():
                cursor.execute(f"SHOW CREATE TABLE `{table}`")
                found.append(re.sub(r" AUTO_INCREMENT=\d+", "", cursor.fetchone()[1]))
            connection.close()
            self._copies[name] = found
        return self._copies[name]

    def drop(self, name: str) -> None:
        """Remove a database, with all connections to it."""
        self.cut(name)
        self.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def execute(self, *statements: str, user: str = "s3sync") -> None:
        """Run statements."""
        connection = self.connect(user=user)
        try:
            for statement in statements:
                connection.cursor().execute(statement)
            connection.commit()
        finally:
            connection.close()

    def cut(self, name: str) -> int:
        """End all connections to a database, as its administrator might; returns how many."""
        connection = self.connect(user="root")
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", [name])
            found = [int(row[0]) for row in cursor.fetchall()]
            for number in found:
                cursor.execute(f"KILL {number}")
            return len(found)
        finally:
            connection.close()

    def halt(self) -> None:
        """End it at once, as a crash does; its databases stay, `start` starts it again."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(20)

    def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.halt()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
