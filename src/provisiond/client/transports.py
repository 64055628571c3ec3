"""What carries requests: where to, with whose token, and the promise of a transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from provisiond import __version__
from provisiond.client.errors import WrongRequest
from provisiond.client.messages import PREFIXES, Answer, Request

AGENT: Final = f"provisiond-client/{__version__}"
TIMEOUT: Final = 30.0
STREAM_TIMEOUT: Final = 60.0


@frozen(kw_only=True)
class Tls:
    """How the server's certificate is checked.

    :param ca_file: PEM file with the authorities that are trusted; None for those of the system.
    :param verify: False trusts any certificate; only for tests on one's own machine.
    """

    ca_file: Path | None = None
    verify: bool = True


@frozen(kw_only=True)
class Origin:
    """Where the API is.

    :param prefix: path of the API, e.g. ``/0.2``.
    """

    secure: bool
    host: str
    port: int
    prefix: str

    @property
    def url(self) -> str:
        """The API's URL, without a final slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.prefix}"

    def target(self, request: Request) -> str:
        """Return path and query of a request at this server."""
        if not request.is_beside:
            return self.prefix + request.target
        # What a proxy publishes at …/api/provd has the package API below it and that of extensions beside it.
        root = self.prefix.removesuffix("/0.2")
        if request.path.startswith("/api/"):
            root = root.removesuffix("/provd").removesuffix("/api")
        elif not root.endswith("/api/provd"):
            root = root.removesuffix("/provd")
        return root + request.target


def origin_of(url: str) -> Origin:
    """Return where the API is.

    :param url: of the server, or of the API itself; without a path the API is taken to be at ``/0.2``.
    :raises WrongRequest: when it is no http or https URL, or holds a user, a query or a fragment.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WrongRequest("the address of the server is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongRequest("the address of the server must be of the form http://host:port or https://host:port")
    if parts.username is not None or parts.query or parts.fragment:
        raise WrongRequest("the address of the server must hold no user, no query and no fragment")
    secure = parts.scheme == "https"
    return Origin(secure=secure, host=parts.hostname, port=port or (443 if secure else 80), prefix=_prefix(parts))


def _prefix(parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    if not path:
        return PREFIXES[1]
    # A proxy may publish the API below any path; only its last part is ours.
    return f"{path}/0.2" if path.endswith("/api/provd") else path


class BlockingTransport(Protocol):
    """Carries requests and waits."""

    def send(self, request: Request) -> Answer:
        """Return the whole answer, of whatever status.

        :raises Unreachable: when none comes.
        """
        ...

    def open(self, request: Request) -> AbstractContextManager[tuple[Answer, Iterator[bytes]]]:
        """Return the answer without its body, and the body in pieces.

        :raises Unreachable: when none comes, or the connection breaks on the way.
        """
        ...

    def pause(self, seconds: float) -> None:
        """Wait."""
        ...

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        ...


class ConcurrentTransport(Protocol):
    """Carries requests by coroutines; the promises are those of :class:`BlockingTransport`."""

    async def send(self, request: Request) -> Answer: ...

    async def open(self, request: Request) -> tuple[Answer, AsyncIterator[bytes]]: ...

    async def pause(self, seconds: float) -> None: ...

    async def close(self) -> None: ...
