"""The client that waits: standard library alone, one connection that is kept."""

from __future__ import annotations

import http.client
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

from provisiond.client.errors import ClientError, Unreachable, WrongRequest
from provisiond.client.faces import Blocking, Stream
from provisiond.client.messages import Answer, Conversation, Pause, Request, checked
from provisiond.client.resources import Resources
from provisiond.client.transports import (
    AGENT,
    STREAM_TIMEOUT,
    TIMEOUT,
    BlockingTransport,
    Origin,
    Tls,
    origin_of,
)

PIECE: Final = 64 * 1024
REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class HttpTransport:
    """One connection of http.client; opened when needed, used again while the server keeps it.

    :param timeout: longest silence of the server, in seconds.
    """

    def __init__(
        self, origin: Origin, token: str | None, tenant: str | None, tls: Tls, timeout: float = TIMEOUT
    ) -> None:
        self._origin = origin
        self._token = token
        self._tenant = tenant
        self._tls = tls
        self._timeout = timeout
        self._kept: http.client.HTTPConnection | None = None

    def send(self, request: Request) -> Answer:
        """Return the whole answer."""
        with self._told():
            if request.patience > self._timeout:
                return self._patient(request)
            response = self._answered(request)
            return _answer(response, response.read())

    def _patient(self, request: Request) -> Answer:
        """Return the answer to a request that takes the server long, over a connection of its own."""
        connection = self._connection(request.patience)
        try:
            response = self._exchanged(connection, request)
            return _answer(response, response.read())
        finally:
            connection.close()

    @contextmanager
    def open(self, request: Request) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """Return the answer without its body, and the body in pieces; on a connection of its own."""
        connection = self._connection(max(self._timeout, STREAM_TIMEOUT, request.patience))
        try:
            with self._told():
                response = self._exchanged(connection, request)
            yield _answer(response, b""), self._pieces(response)
        finally:
            connection.close()

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close the connection."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _answered(self, request: Request) -> http.client.HTTPResponse:
        """Return the answer's head; a connection that the server has closed meanwhile is replaced."""
        if self._kept is not None and _is_closed(self._kept):
            self.close()
        if self._kept is not None:
            try:
                return self._exchanged(self._kept, request)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                if request.method not in REPEATABLE:
                    raise
        self._kept = self._connection(self._timeout)
        return self._exchanged(self._kept, request)

    def _exchanged(self, connection: http.client.HTTPConnection, request: Request) -> http.client.HTTPResponse:
        headers = request.headers(self._token, self._tenant, AGENT)
        connection.request(request.method, self._origin.target(request), request.body(), headers)
        return connection.getresponse()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if not self._origin.secure:
            return http.client.HTTPConnection(self._origin.host, self._origin.port, timeout=timeout)
        return http.client.HTTPSConnection(
            self._origin.host, self._origin.port, timeout=timeout, context=_context(self._tls)
        )

    def _pieces(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        with self._told():
            while piece := response.read1(PIECE):
                yield piece

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what happens on the way into sentences."""
        try:
            yield
        except ClientError:
            raise
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(f"no answer from {self._origin.url}: {_reason(error)}") from None
        except ValueError:
            raise WrongRequest(
                "the token, the tenant or the address holds a character that HTTP does not take"
            ) from None


def _context(tls: Tls) -> Any:
    import ssl

    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise WrongRequest(f"the file of trusted authorities cannot be read: {_reason(error)}") from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Tell whether the server has closed an idle connection: such a one can be read from."""
    kept: socket.socket | None = connection.sock
    if kept is None:
        return True
    poll = select.poll()
    poll.register(kept, select.POLLIN)
    return bool(poll.poll(0))


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the server closed the connection"
    if isinstance(error, http.client.HTTPException):
        return "what came is not HTTP, or broke off"
    text = error.strerror if isinstance(error, OSError) else None
    return str(text or error or type(error).__name__)


def _answer(response: http.client.HTTPResponse, content: bytes) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(status=response.status, headers=headers, content=content)


class BlockingFace:
    """Carries conversations out on a transport that waits."""

    def __init__(self, transport: BlockingTransport) -> None:
        self._transport = transport

    def converse(self, conversation: Conversation[Any]) -> Any:
        """Return the result of a conversation."""
        answer = Answer(status=0)
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Pause):
                    self._transport.pause(step.seconds)
                else:
                    answer = self._transport.send(step)
                step = conversation.send(answer)
        except StopIteration as end:
            return end.value
        finally:
            conversation.close()

    def stream(self, stream: Stream[Any]) -> Iterator[Any]:
        """Yield what a stream brings."""
        decoder = stream.decoder()
        with self._transport.open(stream.request) as (head, pieces):
            if not 200 <= head.status < 300:
                checked(Answer(status=head.status, headers=head.headers, content=b"".join(pieces)))
            for piece in pieces:
                yield from decoder.feed(piece)
            yield from decoder.end()


class Client(Resources[Blocking]):
    """The API of one server. Calls return when the answer is there. Not for several threads at once.

    :param url: of the server, e.g. ``http://127.0.0.1:8666``; the API is at ``/0.2`` unless a path is given.
    :param token: text of a token; None for none.
    :param tenant: UUID of the tenant to act in; the token's own by default.
    :param tls: how the server's certificate is checked.
    :param timeout: longest silence of the server, in seconds.
    :param transport: carries the requests instead of one that this client makes.
    :raises WrongRequest: when the address is wrong.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        tenant: str | None = None,
        *,
        tls: Tls | None = None,
        timeout: float = TIMEOUT,
        transport: BlockingTransport | None = None,
    ) -> None:
        origin = origin_of(url)
        self._transport = transport or HttpTransport(origin, token, tenant, tls or Tls(), timeout)
        super().__init__(BlockingFace(self._transport))

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the connection."""
        self.close()
