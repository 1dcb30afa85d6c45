"""Ends servers that the tests have started when the tests themselves die, however that happens (``kill -9`` included).

A small process of its own reads from a pipe what was started; when the pipe's other end is gone, so are the tests. (Linux could
send a signal at the parent's death, but takes the end of the thread that started a process for that.)
"""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import IO

#: in turn, as long as a process does not end: in good order, PostgreSQL's "immediately", at once
SIGNALS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL)
PATIENCE = 4.0

_pipe: list[IO[str]] = []


def watch(pid: int) -> None:
    """This process, with its group if it leads one, shall not outlive us."""
    born = birth(pid)
    if born is None:
        return
    if not _pipe:
        reaper = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        assert reaper.stdin is not None
        _pipe.append(reaper.stdin)
    _pipe[0].write(f"{pid} {born}\n")
    _pipe[0].flush()


def birth(pid: int) -> str | None:
    """When a live process began, by which it is told from a later one of the same number; None if there is none, or no Linux."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as source:
            words = source.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if words[0] == "Z" else words[19]


def end(started: dict[int, str]) -> None:
    """End those that still are what they were."""
    for number in SIGNALS:
        for pid in [pid for pid, born in started.items() if birth(pid) == born]:
            try:
                if os.getpgid(pid) == pid:
                    os.killpg(pid, number)
                else:
                    os.kill(pid, number)
            except ProcessLookupError:
                continue
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and any(birth(pid) == born for pid, born in started.items()):
            time.sleep(.05)


def main() -> None:
    """Read until the tests are gone."""
    started: dict[int, str] = {}
    for line in sys.stdin:
        pid, _, born = line.strip().partition(" ")
        started[int(pid)] = born
    end(started)


if __name__ == "__main__":
    main()
