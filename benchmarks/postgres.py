"""A PostgreSQL server of the benchmark's own, below its folder, run by an unprivileged user."""
from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

USER = "bench"


class PostgresError(RuntimeError):
    """The server could not be set up"""


class PostgresServer:
    """Started by `start`, listening on 127.0.0.1 only; everything in it is thrown away by the next `start`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.password = secrets.token_hex(8)
        self._bin = _binaries()

    def start(self) -> None:
        """Make a new cluster and start it."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        word = self.folder / "password"
        word.write_text(self.password)
        if os.geteuid() == 0:
            account = pwd.getpwnam(_account())
            for path in (self.folder, word):
                os.chown(path, account.pw_uid, account.pw_gid)
        self._run("initdb", "--pgdata", str(self.folder / "data"), "--username", USER, "--pwfile", str(word),
                  "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=100"
        self._run("pg_ctl", "start", "--wait", "--pgdata", str(self.folder / "data"), "--log", str(self.folder / "server.log"),
                  "--options", options)

    def stop(self) -> None:
        """Stop it; also one left over from a benchmark that was killed."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", "--mode", "fast", "--pgdata", str(self.folder / "data"), check=False)

    def dsn(self, database: str) -> str:
        """For psycopg2."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def uri(self, database: str) -> str:
        """For pyDAL."""
        return f"postgres:psycopg2://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        # a server refuses to run as root
        prefix = ["setpriv", "--reuid", _account(), "--regid", _account(), "--clear-groups"] if os.geteuid() == 0 else []
        log = self.folder / f"{program}.log"
        with open(log, "w") as output:       # not a pipe: the server would inherit and hold it
            done = subprocess.run([*prefix, str(self._bin / program), *arguments], cwd="/", stdin=subprocess.DEVNULL,
                                  stdout=output, stderr=output, env={**os.environ, "LC_ALL": "C.UTF-8"})
        if check and done.returncode:
            detail = log.read_text(errors="replace")
            raise PostgresError(f"{program} failed (is {self.folder} reachable for the user {_account()}?):\n{detail}")


def _account() -> str:
    """The unprivileged user that Debian's package made, or nobody."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise PostgresError("There is no user postgres to run the server")


def _binaries() -> Path:
    """Where initdb lies: Debian keeps it out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    other = shutil.which("initdb")
    if not other:
        raise PostgresError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return Path(other).parent
