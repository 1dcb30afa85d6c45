"""What the benchmark ran on."""
from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

#: processors in use from which on figures are worth less
BUSY = 0.5

PACKAGES = ("web2py-gluon", "pyDAL", "lxml", "requests", "psycopg2-binary")


def busy(seconds: float = 3) -> float:
    """How many processors are in use, by anybody on this machine or beside it.

    Not the load average: of a minute, most of which our own set-up has just taken.
    """
    def used() -> int:
        user, nice, system, _, _, *others = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
        return user + nice + system + sum(others)                  # others: interrupts, and what the host has taken away

    before = used()
    time.sleep(seconds)
    return (used() - before) / os.sysconf("SC_CLK_TCK") / seconds


def describe(load: float, server_version: str = "") -> dict[str, Any]:
    """Processor, memory, system and versions.

    `load` is how many processors were in use before (`busy`); `server_version` is PostgreSQL's, if it took part.
    """
    import sqlite3
    found = {
        "processor": _value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "in use before": f"{load:.1f} of them" + (", so the figures are those of a busy machine" if load > BUSY else ""),
        "memory": f"{int((_value('/proc/meminfo', 'MemTotal') or '0').split()[0]) / 1048576:.0f} GB",
        "system": f"{_system()}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }
    if server_version:
        found["PostgreSQL"] = server_version
    found.update({name: version(name) for name in PACKAGES})
    found["s3sync"] = " ".join(filter(None, (version("s3sync"), _commit())))
    return found


def _value(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return ""


def _commit() -> str:
    """Which commit this is, if git can tell."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True,
                              text=True)
    except OSError:
        return ""
    return f"({done.stdout.strip()})" if not done.returncode else ""


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]     # Python 3.10
    except (AttributeError, OSError):
        return platform.system()
