"""`make demo` and `make demo-once`, as a newcomer meets them."""
from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from sites import REPOSITORY, free_port


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """The demo as a process of its own, in an environment as bare as cron's."""
    environment = {"HOME": os.environ.get("HOME", "/"), "PATH": os.environ["PATH"]}
    return subprocess.Popen([sys.executable, str(REPOSITORY / "examples" / "demo"), "--folder", str(folder), *options],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
                            encoding="utf-8", cwd=folder.parent, start_new_session=True)


def processes_in(folder: Path) -> list[int]:
    """Processes whose working directory lies in a folder: servers, workers and their children."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                place = os.readlink(f"/proc/{entry}/cwd")
            except OSError:
                continue
            if place.startswith(str(folder)):
                found.append(int(entry))
    return found


def wait_for_worker(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until two servers and the worker run."""
    end = time.monotonic() + 120
    while not (folder / "local" / "worker.pid").exists() and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.2)
    assert len(processes_in(folder)) >= 3


def test_demo_once_synchronises_real_data_and_proves_it(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(folder, "--once", "--ports", str(port), str(free_port()))
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert f"Port {port} is taken" in output
    figures = json.loads(output.splitlines()[-1])
    assert figures["ok"] and figures["differences"] == 0
    loaded = figures["input"]
    assert loaded["countries"] > 240 and loaded["cities"] > 25000 and loaded["airports"] > 28000
    assert figures["compared"] > loaded["countries"] + loaded["cities"] + loaded["airports"]
    first = {(task["resource"], task["direction"]): task for task in figures["first_run"]["tasks"]}
    assert first["gis_location", "pull"]["created"] == loaded["countries"] + loaded["cities"]
    assert first["transport_airport", "pull"]["created"] == loaded["airports"]
    assert first["org_organisation", "push"]["created"] >= loaded["organisations"] + loaded["offices"]
    assert figures["second_run"]["records"] == figures["changed"] > 20
    assert {table: result["deleted"] for table, result in figures["comparison"].items()} == {
        "gis_location": 0, "transport_airport": 3, "org_organisation": 1, "org_office": 1}
    assert processes_in(folder) == []


def test_ctrl_c_in_the_middle_stops_every_process(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    process = start(folder, "--ports", str(free_port()), str(free_port()))
    try:
        wait_for_worker(folder, process)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert "Stopping" in output
    assert processes_in(folder) == []


def test_what_a_killed_demo_left_running_is_stopped_by_the_next_one(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    process = start(folder, "--ports", str(free_port()), str(free_port()))
    wait_for_worker(folder, process)
    process.kill()
    process.communicate()
    assert len(processes_in(folder)) >= 3
    subprocess.run([sys.executable, str(REPOSITORY / "examples" / "demo" / "sites.py"), "stop",
                    str(folder / "local"), str(folder / "remote")], check=True)
    assert processes_in(folder) == []
