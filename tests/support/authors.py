"""What an author types, and the web server that a channel is published on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.file_server import FileServer

ROOT = Path(__file__).parents[2]


def make(sources: Path, *words: str, fails: bool = False) -> str:
    """Call make in a directory and return what it prints."""
    done = subprocess.run(
        ["make", "--no-print-directory", "-C", str(sources), f"PYTHON={sys.executable}", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MAKEFLAGS": ""},
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def serve_directory(server: FileServer, directory: Path) -> None:
    """Let a file server offer what is in a directory now, and nothing else."""
    files = (path for path in directory.rglob("*") if path.is_file())
    server.files = {f"/{path.relative_to(directory).as_posix()}": path.read_bytes() for path in files}
