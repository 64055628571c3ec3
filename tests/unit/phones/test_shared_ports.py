"""Ports that several processes take connections from."""

from __future__ import annotations

import select
import socket
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Port

from provisiond.phones.sharing.ports import ACCEPTS_PER_TURN, share


class Reactor:
    """Watches nothing; a test lets the port have its turn."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


class Closing(Protocol):
    """A connection that is over at once."""

    def connectionMade(self) -> None:  # noqa: N802
        transport: Any = self.transport
        transport.socket.close()


def listening() -> Any:
    factory = Factory.forProtocol(Closing)
    factory.noisy = False
    port: Any = Port(0, factory, interface="127.0.0.1", reactor=Reactor())
    port.startListening()
    return port


def taken_in_a_turn(port: Any, clients: int) -> int:
    """Return how many of so many clients that knock at once are let in in one turn."""
    waiting = []
    for _ in range(clients):
        client = socket.create_connection(("127.0.0.1", port.getHost().port), timeout=30)
        waiting.append(client)
    select.select([port.fileno()], [], [], 30)
    before = port.sessionno
    port.doRead()
    for client in waiting:
        client.close()
    return int(port.sessionno - before)


def test_a_port_of_one_process_takes_all_that_wait() -> None:
    port = listening()
    assert taken_in_a_turn(port, 12) == 12
    port.socket.close()


def test_a_shared_port_leaves_some_to_the_others_in_every_turn() -> None:
    port = listening()
    share(port)
    assert taken_in_a_turn(port, 12) == ACCEPTS_PER_TURN
    assert taken_in_a_turn(port, 1) == ACCEPTS_PER_TURN
    assert port.numberAccepts == ACCEPTS_PER_TURN
    port.socket.close()
