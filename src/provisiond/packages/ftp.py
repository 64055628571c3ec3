"""Fetching from FTP servers; every method blocks and belongs in a thread."""

from __future__ import annotations

import ftplib
import socket
from urllib.parse import unquote, urlsplit

from provisiond.packages.network_problems import NetworkProblem, RefusedByServer
from provisiond.packages.problems import DownloadProblem, InvalidCredentials
from provisiond.packages.urls import Credentials, public_url, split_credentials

CONNECT_SECONDS = 15.0
IDLE_SECONDS = 30.0
_FTP_ERRORS = (ftplib.Error, OSError, EOFError)


class FtpFile:
    """One file of an FTP server, read piece by piece in passive, binary mode.

    :param url: ``ftp://[user[:password]@]host[:port]/path``.
    :param credentials: used when the URL holds none; without them the user is ``anonymous``.
    """

    def __init__(self, url: str, credentials: Credentials | None = None, *, idle: float = IDLE_SECONDS) -> None:
        bare, inside = split_credentials(url)
        parts = urlsplit(bare)
        self._host, self._port = parts.hostname or "", parts.port or ftplib.FTP_PORT
        self._path = unquote(parts.path).lstrip("/")
        self._credentials = inside or credentials or Credentials("anonymous", "anonymous@")
        self._where = public_url(url)
        self._idle = idle
        self._ftp: ftplib.FTP | None = None
        self._data: socket.socket | None = None

    def open(self) -> int | None:
        """Connect, log in and begin the transfer; return the size that the server announces, if it does.

        :raises NetworkProblem: when it may work later.
        :raises InvalidCredentials: when the server refuses the user.
        :raises DownloadProblem: when the name cannot be asked for, or the server does not have it.
        """
        if not self._path or any(ord(char) < 32 for char in self._path):
            raise DownloadProblem(f"{self._where} names no file")
        try:
            return self._opened()
        except ftplib.error_perm as error:
            self.close()
            raise self._refused(str(error)) from error
        except _FTP_ERRORS as error:
            self.close()
            raise NetworkProblem(f"there is no connection to {self._where}") from error

    def _opened(self) -> int | None:
        self._ftp = ftp = ftplib.FTP(timeout=CONNECT_SECONDS)  # noqa: S321
        ftp.connect(self._host, self._port)
        if ftp.sock is not None:
            ftp.sock.settimeout(self._idle)
        ftp.timeout = self._idle
        ftp.login(self._credentials.user, self._credentials.password)
        ftp.voidcmd("TYPE I")
        self._data, size = ftp.ntransfercmd(f"RETR {self._path}")
        return size

    def _refused(self, answer: str) -> DownloadProblem:
        if answer.startswith("530"):
            return InvalidCredentials(f"{self._where} wants other credentials")
        status = int(answer[:3]) if answer[:3].isdigit() else 500
        return RefusedByServer(f"{self._where} answers with status {status}", status)

    def read(self, size: int) -> bytes:
        """Return the next piece, empty at the end.

        :raises NetworkProblem: when the connection is lost or nothing comes any more.
        """
        if self._data is None or self._ftp is None:
            return b""
        try:
            data = self._data.recv(size)
            if not data:
                self._data.close()
                self._data = None
                self._ftp.voidresp()
        except _FTP_ERRORS as error:
            raise NetworkProblem(f"the connection to {self._where} was lost") from error
        return data

    def close(self) -> None:
        """Close both connections."""
        if self._data is not None:
            self._data.close()
            self._data = None
        if self._ftp is not None:
            self._ftp.close()
            self._ftp = None
