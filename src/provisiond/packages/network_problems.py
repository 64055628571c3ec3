"""What the network's exceptions mean to whoever wanted a file."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.web.client import PartialDownloadError, RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived

from provisiond.packages.problems import DownloadProblem
from provisiond.packages.urls import Credentials, public_url


class NetworkProblem(DownloadProblem):
    """The network or the server failed in a way that may pass."""

    code = "download-failed"


class RefusedByServer(DownloadProblem):
    """The server answered with a status that will not change by asking again."""

    code = "download-failed"

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class LeadsToFtp(DownloadProblem):
    """The file is on an FTP server, which is asked without HTTP when no proxy is set for it."""

    code = "download-failed"

    def __init__(self, url: str, credentials: Credentials | None) -> None:
        super().__init__(f"{public_url(url)} is on an FTP server")
        self.url = url
        self.credentials = credentials


def told(error: BaseException, url: str) -> DownloadProblem | None:
    """Return the problem that an exception of the network means, or None if it is not one of the network."""
    where = public_url(url)
    if isinstance(error, UnicodeError):
        return DownloadProblem(f"{where} has a host that cannot exist")
    if isinstance(error, DNSLookupError):
        return NetworkProblem(f"the host of {where} is not known")
    if isinstance(error, (ConnectError, ConnectTimeout)):
        return NetworkProblem(f"there is no connection to {where}")
    if isinstance(error, (ResponseNeverReceived, RequestTransmissionFailed, ResponseFailed)):
        if any(_is_about_tls(reason.value) for reason in error.reasons):
            return DownloadProblem(f"the certificate of {where} is not trusted, or its encryption is broken")
        if any(isinstance(reason.value, DownloadProblem) for reason in error.reasons):
            return next(reason.value for reason in error.reasons if isinstance(reason.value, DownloadProblem))
        return NetworkProblem(f"the connection to {where} was lost")
    if isinstance(error, (ConnectionDone, ConnectionLost, PartialDownloadError, CancelledError)):
        return NetworkProblem(f"the connection to {where} was lost")
    return None


def _is_about_tls(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in ("OpenSSL", "service_identity")
