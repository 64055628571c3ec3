"""The boot storm: many phones that ask for their files after a power cut, with their sequences and their patience."""

from __future__ import annotations

import errno
import heapq
import itertools
import re
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable

from attrs import Factory, define

from bench.house import House
from bench.phones import Phone, filled, placeholders, sequences

SEQUENCES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("cisco-79xx-sccp-known", "00:1b:54", {}),
    ("aastra-67xx", "00:08:5d", {}),
    ("snom-desk-v10", "00:04:13", {}),
    ("cisco-spa5xx", "64:9e:f3", {}),
)
REQUESTS = 8
TFTP_PATIENCE, HTTP_PATIENCE, TRIES = 2.0, 5.0, 4
ACK = struct.Struct("!HH")


@define
class Played:
    """What came of a storm; times in seconds."""

    phones: int
    seconds: float
    first_bytes: list[float] = Factory(list)
    rest: list[float] = Factory(list)
    served: int = 0
    not_found: int = 0
    repeated: int = 0
    failed: int = 0

    def __str__(self) -> str:
        """Return one sentence with the figures."""
        return (
            f"boot storm of {self.phones} phones in {self.seconds:.0f} s: {len(self.first_bytes)} requests "
            f"({self.served} files, {self.not_found} not there), first byte p50 {_ms(self.first_bytes, 0.5)}, "
            f"p99 {_ms(self.first_bytes, 0.99)}, max {_ms(self.first_bytes, 1)}; {self.repeated} asked again, "
            f"{self.failed} never answered; REST p50 {_ms(self.rest, 0.5)}, p95 {_ms(self.rest, 0.95)}"
        )


def _ms(values: list[float], share: float) -> str:
    if not values:
        return "–"
    return f"{sorted(values)[int((len(values) - 1) * share)] * 1000:.0f} ms"


@define(eq=False)
class Booting:
    """One phone under way.

    :param steps: protocol, path and user agent of what it still asks for.
    """

    address: str
    mac: str
    steps: list[tuple[str, str, str]]
    asked_at: float = 0.0
    tries: int = 0
    sock: socket.socket | None = None
    received: bytes = b""
    block: int = 0
    answered: bool = False
    attempt: int = 0


def booting_phones(count: int) -> list[Booting]:
    """Return phones of several vendors with what they ask for, each with an address of its own."""
    known = sequences()
    made = []
    for number in range(count):
        name, prefix, values = SEQUENCES[number % len(SEQUENCES)]
        mac = f"{prefix}:{0x20 + (number >> 16):02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        phone = Phone(name="", sequence=name, mac=mac, address="", values=dict(values))
        filler = placeholders(phone, known[name])
        steps = [
            (step["protocol"], filled(step["path"], filler), filled(step["user_agent"] or "", filler))
            for step in known[name]["steps"]
            if step["expect"] in ("file", "not_found_ok")
        ]
        made.append(Booting(f"127.2.{number >> 8}.{number & 255}", mac, steps[:REQUESTS]))
    return made


class Storm:
    """Plays phones on one thread."""

    def __init__(self, http: int, tftp: int, played: Played) -> None:
        self._ports = {"http": http, "tftp": tftp}
        self._played = played
        self._epoll = select.epoll()
        self._by_fd: dict[int, Booting] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._left = 0

    def play(self, booting: list[Booting], seconds: float) -> None:
        """Switch all phones on within ``seconds``, and return when the last one has its files or has given up."""
        self._left = len(booting)
        began = time.monotonic()
        for number, phone in enumerate(booting):
            self._at(began + seconds * number / len(booting), lambda phone=phone: self._ask(phone))  # type: ignore[misc]
        self._run()

    def _run(self) -> None:
        while self._left:
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()
            pause = min(0.05, max(0.0, self._timers[0][0] - now)) if self._timers else 0.05
            for fd, _ in self._epoll.poll(pause, 256):
                found = self._by_fd.get(fd)
                if found is not None:
                    self._ready(found)
        self._epoll.close()

    def _at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._count), call))

    def _ask(self, phone: Booting) -> None:
        """Send the request of the present step for the first time or again."""
        if not phone.steps:
            self._left -= 1
            return
        protocol, path, _agent = phone.steps[0]
        now = time.monotonic()
        if phone.tries == 0:
            phone.asked_at = now
        phone.tries += 1
        phone.received, phone.block, phone.answered = b"", 0, False
        phone.attempt += 1
        attempt = phone.attempt
        kind = socket.SOCK_STREAM if protocol == "http" else socket.SOCK_DGRAM
        sock = phone.sock = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
        sock.bind((phone.address, 0))
        self._by_fd[sock.fileno()] = phone
        where = ("127.0.0.1", self._ports[protocol])
        if protocol == "http":
            if sock.connect_ex(where) not in (0, errno.EINPROGRESS):
                raise OSError("no connection can be made")
            self._epoll.register(sock.fileno(), select.EPOLLOUT)
        else:
            self._epoll.register(sock.fileno(), select.EPOLLIN)
            sock.sendto(b"\0\1" + path.encode() + b"\0octet\0", where)
        patience = HTTP_PATIENCE if protocol == "http" else TFTP_PATIENCE
        self._at(now + patience, lambda: self._late(phone, attempt))

    def _late(self, phone: Booting, attempt: int) -> None:
        if phone.attempt != attempt or not phone.steps:
            return
        self._close(phone)
        if phone.tries >= TRIES:
            self._played.failed += 1
            self._next(phone)
        else:
            self._played.repeated += 1
            self._ask(phone)

    def _ready(self, phone: Booting) -> None:
        try:
            if phone.steps[0][0] == "http":
                self._http(phone)
            else:
                self._tftp(phone)
        except BlockingIOError:
            return
        except OSError:
            self._late(phone, phone.attempt)

    def _http(self, phone: Booting) -> None:
        sock = phone.sock
        assert sock is not None
        if not phone.block:
            _, path, agent = phone.steps[0]
            slash = "" if path.startswith("/") else "/"
            head = f"GET {slash}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n"
            sock.send(head.encode("latin-1"))
            phone.block = 1
            self._epoll.modify(sock.fileno(), select.EPOLLIN)
            return
        data = sock.recv(65_536)
        self._first_byte(phone)
        if data:
            phone.received += data
            return
        status = re.match(rb"HTTP/1\.1 (\d+)", phone.received)
        if status is None or status[1] == b"503":
            raise ConnectionError
        self._done(phone, status[1] == b"200")

    def _tftp(self, phone: Booting) -> None:
        assert phone.sock is not None
        data, sender = phone.sock.recvfrom(2048)
        kind, number = ACK.unpack_from(data)
        self._first_byte(phone)
        if kind == 5:
            self._done(phone, False)
        elif kind == 3:
            phone.sock.sendto(ACK.pack(4, number), sender)
            if number == (phone.block + 1) & 0xFFFF:
                phone.block += 1
                if len(data) < 516:
                    self._done(phone, True)

    def _first_byte(self, phone: Booting) -> None:
        if not phone.answered:
            phone.answered = True
            self._played.first_bytes.append(time.monotonic() - phone.asked_at)

    def _done(self, phone: Booting, served: bool) -> None:
        if served:
            self._played.served += 1
        else:
            self._played.not_found += 1
        self._close(phone)
        self._next(phone)

    def _next(self, phone: Booting) -> None:
        phone.steps.pop(0)
        phone.tries = 0
        phone.attempt += 1
        self._ask(phone)

    def _close(self, phone: Booting) -> None:
        if phone.sock is not None:
            self._by_fd.pop(phone.sock.fileno(), None)
            phone.sock.close()
            phone.sock = None


def _watch_rest(house: House, played: Played, over: threading.Event) -> None:
    token = (house.server.state / "admin-token").read_text().strip()
    url = f"http://127.0.0.1:{house.rest_port}/provd/dev_mgr/devices?limit=10"
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{time_total}", "-H", f"X-Auth-Token: {token}", url]
    while not over.wait(0.2):
        played.rest.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def storm(house: House, *, phones: int, seconds: float) -> Played:
    """Play a storm of phones that the server knows, as it does before a power cut; return what came of it.

    :param seconds: in which they are all switched on.
    """
    played, over = Played(phones, seconds), threading.Event()
    watcher = threading.Thread(target=_watch_rest, args=(house, played, over))
    watcher.start()
    try:
        Storm(house.http, house.tftp, played).play(booting_phones(phones), seconds)
    finally:
        over.set()
        watcher.join()
    return played
