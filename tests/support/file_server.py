"""A file server on the loopback that behaves as badly as it is told to, in its own threads."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Exchange"], None]


class Exchange:
    """One request, as a behaviour sees it."""

    def __init__(self, handler: BaseHTTPRequestHandler, server: FileServer) -> None:
        self.handler = handler
        self.server = server
        self.headers = handler.headers
        self.path = handler.path

    def head(self, status: int, **headers: object) -> None:
        """Send the head of an answer; underscores in names stand for hyphens."""
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def send(self, status: int, body: bytes = b"", **headers: object) -> None:
        """Send a whole answer."""
        self.head(status, **{"Content_Length": len(body), **headers})
        if self.handler.command != "HEAD":
            self.body(body)

    def body(self, data: bytes) -> None:
        """Send a piece of the body."""
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def hang_up(self) -> None:
        """Close the connection now."""
        self.handler.close_connection = True
        self.handler.connection.shutdown(socket.SHUT_RDWR)

    def wait(self) -> None:
        """Send nothing more until the test ends or releases the server."""
        self.server.released.wait(30)


class FileServer:
    """Serves ``files`` over HTTP/1.1 with entity tags and ranges; ``behaviours`` replace that for single paths.

    A list of behaviours is used up one request at a time; the last one stays.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.behaviours: dict[str, list[Behaviour]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.released = threading.Event()
        self.ranges = True
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._answer(self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *args: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wrap(self, context: ssl.SSLContext) -> None:
        """Speak TLS; to be called before the start."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def once(self, path: str, *behaviours: Behaviour, then_normal: bool = True) -> None:
        """Behave so at the next requests of ``path``, then serve the file."""
        self.behaviours[path] = [*behaviours, *([serve] if then_normal else [])]

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the headers (names in lower case) of the requests of ``path``."""
        return [headers for _, asked, headers in self.requests if asked == path]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append((handler.command, handler.path, headers))
        behaviours = self.behaviours.get(handler.path, [serve])
        behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        try:
            behaviour(Exchange(handler, self))
        except (ConnectionError, OSError):
            handler.close_connection = True


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def serve(exchange: Exchange) -> None:
    """Serve the file as a good server does."""
    name = exchange.path.partition("?")[0]
    if "://" in name:
        name = "/" + name.split("://", 1)[1].partition("/")[2]
    content = exchange.server.files.get(name)
    if content is None:
        exchange.send(404, b"not here")
        return
    tag = etag(content)
    if exchange.headers.get("If-None-Match") == tag:
        exchange.head(304, ETag=tag)
        return
    wanted = exchange.headers.get("Range", "")
    if exchange.server.ranges and wanted.startswith("bytes=") and exchange.headers.get("If-Range", tag) == tag:
        start = int(wanted[6:].split("-")[0])
        if start >= len(content):
            exchange.send(416, b"", Content_Range=f"bytes */{len(content)}")
            return
        spread = f"bytes {start}-{len(content) - 1}/{len(content)}"
        exchange.send(206, content[start:], ETag=tag, Content_Range=spread)
        return
    exchange.send(200, content, ETag=tag)


def status(code: int, **headers: object) -> Behaviour:
    """Answer with this status."""
    return lambda exchange: exchange.send(code, b"", **headers)


def redirect(target: str, code: int = 302) -> Behaviour:
    """Redirect."""
    return status(code, Location=target)


def cut_after(size: int) -> Behaviour:
    """Announce the whole file, send ``size`` bytes and hang up."""

    def behaviour(exchange: Exchange) -> None:
        content = exchange.server.files[exchange.path]
        exchange.head(200, Content_Length=len(content), ETag=etag(content))
        exchange.body(content[:size])
        exchange.hang_up()

    return behaviour


def stall_after(size: int) -> Behaviour:
    """Announce the whole file, send ``size`` bytes and then nothing more."""

    def behaviour(exchange: Exchange) -> None:
        content = exchange.server.files[exchange.path]
        exchange.head(200, Content_Length=len(content), ETag=etag(content))
        exchange.body(content[:size])
        exchange.wait()

    return behaviour


def announce(size: int) -> Behaviour:
    """Announce ``size`` bytes, whatever the file has."""

    def behaviour(exchange: Exchange) -> None:
        exchange.head(200, Content_Length=size)
        exchange.body(exchange.server.files[exchange.path][:size])
        exchange.hang_up()

    return behaviour


@contextmanager
def file_server() -> Iterator[FileServer]:
    """Run a file server for the length of a block."""
    server = FileServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
