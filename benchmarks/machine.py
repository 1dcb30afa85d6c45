"""What the benchmark ran on."""
from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("web2py-gluon", "pyDAL", "lxml", "requests", "psycopg2-binary")


def describe(load: float, server_version: str = "") -> dict[str, Any]:
    """Processor, memory, system and versions.

    `load` is what the machine was busy with before, in processes; `server_version` is PostgreSQL's, if it took part.
    """
    import sqlite3
    found = {
        "processor": _value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load before": f"{load:.1f} processes" + (", so the figures are those of a busy machine" if load > 0.5 else ""),
        "memory": f"{int((_value('/proc/meminfo', 'MemTotal') or '0').split()[0]) / 1048576:.0f} GB",
        "system": f"{_system()}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }
    if server_version:
        found["PostgreSQL"] = server_version
    found.update({name: version(name) for name in PACKAGES})
    return found


def _value(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return ""


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]     # Python 3.10
    except (AttributeError, OSError):
        return platform.system()
