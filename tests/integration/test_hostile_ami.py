"""Manager interfaces that stall, talk without end or drop the login: over real sockets, with the real client."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.trial.unittest import TestCase

from provisiond.errors import Unavailable
from provisiond.sync.ami import Ami, AmiPlace
from provisiond.sync.ami_connection import AmiUser

GREETING = b"Asterisk Call Manager/9.0.0\r\n"
PING = [("Action", "Ping")]
Behaviour = Callable[[socket.socket], None]


def answered(connection: socket.socket, *, until: bytes) -> None:
    """Log a client in, answer its actions, and return when one holds ``until``."""
    connection.sendall(GREETING)
    stream = connection.makefile("rb")
    fields: dict[bytes, bytes] = {}
    for line in stream:
        if line.strip():
            key, _, value = line.partition(b": ")
            fields[key] = value.strip()
            continue
        if fields[b"Action"] == until:
            return
        connection.sendall(b"Response: Success\r\nActionID: %s\r\n\r\n" % fields[b"ActionID"])


def stalls(connection: socket.socket) -> None:
    answered(connection, until=b"Ping")
    connection.sendall(b"Response: Succ")
    connection.recv(1)


def drops_the_login(connection: socket.socket) -> None:
    answered(connection, until=b"Login")


def says_nothing(connection: socket.socket) -> None:
    connection.recv(1)


def talks_without_end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(1_024):
            connection.sendall(b"A" * 1_024)
    connection.close()


def sends_lines_without_end(connection: socket.socket) -> None:
    answered(connection, until=b"Ping")
    with contextlib.suppress(OSError):
        for _ in range(1_024):
            connection.sendall(b"Variable: x\r\n" * 1_024)


def sends_empty_lines(connection: socket.socket) -> None:
    answered(connection, until=b"Ping")
    connection.sendall(b"\n" * 2**20)
    connection.sendall(b"Response: Success\r\nActionID: provisiond-2\r\nPing: Pong\r\n\r\n")
    connection.recv(1)


def works(connection: socket.socket) -> None:
    answered(connection, until=b"nothing")


class HostileAmi(TestCase):
    """Each connection of a client meets the next behaviour."""

    timeout = 120

    def listening(self, *behaviours: Behaviour, seconds: float = 2.0) -> Ami:
        listener = socket.create_server(("127.0.0.1", 0))
        self.connections = 0

        def accept() -> None:
            for behaviour in behaviours:
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    self.connections += 1
                    with connection:
                        behaviour(connection)
            listener.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        place = AmiPlace(
            host="127.0.0.1", port=listener.getsockname()[1], user=AmiUser("provisiond", "s3cret", challenge=False)
        )
        ami = Ami(reactor, place, answer_seconds=seconds)
        self.addCleanup(lambda: Deferred.fromCoroutine(ami.stop()))
        return ami

    def work(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(work)

    async def answers_again(self, ami: Ami) -> None:
        """Ask until the pause is over; trial's time-out ends it otherwise."""
        while "the next attempt is in" in (said := await self.said(ami)):
            await deferLater(reactor, 0.05)
        assert said == "Success"

    async def said(self, ami: Ami) -> str:
        try:
            return (await ami.perform(PING)).get("Response")
        except Unavailable as problem:
            return problem.sentence

    def test_one_that_stalls_is_left_and_those_who_wait_are_told_at_once(self) -> Deferred[None]:
        async def work() -> None:
            ami = self.listening(stalls, works)
            waiting = [Deferred.fromCoroutine(self.said(ami)) for _ in range(50)]
            said = [await each for each in waiting]
            assert said[0] == "Asterisk's manager interface did not answer within 2 seconds"
            assert all("the next attempt is in" in sentence for sentence in said[1:]), said
            assert self.connections == 1
            await self.answers_again(ami)

        return self.work(work())

    def test_one_that_drops_the_login(self) -> Deferred[None]:
        async def work() -> None:
            ami = self.listening(drops_the_login, works)
            assert await self.said(ami) == "Asterisk's manager interface closed the connection"
            assert "the next attempt is in" in await self.said(ami)
            await self.answers_again(ami)

        return self.work(work())

    def test_one_that_says_nothing(self) -> Deferred[None]:
        async def work() -> None:
            assert await self.said(self.listening(says_nothing)) == "Asterisk's manager interface does not greet"

        return self.work(work())

    def test_a_banner_of_a_megabyte_is_cut_off(self) -> Deferred[None]:
        async def work() -> None:
            said = await self.said(self.listening(talks_without_end))
            assert said == "Asterisk's manager interface sends a line without end"

        return self.work(work())

    def test_a_message_without_end_is_cut_off(self) -> Deferred[None]:
        async def work() -> None:
            said = await self.said(self.listening(sends_lines_without_end))
            assert said == "Asterisk's manager interface sends a message without end"

        return self.work(work())

    def test_a_megabyte_of_empty_lines_holds_nobody_up(self) -> Deferred[None]:
        async def work() -> None:
            turns: list[int] = []
            others = LoopingCall(turns.append, 1)
            others.start(0.001)
            assert (await self.listening(sends_empty_lines, seconds=60).perform(PING)).get("Ping") == "Pong"
            others.stop()
            assert len(turns) >= 5, "the reactor did nothing else meanwhile"

        return self.work(work())
