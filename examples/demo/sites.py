"""web2py sites for the demo and the tests: build a root, start and stop its server and its worker.

    site = Site(Path("build/demo/local"), port=8000, name="Field office")
    site.build()                  # web2py root with applications/eden = examples/eden + the drop-in, first run done
    site.start()                  # python web2py.py -a … -i 127.0.0.1 -p 8000 --no_gui; returns when it answers
    site.start_worker()           # python web2py.py -K eden -Q
    site.url                      # http://127.0.0.1:8000/eden
    site.sql("SELECT name FROM org_organisation")        # plain sqlite3, read-only
    site.shell(script, {"n": 1})  # python web2py.py -S eden -M -R …; returns what the script put into `answer`
    site.stop()                   # worker and server, with everything they started

Needs web2py-gluon 2.26.1 in the Python that is given (by default the running one).
"""
from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

VERSION = "Version 2.26.1-stable+timestamp.2023.11.16.08.03.57"
REPOSITORY = Path(__file__).resolve().parents[2]
APPLICATION = REPOSITORY / "examples" / "eden"
ADMIN = ("admin@example.com", "testing")

SHELL = """
import json as _json
with open({arguments!r}, encoding="utf-8") as _source:
    arguments = _json.load(_source)
answer = None
with open({script!r}, encoding="utf-8") as _source:
    exec(compile(_source.read(), {script!r}, "exec"))
db.commit()
with open({answer!r}, "w", encoding="utf-8") as _target:
    _json.dump(answer, _target, default=str)
"""


OWN_MODULES = """
# The application uses its own modules/s3sync, also where this Python has s3sync installed in another place.
import sys
sys.path[:] = [path for path in sys.path if path != {modules!r}]
"""


class SiteError(RuntimeError):
    """A site could not be built or does not answer"""


def free_port(wanted: int = 0, taken: Iterable[int] = ()) -> int:
    """`wanted` if it is free on 127.0.0.1, else any that is."""
    for port in (wanted, 0):
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SiteError("no free port on 127.0.0.1")


class Site:
    """One web2py root with one application.

    Parameters
    ----------
    root : folder of the web2py root; made by `build`
    port : TCP port on 127.0.0.1
    name, role : what the pages show as the site's name and what it is
    sync : settings of the synchronization by the names in s3sync.settings (`deployment_settings.sync`)
    python : interpreter with web2py-gluon
    app : name of the application
    """

    def __init__(self, root: Path, port: int, name: str = "Sahana Eden", role: str = "",
                 sync: Mapping[str, Any] | None = None, python: str = sys.executable, app: str = "eden") -> None:
        self.root = Path(root).resolve()
        self.port = port
        self.name = name
        self.role = role
        self.sync = dict(sync or {})
        self.python = python
        self.app = app

    # -- places -----------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.app}"

    @property
    def appdir(self) -> Path:
        return self.root / "applications" / self.app

    @property
    def database(self) -> Path:
        return self.appdir / "databases" / "storage.db"

    @property
    def log(self) -> Path:
        """Output of the server and the worker."""
        return self.root / "site.log"

    # -- building ---------------------------------------------------------------------------------------------

    def build(self, install: bool = True, first_run: bool = True) -> None:
        """Make the root anew: an older one in the same place is stopped and removed first.

        Parameters
        ----------
        install : put the drop-in into the application with the project's own installer
        first_run : let the application make its tables, roles and administrator
        """
        self.stop()
        if self.root.exists():
            shutil.rmtree(self.root)
        self.appdir.parent.mkdir(parents=True)
        (self.root / "applications" / "welcome").mkdir()
        (self.root / "VERSION").write_text(VERSION + "\n")
        web2py = self._web2py()
        shutil.copy(web2py, self.root / "web2py.py")
        modules = str(REPOSITORY / "modules")
        (self.root / "sitecustomize.py").write_text(OWN_MODULES.format(modules=modules))
        shutil.copytree(APPLICATION, self.appdir, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        for folder in ("databases", "private", "sessions", "errors", "uploads", "cache", "cron"):
            (self.appdir / folder).mkdir(exist_ok=True)
        self.configure()
        if install:
            self.install()
        if first_run:
            self.shell("answer = db(db.auth_user.id > 0).count()")

    def configure(self, **values: Any) -> None:
        """Write private/site.json, which models/000_config.py reads; `values` replace what it would say."""
        public_url = self.url.rsplit("/", 1)[0]
        settings = {"system_name": self.name, "system_role": self.role, "public_url": public_url, "sync": self.sync}
        (self.appdir / "private" / "site.json").write_text(json.dumps({**settings, **values}, indent=1) + "\n")

    def install(self) -> str:
        """Run `s3sync install` on the application; returns what it printed."""
        environment = {**self._environment(), "PYTHONPATH": str(REPOSITORY / "modules")}
        done = subprocess.run([self.python, "-m", "s3sync", "install", str(self.appdir)], env=environment,
                              capture_output=True, text=True)
        if done.returncode:
            raise SiteError(f"s3sync install failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _web2py(self) -> Path:
        """web2py.py of the wheel; it lies in site-packages beside gluon."""
        if self.python == sys.executable:
            spec = importlib.util.find_spec("gluon")
            found = spec.origin if spec else None
        else:
            search = "import importlib.util as u; print(u.find_spec('gluon').origin)"
            found = subprocess.run([self.python, "-c", search], capture_output=True, text=True).stdout.strip()
        path = Path(found).parents[1] / "web2py.py" if found else None
        if not path or not path.exists():
            raise SiteError(f"{self.python} has no web2py: pip install web2py-gluon==2.26.1 pyDAL==20221110.1")
        return path

    # -- running ----------------------------------------------------------------------------------------------

    def start(self, timeout: float = 60.0) -> None:
        """Start the web server and wait until it answers (seconds)."""
        self._launch("server", ["-a", "testing", "-i", "127.0.0.1", "-p", str(self.port), "--no_gui"])
        self._wait(self._answers, "server", timeout)

    def start_worker(self, timeout: float = 60.0, name: str = "worker") -> None:
        """Start the worker as the administrator's guide says and wait for its first heartbeat (seconds).

        Further workers have names of their own, which begin with "worker".
        """
        started = time.time()
        self._launch(name, ["-K", self.app, "-Q"])
        self._wait(lambda: self._heartbeat(started), name, timeout)

    def stop(self) -> None:
        """Stop workers and server with all their children; also ones left over from a killed run."""
        for name in (*sorted(path.stem for path in self.root.glob("worker*.pid")), "server"):
            self._kill(name)

    def stop_worker(self, sig: int = signal.SIGTERM, name: str = "worker") -> None:
        """Stop only the worker; SIGKILL shows what a crash leaves behind."""
        self._kill(name, sig)

    def pid(self, name: str) -> int:
        """Process id of the "server" or of a worker. Raises SiteError if it does not run."""
        found = self._pid(name)
        if found is None:
            raise SiteError(f"the {name} of {self.root} does not run")
        return found

    def stop_server(self, sig: int = signal.SIGTERM) -> None:
        """Stop only the server."""
        self._kill("server", sig)

    def running(self, name: str) -> bool:
        """Does "server" or "worker" run?"""
        return self._pid(name) is not None

    def _environment(self) -> dict[str, str]:
        keep = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return {**keep, "PYTHONPATH": str(self.root), "PYTHONUNBUFFERED": "1"}

    def _launch(self, name: str, arguments: Sequence[str]) -> None:
        if self.running(name):
            raise SiteError(f"the {name} of {self.root} runs already")
        with open(self.log, "ab") as log:
            process = subprocess.Popen([self.python, "web2py.py", *arguments], cwd=self.root, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True, env=self._environment())
        self._pidfile(name).write_text(str(process.pid))
        self.started(process.pid)

    @staticmethod
    def started(pid: int) -> None:
        """A process has been started; tests see to it that it does not outlive them."""

    def _pidfile(self, name: str) -> Path:
        return self.root / f"{name}.pid"

    def _pid(self, name: str) -> int | None:
        """Process id of a live process that is ours: its working directory is our root."""
        try:
            pid = int(self._pidfile(name).read_text())
            os.waitpid(pid, os.WNOHANG)          # collect our own dead children
        except ChildProcessError:
            pass                                 # started by an earlier session
        except (FileNotFoundError, ValueError):
            return None
        try:
            return pid if os.readlink(f"/proc/{pid}/cwd") == str(self.root) else None
        except OSError:
            return None

    def _members(self, group: int) -> list[int]:
        """Live processes of a process group (the worker's task children belong to it)."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat") as source:
                        state, _, pgrp = source.read().rsplit(")", 1)[1].split()[:3]
                except OSError:
                    continue
                if int(pgrp) == group and state != "Z":
                    found.append(int(entry))
        return found

    def _kill(self, name: str, sig: int = signal.SIGTERM, patience: float = 4.0) -> None:
        pid = self._pid(name)
        if pid is not None:
            # the worker's first SIGTERM only ends its task: the group gets it twice, then SIGKILL
            for attempt in (sig, sig, signal.SIGKILL):
                try:
                    os.killpg(pid, attempt)
                except ProcessLookupError:
                    break
                end = time.monotonic() + patience / 2
                while time.monotonic() < end and self._members(pid):
                    self._pid(name)
                    time.sleep(0.05)
                if not self._members(pid):
                    break
            self._pid(name)
        self._pidfile(name).unlink(missing_ok=True)

    def _wait(self, ready: Any, name: str, timeout: float) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if ready():
                return
            if not self.running(name):
                break
            time.sleep(0.1)
        self._kill(name)
        raise SiteError(f"the {name} of {self.root} did not start:\n{self.tail()}")

    def _answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/default/index", timeout=10) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            raise SiteError(f"{self.url} answers {error.code}:\n{self.errors()}") from error
        except OSError:
            return False

    def _heartbeat(self, since: float) -> bool:
        try:
            beats = self.sql("SELECT max(first_heartbeat) AS beat FROM scheduler_worker")
        except sqlite3.OperationalError:
            return False                          # no scheduler tables yet
        beat = beats[0]["beat"]
        return bool(beat) and beat >= time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))

    # -- looking and setting up -------------------------------------------------------------------------------

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Rows of a SELECT on the site's SQLite database, opened read-only, without any of the project's code."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=60)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def shell(self, script: str | Path, arguments: Any = None) -> Any:
        """Run Python in the application with its models, commit, and return what the script put into `answer`.

        `script` is a path or source text; `arguments` (JSON) is there under that name, as are db, auth, T, ….
        """
        with tempfile.TemporaryDirectory(prefix="s3sync-") as folder:
            source, answer, values, runner = (Path(folder) / name for name in ("script", "answer", "values", "run.py"))
            source.write_text(script if isinstance(script, str) else script.read_text(encoding="utf-8"), encoding="utf-8")
            values.write_text(json.dumps(arguments))
            runner.write_text(SHELL.format(arguments=str(values), script=str(source), answer=str(answer)))
            done = subprocess.run([self.python, "web2py.py", "-S", self.app, "-M", "-R", str(runner)], cwd=self.root,
                                  env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if not answer.exists():
                raise SiteError(f"script failed at {self.root}:\n{done.stdout}{done.stderr}{self.errors()}")
            return json.loads(answer.read_text())

    def errors(self) -> str:
        """Tracebacks of the tickets web2py wrote."""
        texts = []
        for ticket in sorted((self.appdir / "errors").glob("*")):
            # pickles by web2py itself; the traceback is readable text within
            texts.append(ticket.read_bytes().decode("utf-8", "replace"))
        return "\n".join(texts[-3:])

    def tail(self, lines: int = 40) -> str:
        """The end of the site's log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def main() -> int:
    """`sites.py stop ROOT…`: stop what was left running in these web2py roots."""
    if len(sys.argv) < 2 or sys.argv[1] != "stop":
        print(main.__doc__, file=sys.stderr)
        return 2
    for root in sys.argv[2:]:
        Site(Path(root), 0).stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
