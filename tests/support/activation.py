"""A service manager in small: opens sockets once, hands them to one server after the other, and hears what it tells."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import yaml
from bench.server import ROOT, write_settings

_SHIM = """
import os, sys
count = int(sys.argv[1])
# from the highest on, so that none is overwritten before it is copied
held = [os.dup(int(fd)) for fd in sys.argv[2].split(",")]
for place, fd in enumerate(held):
    os.dup2(fd, 100 + place)
for place in range(count):
    os.dup2(100 + place, 3 + place)
os.closerange(3 + count, 200)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(count)
os.execv(sys.executable, [sys.executable, "-m", "provisiond.daemon", *sys.argv[3:]])
"""


def opened(kind: int, *, port: int = 0) -> socket.socket:
    """Return a socket as socket units open them, on a loopback port."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port))
    if kind == socket.SOCK_STREAM:
        sock.listen(4096)
    return sock


class Activated:
    """A server that is started again and again on the same sockets.

    :param tftp_sockets: how many UDP sockets share the TFTP port.
    """

    def __init__(self, directory: Path, repository: Path, *, tftp_sockets: int = 1, workers: int = 1) -> None:
        self.rest, self.http = opened(socket.SOCK_STREAM), opened(socket.SOCK_STREAM)
        first = opened(socket.SOCK_DGRAM)
        port = first.getsockname()[1]
        self.tftp = [first, *(opened(socket.SOCK_DGRAM, port=port) for _ in range(tftp_sockets - 1))]
        self._names = ["rest", "http", *("tftp" for _ in self.tftp)]
        ports = {"rest": self.port(self.rest), "http": self.port(self.http), "tftp": port}
        self.settings = write_settings(directory, **ports, repository=repository)
        document = yaml.safe_load(self.settings.read_text())
        document["general"]["workers"] = workers
        document["http"]["listen"] = "systemd:http"
        document["tftp"]["requests_per_peer"] = 0
        self.settings.write_text(yaml.safe_dump(document))
        self.log = directory / "provisiond.log"
        self._heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._heard.bind(str(directory / "notify"))
        self._told: Queue[str] = Queue()
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.process: subprocess.Popen[bytes] | None = None
        self.state = Path(document["general"]["state_dir"])

    @staticmethod
    def port(sock: socket.socket) -> int:
        """Return the port of a socket."""
        return int(sock.getsockname()[1])

    def start(self) -> None:
        """Start a server, without waiting for it."""
        fds = [sock.fileno() for sock in (self.rest, self.http, *self.tftp)]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "NOTIFY_SOCKET": self._heard.getsockname(),
            "WATCHDOG_USEC": "1000000",
            "LISTEN_FDNAMES": ":".join(self._names),
        }
        numbers = ",".join(map(str, fds))
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SHIM, str(len(fds)), numbers, "--config", str(self.settings)],
                pass_fds=fds,
                env=environment,
                stdout=out,
                stderr=out,
            )

    def hears(self, beginning: str, seconds: float = 90) -> str:
        """Return the first message not yet returned that begins so, and forget those before it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                message = self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"nobody told {beginning}; the log: {self.log.read_text()[-2000:]}") from None
            if message.startswith(beginning):
                return message

    def _listen(self) -> None:
        # Always, as systemd does: the kernel keeps a few messages only.
        while message := self._heard.recv(4096):
            self._told.put(message.decode())

    def signal(self, number: int) -> None:
        """Send the server a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """End the server and return its exit status; the sockets stay open."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(60)

    def sockets(self) -> Sequence[socket.socket]:
        """Return all sockets."""
        return (self.rest, self.http, *self.tftp, self._heard)

    def close(self) -> None:
        """End the server and close the sockets."""
        if self.process is not None:
            self.stop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._heard.getsockname())
        self._listener.join()
        for sock in self.sockets():
            sock.close()
