"""A running daemon whose plugins and firmware come from the loopback; for tests of client and commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from tests.support.demo_repository import demo_repository
from tests.support.file_server import FileServer
from tests.support.servers import Running, running


@frozen
class DemoServer:
    """A daemon, the repository it knows, and the server of its firmware."""

    running: Running
    firmware: FileServer
    repository: Path

    @property
    def url(self) -> str:
        """The address of the API's listener."""
        return f"http://127.0.0.1:{self.running.rest_port}"

    @property
    def token_file(self) -> Path:
        """The file of the first start."""
        return self.running.server.state / "admin-token"

    @property
    def token(self) -> str:
        """The administrator's token."""
        return self.token_file.read_text().strip()

    def offer(self, version: str) -> None:
        """Let the repository offer another version of the plugins."""
        demo_repository(self.repository, self.firmware, version)


@contextmanager
def demo_server(directory: Path) -> Iterator[DemoServer]:
    """Start a daemon and end it afterwards."""
    firmware = FileServer()
    firmware.start()
    try:
        repository = demo_repository(directory / "repository", firmware)
        with running(directory / "server", repository) as server:
            yield DemoServer(server, firmware, repository)
    finally:
        firmware.stop()
