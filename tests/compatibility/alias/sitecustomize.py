"""Gives programs that import web2py's scheduler s3sync's instead. To be found in PYTHONPATH; changes no file of web2py."""
from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from pathlib import Path
from typing import Any

PLACE = Path(__file__).with_name("gluon_scheduler.py")


class Alias(importlib.abc.MetaPathFinder):
    """Finds gluon.scheduler in this folder."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_file_location(name, PLACE) if name == "gluon.scheduler" else None


sys.meta_path.insert(0, Alias())
