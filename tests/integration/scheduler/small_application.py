"""A web2py root with a small application on the database of a workshop."""
from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "Version 2.26.1-stable+timestamp.2023.11.16.08.03.57"

MODEL = """
import datetime
import os
import sys
sys.path.append({tasks!r})
from gluon.scheduler import Scheduler
class Shifted(Scheduler):
    def now(self):
        return Scheduler.now(self) + datetime.timedelta(seconds=float(os.environ.get("CLOCK_SHIFT", "0")))
import chores
db = DAL({uri!r}, folder={folder!r}, pool_size=0)
if db._dbname == "sqlite":
    db.executesql("PRAGMA busy_timeout = 60000")
def whoami(*args):
    return [request.application, W2P_TASK.id, list(args)]
def leave(path):
    db.define_table("thing", Field("name"))
    db.thing.insert(name=path)
scheduler = Shifted(db, dict(chores.TASKS, whoami=whoami, leave=leave), heartbeat=1, use_spawn=True, migrate=False)
"""


class SmallApplication:
    """``applications/small`` in `root`."""

    def __init__(self, root: Path, uri: str, folder: Path) -> None:
        self.root = root
        self.appdir = root / "applications" / "small"
        for name in ("models", "controllers", "views", "private", "sessions", "errors", "databases", "cache", "modules"):
            (self.appdir / name).mkdir(parents=True)
        (root / "applications" / "welcome").mkdir()
        (root / "VERSION").write_text(VERSION + "\n")
        found = importlib.util.find_spec("gluon")
        assert found is not None and found.origin is not None
        shutil.copy(Path(found.origin).parents[1] / "web2py.py", root / "web2py.py")
        (self.appdir / "models" / "db.py").write_text(MODEL.format(uri=uri, folder=str(folder), tasks=str(Path(__file__).parent)))
        self.environment = {**os.environ, "PYTHONPATH": str(root)}

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a Python program in web2py's folder."""
        return subprocess.Popen([sys.executable, *command], cwd=self.root, env={**self.environment, **environment},
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def shell(self, script: str) -> None:
        """Run a script with the application's models."""
        path = self.root / "script.py"
        path.write_text(script)
        assert self.start("web2py.py", "-S", "small", "-M", "-R", str(path)).wait(60) == 0
