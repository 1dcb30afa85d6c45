"""Tasks for the workers of the tests."""
from __future__ import annotations

import os
import signal
import time
from typing import Any


def note(path: str, text: object, seconds: float = 0) -> str:
    """Add a line to a file (one write, so that lines of several processes do not mix), then take some time."""
    with open(path, "ab", buffering=0) as target:
        target.write(f"{text} {os.getpid()}\n".encode())
    time.sleep(seconds)
    return f"noted {text}"


def chatter(seconds: float) -> None:
    """Print all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        print("still here", flush=True)
        time.sleep(0.02)


def stubborn(seconds: float) -> None:
    """Print all the time, and do not listen to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf")
    chatter(seconds)


def polite(path: str) -> str:
    """Come to a good end when asked to."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    note(path, "begun")
    while not asked:
        time.sleep(0.05)
    note(path, "ended")
    return "stopped in good order"


def fail_twice(path: str) -> str:
    """Fail at the first two attempts."""
    note(path, "attempt")
    with open(path) as source:
        count = len(source.readlines())
    if count < 3:
        raise RuntimeError(f"attempt {count} failed")
    return f"attempt {count}"


def talk() -> dict[str, Any]:
    """Print before, between and after."""
    print("forgotten !clear!kept")
    os.system("echo from a program")
    return {"long": "ä" * 100_000}


TASKS = {task.__name__: task for task in (note, chatter, stubborn, polite, fail_twice, talk)}
