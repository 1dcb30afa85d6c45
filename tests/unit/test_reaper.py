"""Servers do not outlive tests that were killed."""
from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import reaper

SESSION = """
import subprocess, sys, threading, time
sys.path.insert(0, sys.argv[1])
import reaper
started = []
def start(deaf):
    code = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " * deaf + "print(1, flush=True); time.sleep(120)"
    code = "import signal, time; " + code
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=deaf)
    process.stdout.readline()
    reaper.watch(process.pid)
    started.append(process)
for deaf in (False, True):
    thread = threading.Thread(target=start, args=[deaf])     # its end is not that of the tests
    thread.start()
    thread.join()
print(*(process.pid for process in started), flush=True)
time.sleep(120)
"""


def test_what_was_started_ends_with_a_session_that_is_killed() -> None:
    folder = str(Path(reaper.__file__).parent)
    with subprocess.Popen([sys.executable, "-c", SESSION, folder], stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        pids = [int(word) for word in session.stdout.readline().split()]
        time.sleep(.3)
        assert len(pids) == 2 and all(reaper.birth(pid) for pid in pids)
        session.kill()
    until = time.monotonic() + 30
    while any(reaper.birth(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(.05)
    assert [reaper.birth(pid) for pid in pids] == [None, None]
