"""A phone that listens for SIP: told to look for a new configuration, it answers and fetches its files again."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType

COPIED = (b"via:", b"from:", b"to:", b"call-id:", b"cseq:")


def answer(request: bytes, status: str = "200 OK") -> bytes:
    """Return the response to a request: its own Via, From, To, Call-ID and CSeq (RFC 3261, section 8.2.6.2)."""
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    copied = [line for line in lines if line.lower().startswith(COPIED)]
    tagged = [line + b";tag=phone" if line.lower().startswith(b"to:") else line for line in copied]
    return b"\r\n".join([f"SIP/2.0 {status}".encode(), *tagged, b"Content-Length: 0", b"", b""])


def event(request: bytes) -> str | None:
    """Return the event of a NOTIFY, or None for what is none."""
    if not request.startswith(b"NOTIFY "):
        return None
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return next(
        (line.partition(b":")[2].strip().decode() for line in lines if line.lower().startswith(b"event:")), None
    )


class SipPhone:
    """Answers NOTIFY at an address, in a thread of its own, until the end of the block.

    :param told: what the phone does with an event, after it has answered; once for each Call-ID.
    """

    def __init__(self, address: str, told: Callable[[str], object]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self._told = told
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._over = False

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> SipPhone:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End when what was begun is done."""
        self._over = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())
        self._thread.join(30)
        self._socket.close()

    def _work(self) -> None:
        known: set[bytes] = set()
        while not self._over:
            request, peer = self._socket.recvfrom(65_535)
            name = event(request)
            if name is None:
                continue
            self._socket.sendto(answer(request), peer)
            call = next((line for line in request.split(b"\r\n") if line.lower().startswith(b"call-id:")), b"")
            if call not in known:
                known.add(call)
                self._told(name)
