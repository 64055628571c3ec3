"""`python -m bench.fuzz`: random packets through codec, state machines and sockets; nothing may break or stay behind.

Clients speak properly, improperly and not at all: requests with good and bad options, acknowledgements of blocks that
were sent, will be sent or never are, uploads, refusals, truncated and mutated packets, to listening and transfer ports,
while time leaps. After each thousand a proper client must still get its file byte by byte; at the end nothing is left.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from bench.turns import Contents, HandReactor, NoThreads
from provisiond.tftp import packets
from provisiond.tftp.limits import Bounds
from provisiond.tftp.service import TftpService

LOCAL = "127.0.0.1"
FILES = {"zero": 0, "one": 1, "block": 512, "phone.cfg": 2_200, "blocks": 5_120, "large": 300_000}
CHECK_EVERY = 1_000
OPTIONS = ("blksize", "windowsize", "timeout", "tsize", "BLKSIZE", "odd", "", "utimeout")
VALUES = ("0", "1", "8", "16", "512", "1428", "65464", "65465", "-1", "abc", "", "1" * 40, "\u0663")


class Broken(Exception):
    """The service did something that it must not do."""


@define
class Found:
    """What a run saw."""

    packets: int = 0
    answers: int = 0
    checks: int = 0
    seconds: float = 0.0


class Fuzz:
    """One service and some clients.

    :param single_port: value of ``tftp.single_port``.
    """

    def __init__(self, seed: int, directory: Path, *, single_port: bool, clients: int = 24) -> None:
        self._chance = random.Random(seed)
        self.reactor = HandReactor()
        contents: dict[str, bytes | Path] = {name: self._chance.randbytes(size) for name, size in FILES.items()}
        self._firmware = self._chance.randbytes(900_000)
        (directory / "firmware").write_bytes(self._firmware)
        contents["firmware"] = directory / "firmware"
        self.contents = Contents(contents)
        bounds = Bounds(transfers=60, transfers_per_peer=60, requests_per_second=0, refusals_per_second=1e9)
        self.service = TftpService(
            self.reactor,
            [f"{LOCAL}:0"],
            self.contents,
            NoThreads(),
            bounds=bounds,
            single_port=single_port,
            image_memory=2_000_000,
        )
        self.service.start()
        self._server = (LOCAL, self.service.ports[0])
        self._clients = [self._client() for _ in range(clients)]
        self._heard: list[tuple[socket.socket, Any, bytes]] = []
        self.found = Found()
        self._failures: list[str] = []
        globalLogPublisher.addObserver(self._observe)

    def close(self) -> None:
        """Close all sockets."""
        globalLogPublisher.removeObserver(self._observe)
        for client in self._clients:
            client.close()
        Deferred.fromCoroutine(self.service.stop(0.1))
        self.reactor.advance(1)

    def run(self, count: int) -> Found:
        """Send so many packets.

        :raises Broken: when the service breaks.
        """
        began = time.monotonic()
        while self.found.packets < count:
            for _ in range(min(CHECK_EVERY, count - self.found.packets)):
                self._one()
            self._check()
        self._end()
        self.found.seconds = time.monotonic() - began
        return self.found

    def _client(self) -> socket.socket:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        client.bind((LOCAL, 0))
        return client

    def _observe(self, event: dict[str, Any]) -> None:
        if "log_failure" in event or event.get("isError"):
            self._failures.append(str(event.get("log_failure") or event.get("log_format")))

    def _one(self) -> None:
        chance = self._chance
        client = chance.choice(self._clients)
        target, datagram = self._server, b""
        if self._heard and chance.random() < 0.6:
            client, target, answer = chance.choice(self._heard)
            datagram = self._reply(answer)
        else:
            datagram = self._request()
        if chance.random() < 0.1:
            datagram = self._mutated(datagram)
        with contextlib.suppress(OSError):
            client.sendto(datagram, target)
        self.found.packets += 1
        if chance.random() < 0.3:
            self.reactor.turn(chance.choice((0.0, 0.001, 0.01, 0.3, 2.0)) if chance.random() < 0.2 else 0.0)
            self._listen()

    def _listen(self) -> None:
        for client in self._clients:
            with contextlib.suppress(OSError):
                while True:
                    datagram, sender = client.recvfrom(70_000)
                    self.found.answers += 1
                    self._heard.append((client, sender, datagram[:8]))
        del self._heard[:-200]

    def _request(self) -> bytes:
        chance = self._chance
        name = chance.choice((*FILES, "firmware", "firmware", "nothing", "../x", "up.log", "\u00e4\u20ac", ""))
        options = {chance.choice(OPTIONS): chance.choice(VALUES) for _ in range(chance.randrange(4))}
        mode = chance.choice(("octet", "octet", "OCTET", "netascii", "mail", ""))
        return packets.request(name.endswith(".log"), name, mode, options)

    def _reply(self, answer: bytes) -> bytes:
        chance = self._chance
        block = int.from_bytes(answer[2:4], "big")
        kind = chance.random()
        if answer[:2] == b"\0\6" or kind < 0.1:
            return packets.ack(chance.choice((0, 0, 1)))
        if answer[:2] == b"\0\4":
            return packets.data_head(block + chance.choice((1, 1, 1, 0, 2))) + bytes(chance.choice((512, 512, 0, 513)))
        if kind < 0.7:
            return packets.ack(block)
        if kind < 0.9:
            return packets.ack(block + chance.choice((-2, -1, 1, 2, 16, 1000, 40_000)))
        return packets.error(chance.randrange(9), "no") if kind < 0.95 else chance.randbytes(chance.randrange(8))

    def _mutated(self, datagram: bytes) -> bytes:
        chance = self._chance
        changed = bytearray(datagram[: chance.randrange(len(datagram) + 1)] if chance.random() < 0.5 else datagram)
        for _ in range(chance.randrange(4)):
            if changed:
                changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)

    def _check(self) -> None:
        """Let a proper client get a file, however busy the service is."""
        # All that the others have left open ends by itself.
        for _ in range(80):
            self.reactor.turn(1.0)
        self._listen()
        name, block_size = self._chance.choice(("phone.cfg", "large", "firmware")), 1428
        got = self._fetched(name, block_size)
        wanted = self._firmware if name == "firmware" else self.contents.files[name]
        if got != wanted:
            raise Broken(f"{name} came wrong: {len(got)} bytes")
        self.found.checks += 1
        if self._failures:
            raise Broken(self._failures[0])

    def _fetched(self, name: str, block_size: int) -> bytes:
        client, content, expected = self._client(), bytearray(), 1
        with contextlib.closing(client):
            client.sendto(packets.request(False, name, "octet", {"blksize": str(block_size)}), self._server)
            for _ in range(20_000):
                self.reactor.turn(0.001)
                try:
                    datagram, sender = client.recvfrom(70_000)
                except BlockingIOError:
                    continue
                if datagram[:2] == b"\0\6":
                    client.sendto(packets.ack(0), sender)
                elif datagram[:2] == b"\0\3" and int.from_bytes(datagram[2:4], "big") == expected & 0xFFFF:
                    content += datagram[4:]
                    client.sendto(packets.ack(expected), sender)
                    expected += 1
                    if len(datagram) < block_size + 4:
                        break
                elif datagram[:2] == b"\0\5":
                    raise Broken(f"{name} was refused: {datagram!r}")
            self.reactor.settle()
        return bytes(content)

    def _end(self) -> None:
        for _ in range(120):
            self.reactor.turn(1.0)
        left = (self.service.transfers, self.service.waiting, self.service.admitted)
        if left != (0, 0, 0):
            raise Broken(f"left behind: transfers, requests and counts {left}")


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for single_port in (False, True):
        with tempfile.TemporaryDirectory() as directory:
            fuzz = Fuzz(chosen.seed, Path(directory), single_port=single_port)
            try:
                found = fuzz.run(chosen.packets // 2)
            except Broken as broken:
                print(f"seed {chosen.seed}, single port {single_port}: {broken}", file=sys.stderr)
                return 1
            finally:
                fuzz.close()
        print(
            f"{'from one port' if single_port else 'from a port each'}: {found.packets:,} packets, "
            f"{found.answers:,} answers, {found.checks} proper transfers between them, ends {fuzz.contents.ends}, "
            f"{found.seconds:.0f} s: nothing found"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
