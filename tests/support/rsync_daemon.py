"""An rsync server on the loopback with one writable module."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def rsync_daemon(directory: Path) -> Iterator[str]:
    """Serve a directory for the length of a block; gives the address of its module."""
    program = shutil.which("rsync")
    assert program is not None, "rsync is needed (on Debian, the package rsync)"
    root = directory / "published"
    root.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = directory / "rsyncd.conf"
    who = f"uid = {os.getuid()}\ngid = {os.getgid()}\n" if os.getuid() == 0 else ""
    config.write_text(f"use chroot = no\n{who}[plugins]\npath = {root}\nread only = no\n")
    command = [program, "--daemon", "--no-detach", f"--config={config}", "--address=127.0.0.1", f"--port={port}"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        _wait_for(port, process)
        yield f"rsync://127.0.0.1:{port}/plugins"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, "the rsync server ended"
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.recv(8)
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("the rsync server does not listen")
