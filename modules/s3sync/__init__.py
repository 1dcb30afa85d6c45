"""s3sync: independent Sahana Eden sites (and other web2py applications) share their data."""
from __future__ import annotations

__version__ = "0.1.0"
