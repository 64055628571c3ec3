"""A manager interface that follows a script, line by line, over a real socket."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from attrs import define, field

CHALLENGE = "840415273"


@define
class ScriptedAmi:
    """What was asked, and what is answered.

    :param answer: returns the response to an action, without its ActionID.
    """

    user: str
    secret: str
    answer: Callable[[dict[str, str]], str]
    actions: list[dict[str, str]] = field(factory=list)
    port: int = 0

    def serve(self, connection: socket.socket) -> None:
        """Speak with one client until it goes."""
        with connection, suppress(OSError):
            connection.sendall(b"Asterisk Call Manager/9.0.0\r\n")
            stream = connection.makefile("rb")
            while action := _action(stream):
                self.actions.append(action)
                text = self._response(action) + f"ActionID: {action['ActionID']}\r\n\r\n"
                connection.sendall(text.encode())

    def _response(self, action: dict[str, str]) -> str:
        if action["Action"] == "Challenge":
            return f"Response: Success\r\nChallenge: {CHALLENGE}\r\n"
        if action["Action"] == "Login":
            key = hashlib.md5((CHALLENGE + self.secret).encode()).hexdigest()
            if (action["Username"], action.get("Key")) == (self.user, key):
                return "Response: Success\r\nMessage: Authentication accepted\r\n"
            return "Response: Error\r\nMessage: Authentication failed\r\n"
        return self.answer(action)


def _action(stream: object) -> dict[str, str]:
    action: dict[str, str] = {}
    for line in iter(stream.readline, b""):  # type: ignore[attr-defined]
        text = line.decode().rstrip("\r\n")
        if not text:
            return action
        key, _, value = text.partition(": ")
        action[key] = value
    return {}


@contextmanager
def scripted_ami(
    user: str, secret: str, answer: Callable[[dict[str, str]], str], port: int = 0
) -> Iterator[ScriptedAmi]:
    """Listen on a port of the loopback, by default a free one."""
    ami = ScriptedAmi(user, secret, answer)
    with socket.create_server(("127.0.0.1", port)) as listener:
        ami.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=ami.serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield ami
        listener.shutdown(socket.SHUT_RDWR)
