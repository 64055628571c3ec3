"""The few commands of FTP that a passive download needs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer


class FtpServer:
    """Serves ``files`` to one user; ``cut`` is the number of bytes after which a transfer breaks off."""

    def __init__(self, files: Mapping[str, bytes], user: str, password: str) -> None:
        self.cut: int | None = None
        outer = self

        class Handler(StreamRequestHandler):
            def answer(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

            def handle(self) -> None:
                self.answer("220 ready")
                given, listener = "", None
                while line := self.rfile.readline().decode().strip():
                    verb, _, argument = line.partition(" ")
                    if verb == "USER":
                        given = argument
                        self.answer("331 password")
                    elif verb == "PASS":
                        self.answer("230 in" if (given, argument) == (user, password) else "530 no")
                    elif verb == "EPSV":
                        listener = socket.create_server(("127.0.0.1", 0))
                        self.answer(f"229 ok (|||{listener.getsockname()[1]}|)")
                    elif verb == "PASV":
                        listener = socket.create_server(("127.0.0.1", 0))
                        port = listener.getsockname()[1]
                        self.answer(f"227 ok (127,0,0,1,{port >> 8},{port & 255})")
                    elif verb == "RETR":
                        self.send(argument, listener)
                        if outer.cut is not None:
                            return
                    else:
                        self.answer("200 ok")

            def send(self, name: str, listener: socket.socket | None) -> None:
                assert listener is not None
                content = files.get("/" + name.lstrip("/"))
                with listener:
                    if content is None:
                        self.answer("550 none")
                        return
                    connection, _ = listener.accept()
                    self.answer(f"150 here ({len(content)} bytes)")
                    with connection:
                        connection.sendall(content[: outer.cut])
                if outer.cut is None:
                    self.answer("226 done")

        class Server(ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

            def handle_error(self, *args: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@contextmanager
def ftp_server(files: Mapping[str, bytes], user: str, password: str) -> Iterator[FtpServer]:
    """Run an FTP server for the length of a block."""
    server = FtpServer(files, user, password)
    try:
        yield server
    finally:
        server.stop()
