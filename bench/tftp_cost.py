"""`python -m bench.tftp_cost`: processor time of the TFTP service for one small transfer, without any other server.

Clients and service take turns in one thread, and only the service's turns are counted, by that thread's own clock. The
best of many rounds hardly depends on what else the machine does, so that changes of the code can be compared.
"""

from __future__ import annotations

import socket
import time

from attrs import frozen

from bench.turns import Contents, HandReactor, NoThreads
from provisiond.tftp import packets
from provisiond.tftp.limits import Bounds
from provisiond.tftp.service import TftpService

CLIENTS = 30
ROUNDS = 400
SIZE = 2_200
BLOCKS = SIZE // 512 + 1


@frozen
class Cost:
    """Processor microseconds of one transfer: beginning it, and all its acknowledgements with the end."""

    request: float
    acknowledgements: float


def timed(reactor: HandReactor) -> float:
    """Let the service read what waits; return the microseconds for each client."""
    began = time.thread_time()
    reactor.turn()
    return (time.thread_time() - began) / CLIENTS * 1e6


def measured(rounds: int = ROUNDS) -> Cost:
    """Return the least cost of some rounds."""
    reactor = HandReactor()
    contents = Contents({f"phone-{number}.cfg": bytes([number]) * SIZE for number in range(CLIENTS)})
    bounds = Bounds(requests_per_second=200, burst=10**9)
    service = TftpService(reactor, ["127.0.0.1:0"], contents, NoThreads(), bounds=bounds)
    service.start()
    address = ("127.0.0.1", service.ports[0])
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(CLIENTS)]
    requests, acknowledgements = [], []
    for _ in range(rounds):
        for number, client in enumerate(clients):
            client.sendto(packets.request(False, f"phone-{number}.cfg", "octet"), address)
        requests.append(timed(reactor))
        spent = 0.0
        for block in range(1, BLOCKS + 1):
            for client in clients:
                client.sendto(packets.ack(block), client.recvfrom(600)[1])
            spent += timed(reactor)
        acknowledgements.append(spent)
    for client in clients:
        client.close()
    return Cost(min(requests), min(acknowledgements))


def main() -> None:
    """Print it."""
    cost = measured()
    total = cost.request + cost.acknowledgements
    print(
        f"{total:.0f} µs a transfer of {SIZE:,} bytes in {BLOCKS} blocks: {cost.request:.0f} µs to begin it, "
        f"{cost.acknowledgements:.0f} µs for its acknowledgements"
    )


if __name__ == "__main__":
    main()
