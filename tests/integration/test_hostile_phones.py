"""Phones that never answer a NOTIFY, answer twice, or have somebody else answer: over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from bench.sip_phone import answer
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from provisiond.errors import Unavailable
from provisiond.sync.notify_request import phone_target
from provisiond.sync.sip_sending import SipSending

T1 = 0.03
PHONE, STRANGER = "127.0.4.1", "127.0.4.2"
Peer = tuple[str, int]


class HostilePhones(TestCase):
    """A thread plays the phone with the sockets of two addresses."""

    timeout = 120

    def setUp(self) -> None:
        self.phone, self.stranger = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.phone.bind((PHONE, 0))
        self.stranger.bind((STRANGER, 0))
        self.phone.settimeout(60)
        self.heard: list[bytes] = []
        self.addCleanup(self.stranger.close)

    def notified(self, plays: Callable[[bytes, Peer], object]) -> Deferred[str]:
        def listen() -> None:
            with self.phone:
                while not self.over:
                    data, peer = self.phone.recvfrom(65_535)
                    if data:
                        self.heard.append(data)
                        plays(data, peer)

        self.over = False
        place: Peer = self.phone.getsockname()
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()

        def end(result: Any) -> Any:
            self.over = True
            self.stranger.sendto(b"", place)
            thread.join(30)
            return result

        return Deferred.fromCoroutine(self.outcome(place[1])).addBoth(end)

    async def outcome(self, port: int) -> str:
        target = phone_target(PHONE, "1001", transport="udp", port=port)
        try:
            return str((await SipSending(reactor, t1=T1).notify(target, "check-sync")).status)
        except Unavailable as problem:
            return problem.sentence

    def run_in_order(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(work)

    def test_never(self) -> Deferred[None]:
        async def work() -> None:
            assert await self.notified(lambda data, peer: None) == "the phone did not answer"
            # RFC 3261, section 17.1.2.2: again and again, each time the very same, at growing intervals.
            assert 3 <= len(self.heard) <= 12
            assert len(set(self.heard)) == 1

        return self.run_in_order(work())

    def test_twice_and_once_more_with_something_else(self) -> Deferred[None]:
        def plays(data: bytes, peer: Peer) -> None:
            for status in ("100 Trying", "200 OK", "200 OK", "500 Changed my mind"):
                self.phone.sendto(answer(data, status), peer)

        async def work() -> None:
            assert await self.notified(plays) == "200"

        return self.run_in_order(work())

    def test_from_elsewhere(self) -> Deferred[None]:
        def plays(data: bytes, peer: Peer) -> None:
            self.stranger.sendto(answer(data), peer)

        async def work() -> None:
            assert await self.notified(plays) == "the phone did not answer"

        return self.run_in_order(work())

    def test_to_another_question_and_in_another_tongue(self) -> Deferred[None]:
        def plays(data: bytes, peer: Peer) -> None:
            for wrong in (
                answer(data.replace(b"z9hG4bK", b"z9hG4bKx")),
                answer(data).replace(b" NOTIFY", b" OPTIONS"),
                answer(data).replace(b"CSeq: ", b"CSeq: 9"),
                data,
                b"HTTP/1.1 200 OK\r\n\r\n",
                b"SIP/2.0 200 OK\r\n\r\n",
                b"\0" * 1_000,
            ):
                self.phone.sendto(wrong, peer)
            self.phone.sendto(answer(data, "486 Busy Here"), peer)

        async def work() -> None:
            assert await self.notified(plays) == "486"

        return self.run_in_order(work())
