"""`make run` leaves no server behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from bench.server import ROOT, free_port

PROGRAM = """
import sys
from pathlib import Path
import bench.run as made
made.REST, made.HTTP, made.TFTP = map(int, sys.argv[2:])
made.VAR = Path(sys.argv[1])
made.install_missing = lambda rest: []
sys.exit(made.main())
"""


def test_the_server_ends_when_the_terminal_is_closed(tmp_path: Path) -> None:
    rest, http, tftp = free_port(), free_port(), free_port(socket.SOCK_DGRAM)
    ran = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "var"), str(rest), str(http), str(tftp)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ran.stdout is not None
    try:
        assert any(line == "Ctrl-C ends it.\n" for line in ran.stdout)
        with socket.create_connection(("127.0.0.1", rest), 30):
            pass
        ran.send_signal(signal.SIGHUP)
        assert ran.wait(60) == 0
    finally:
        ran.kill()
        ran.wait()
        ran.stdout.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", rest), 30)
