"""A real provisiond for tests that look at it from outside."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define
from bench.server import ROOT, Rest, Server, free_port, write_settings


def build_repository(destination: Path, sources: Path = ROOT / "plugins") -> Path:
    """Build every plugin, by default the shipped ones; return the directory with ``plugins.db`` and the archives."""
    tool = [sys.executable, "-m", "provisiond.packages.authoring"]
    built, repository = destination / "built", destination / "repository"
    for arguments in (
        ["build", "--source", str(sources), "--destination", str(built)],
        ["package", "--source", str(built), "--destination", str(repository)],
        ["index", str(repository)],
    ):
        subprocess.run([*tool, *arguments], check=True, capture_output=True)
    return repository


@define
class Running:
    """A server, its ports and its API."""

    server: Server
    rest_port: int
    http: int
    tftp: int

    @property
    def rest(self) -> Rest:
        """The API, with the administrator's token."""
        return self.server.rest(self.rest_port)

    def install(self, *plugins: str) -> None:
        """Install plugins of the repository."""
        self.rest.finish("/pg_mgr/install/update", {})
        for plugin in plugins:
            self.rest.finish("/pg_mgr/install/install", {"id": plugin})


def prepared(directory: Path, repository: Path) -> Running:
    """Return a server that is not started yet."""
    rest, http, tftp = free_port(), free_port(), free_port(socket.SOCK_DGRAM)
    settings = write_settings(directory, rest=rest, http=http, tftp=tftp, repository=repository)
    return Running(Server(settings), rest, http, tftp)


@contextmanager
def running(directory: Path, repository: Path) -> Iterator[Running]:
    """Start a server and end it afterwards."""
    server = prepared(directory, repository)
    server.server.start()
    try:
        yield server
    finally:
        server.server.stop()
