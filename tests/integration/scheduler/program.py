"""A worker: ``python program.py URI FOLDER [heartbeat]``. Tests start several of them."""
from __future__ import annotations

import sys

from chores import TASKS


def main() -> None:
    # here, because the process of each task imports this module again
    from shifted import Shifted, connect
    uri, folder = sys.argv[1:3]
    heartbeat = float(sys.argv[3]) if len(sys.argv) > 3 else 1
    Shifted(connect(uri, folder), TASKS, heartbeat=heartbeat, migrate=False).loop()


if __name__ == "__main__":
    main()
