"""Services that answer read requests over TFTP."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, TypedDict

from provisiond.errors import ProvisiondError
from provisiond.legacy.surface.servers.tftp.packet import ERR_FNF, Packet
from provisiond.legacy.surroundings import HERE
from provisiond.paths import UnsafeName, contained


class TFTPRequest(TypedDict):
    """A read request: address and port of the peer, and the packet."""

    address: tuple[str, int]
    packet: Packet


class AbstractTFTPReadService(ABC):
    """Answers read requests."""

    @abstractmethod
    def handle_read_request(self, request: Any, response: Any) -> None:
        """Call ``accept``, ``reject`` or ``ignore`` of the response, now or later."""


ITFTPReadService = AbstractTFTPReadService


class TFTPNullService(AbstractTFTPReadService):
    """Refuses every request."""

    def __init__(self, errcode: bytes = ERR_FNF, errmsg: str = "File not found") -> None:
        self.errcode = errcode
        self.errmsg = errmsg

    def handle_read_request(self, request: Any, response: Any) -> None:
        """Refuse."""
        response.reject(self.errcode, self.errmsg)


class TFTPStringService(AbstractTFTPReadService):
    """Answers every request with the same text."""

    def __init__(self, msg: str) -> None:
        self._msg = msg

    def handle_read_request(self, request: Any, response: Any) -> None:
        """Serve the text."""
        response.accept(BytesIO(self._msg.encode()))


class TFTPFileService(AbstractTFTPReadService):
    """Serves the files below a directory, by the server's own rules."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)

    def handle_read_request(self, request: Any, response: Any) -> None:
        """Serve a file."""
        try:
            name = os.path.normpath(request["packet"]["filename"].decode("ascii").lstrip("/"))
            if name.startswith("..") or any(part.startswith(".") for part in name.split("/")) or name.endswith(".tmp"):
                raise FileNotFoundError(name)
            file = contained_file(self.path, name)
        except (OSError, UnicodeDecodeError, ProvisiondError):
            response.reject(ERR_FNF, "File not found")
        else:
            response.accept(file)


def contained_file(root: str, name: str) -> Any:
    """Return an open file below a directory.

    :raises OSError: when there is none.
    :raises provisiond.paths.UnsafeName: when the name leads out of the directory.
    """
    try:
        path = contained(Path(root), name)
    except UnsafeName:
        # What the plugin sees of its static files are links into the installed one.
        path = contained(HERE.at_home(root), name)
    return path.open("rb")


class TFTPHookService(AbstractTFTPReadService):
    """Does something before another service answers."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def _pre_handle(self, request: Any) -> None:
        """Do nothing; to be overridden."""

    def handle_read_request(self, request: Any, response: Any) -> None:
        """Call the hook, then the service."""
        self._pre_handle(request)
        self._service.handle_read_request(request, response)


class TFTPLogService(TFTPHookService):
    """Logs a line before another service answers."""

    def __init__(self, logger: Callable[[str], None], service: Any) -> None:
        super().__init__(service)
        self._logger = logger

    def _pre_handle(self, request: Any) -> None:
        packet, address = request["packet"], request["address"]
        self._logger(f"TFTP request from {address} - filename {packet['filename']!r} - mode {packet['mode']!r}")
