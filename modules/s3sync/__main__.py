"""``python -m s3sync`` is the s3sync command."""
from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
