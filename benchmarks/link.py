"""A slow link: hands bytes between a port and a server on, each some time later, and not more than so many a second.

    python benchmarks/link.py PORT TARGET_PORT ROUND_TRIP_SECONDS BYTES_PER_SECOND
"""
from __future__ import annotations

import queue
import socket
import sys
import threading
import time

CHUNK = 4096


class Link:
    """What all connections over it have in common: its capacity, in both directions together."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free = time.monotonic()
        self._lock = threading.Lock()

    def sent_at(self, size: int) -> float:
        """When so many bytes more are through."""
        with self._lock:
            self._free = max(self._free, time.monotonic()) + size / self._rate
            return self._free


def carry(source: socket.socket, target: socket.socket, link: Link, delay: float) -> None:
    """One direction of one connection, until it ends; what is on its way does not hold up what follows."""
    under_way: queue.Queue[tuple[float, bytes]] = queue.Queue()
    threading.Thread(target=deliver, args=(under_way, target), daemon=True).start()
    while True:
        try:
            data = source.recv(CHUNK)
        except OSError:
            data = b""
        through = link.sent_at(len(data))
        under_way.put((through + delay, data))
        if not data:
            return
        time.sleep(max(0.0, through - time.monotonic()))          # who sends notices how slow it is


def deliver(under_way: queue.Queue[tuple[float, bytes]], target: socket.socket) -> None:
    """What was sent arrives."""
    while True:
        moment, data = under_way.get()
        time.sleep(max(0.0, moment - time.monotonic()))
        try:
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)
        except OSError:
            return


def serve(port: int, target: int, round_trip: float, rate: float) -> None:
    """For ever."""
    link = Link(rate)
    with socket.create_server(("127.0.0.1", port), backlog=50) as server:
        while True:
            near, _ = server.accept()
            time.sleep(round_trip)                                 # the three-way handshake
            far = socket.create_connection(("127.0.0.1", target))
            for source, other in ((near, far), (far, near)):
                threading.Thread(target=carry, args=(source, other, link, round_trip / 2), daemon=True).start()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
