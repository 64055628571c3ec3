"""An HTTP proxy on the loopback that knows CONNECT, counts what it is asked, and may want a password."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer


class ConnectProxy:
    """Tunnels to whatever it is asked for; ``authorization`` is what it wants to see in the request, if anything."""

    def __init__(self, authorization: str | None = None) -> None:
        self.asked: list[str] = []
        proxy = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                line = self.rfile.readline().decode()
                headers = []
                while (header := self.rfile.readline().decode().strip()) != "":
                    headers.append(header)
                proxy.asked.append(line.strip())
                if authorization and f"Proxy-Authorization: {authorization}" not in headers:
                    self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                    return
                host, _, port = line.split()[1].rpartition(":")
                with socket.create_connection((host, int(port)), 5) as upstream:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    relay(self.connection, upstream)

        class Server(ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

            def handle_error(self, *args: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways until both sides have ended."""

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=copy, args=(other, one), daemon=True)
    back.start()
    copy(one, other)
    back.join(5)


@contextmanager
def connect_proxy(authorization: str | None = None) -> Iterator[ConnectProxy]:
    """Run a proxy for the length of a block."""
    proxy = ConnectProxy(authorization)
    try:
        yield proxy
    finally:
        proxy.stop()
