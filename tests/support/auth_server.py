"""An authentication service of our own that speaks wazo-auth's token check, on a port of the loopback."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from attrs import define, field

from provisiond.model.tokens import granted

PREFIX = "/api/auth/0.1"


@define
class AuthServer:
    """What the service knows, and what it was asked.

    :param tokens: token -> the member ``data`` of the answer.
    :param tenants: rows of the list of tenants.
    :param status: answer every request with this status.
    """

    url: str = ""
    tokens: dict[str, dict[str, Any]] = field(factory=dict)
    tenants: list[dict[str, Any]] = field(factory=list)
    status: int | None = None
    content: bytes | None = None
    hold: threading.Event | None = None
    asked: list[tuple[str, str | None]] = field(factory=list)

    def add(self, token: str, tenant: str, *acl: str, **members: Any) -> None:
        """Make a token."""
        metadata = {"uuid": f"user-of-{token}", "tenant_uuid": tenant}
        data = {"token": token, "auth_id": f"user-of-{token}", "session_uuid": "session", "acl": list(acl)}
        self.tokens[token] = {**data, "metadata": metadata, "utc_expires_at": None, **members}

    def answer(self, target: str, token: str | None) -> tuple[int, bytes]:
        """Return status and body of the answer to a request."""
        parts = urlsplit(target)
        words = parts.path.removeprefix(PREFIX).strip("/").split("/")
        scope = parse_qs(parts.query).get("scope", [None])[0]
        self.asked.append((unquote(parts.path.removeprefix(PREFIX)), scope))
        if self.hold is not None:
            self.hold.wait(60)
        if self.status is not None:
            return self.status, self.content or b"{}"
        if words == ["tenants"]:
            return (200, json.dumps({"items": self.tenants}).encode()) if token in self.tokens else (401, b"{}")
        data = self.tokens.get(unquote(words[1])) if words[0] == "token" and len(words) == 2 else None
        if data is None:
            return 404, b'{"message": "No such token"}'
        if scope is not None and not granted(data["acl"], scope):
            return 403, b'{"message": "no access"}'
        return 200, json.dumps({"data": data}).encode()


@contextmanager
def auth_server(context: ssl.SSLContext | None = None) -> Iterator[AuthServer]:
    """Serve until the end of the block.

    :param context: for https, with a certificate for ``localhost``.
    """
    knows = AuthServer()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, content = knows.answer(self.path, self.headers.get("X-Auth-Token"))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    host = "http://127.0.0.1" if context is None else "https://localhost"
    knows.url = f"{host}:{server.server_port}{PREFIX}"
    try:
        yield knows
    finally:
        if knows.hold is not None:
            knows.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
