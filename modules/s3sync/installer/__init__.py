"""Puts the drop-in into a web2py application and takes it out again, without losing a byte of what was there.

The manifest, ``private/s3sync-install/manifest.json``, is written before anything else is touched, every file is
replaced by an atomic rename, and what a file replaces is kept beside the manifest first. So an interrupted
installation can be repeated or uninstalled.
"""
from __future__ import annotations

from .application import Application
from .install import install
from .payload import Payload
from .plan import Plan, Step
from .uninstall import uninstall

__all__ = ["Application", "Payload", "Plan", "Step", "install", "uninstall"]
