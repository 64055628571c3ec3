"""What is measured of each server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from bench.house import PATTERN
from bench.loads import Target, http, tftp
from bench.phones import fetch_http
from bench.table import Case

BIG = "big.bin"
MIDDLE = "middle.bin"
LOSSY_CLIENTS = 50
# What is not done by then has taken several times as long as ours.
LOSSY_SECONDS = {0: 14.0, 16: 5.0}
CROWD = 5_000

Load = Callable[[Target], Any]


@frozen(kw_only=True)
class Sizes:
    """How much is measured.

    :param minutes: for the whole run; what finds no time is left out and told so.
    :param only: part of the names of the cases that are measured.
    :param rendered: devices whose base config is changed; 0 for none.
    :param devices: and ``plugins`` of the crowded house; 0 for none.
    """

    rounds: int = 3
    seconds: float = 1.5
    phones: int = 300
    clients: tuple[int, ...] = (1, 50, 500, 5000)
    transfers: tuple[tuple[int, int], ...] = ((1, 0), (20, 0), (1, 16), (20, 16))
    connections: tuple[int, ...] = (1, 64, 512)
    storm_phones: int = 10_000
    storm_seconds: float = 60.0
    worker_rounds: int = 3
    rendered: int = 10_000
    devices: int = 100_000
    plugins: int = 110
    minutes: float = 20.0
    peers: bool = True
    only: str = ""


QUICK = Sizes(rounds=2, seconds=1.0, phones=200, worker_rounds=2, minutes=13.0)
SMOKE = Sizes(
    rounds=1,
    seconds=2.0,
    phones=40,
    clients=(50,),
    transfers=((1, 0), (1, 16), (20, 16)),
    connections=(64,),
    storm_phones=120,
    storm_seconds=5.0,
    worker_rounds=0,
    rendered=0,
    devices=0,
    plugins=0,
    minutes=5.0,
    peers=False,
)


def tftp_cases(sizes: Sizes, files: Path) -> list[tuple[Case, Load]]:
    """Return what is measured over TFTP."""
    seconds, big, middle = sizes.seconds, files / BIG, files / MIDDLE

    def small(clients: int) -> Load:
        return lambda target: tftp(target, clients=clients, total=400_000, seconds=seconds, phones=sizes.phones)

    def fetching(file: Path, clients: int, total: int, seconds: float, window: int, loss: int = 0) -> Load:
        how = {"blksize": 1428, "windowsize": window, "loss": loss, "phones": 1}

        def run(target: Target) -> dict[str, Any]:
            # Large files go to phones that are known where they ask from: this one may have asked from elsewhere.
            tftp(target, clients=1, total=1, seconds=10, phones=1)
            return tftp(target, clients=clients, total=total, seconds=seconds, file=file.name, verify=file, **how)

        return run

    def large(clients: int, window: int) -> Load:
        return fetching(big, clients, 100_000, seconds * 1.5, window)

    def lossy(window: int) -> Load:
        within = LOSSY_SECONDS[window]
        fetch = fetching(middle, LOSSY_CLIENTS, LOSSY_CLIENTS, within, window, loss=5)
        return lambda target: in_seconds(fetch(target), LOSSY_CLIENTS, within)

    cases = [
        (Case(f"TFTP small, {clients} clients", "/s", _rounds(clients), crowd=clients >= CROWD), small(clients))
        for clients in sizes.clients
    ]
    for clients, window in sizes.transfers:
        name = f"TFTP 20 MB, {clients} clients, "
        cases.append((_windowed(name, "MB/s", window), large(clients, window)))
    if sizes.peers:
        cases += [(_windowed("TFTP 256 KB, 5 % loss, ", "s", window, 1), lossy(window)) for window in LOSSY_SECONDS]
    return cases


def _rounds(clients: int) -> int:
    # One client alone measures the scheduler more than any server: once is enough.
    return 1 if clients == 1 else 0


def _windowed(name: str, unit: str, window: int, rounds: int = 0) -> Case:
    if not window:
        return Case(f"{name}lock-step", unit, rounds)
    return Case(f"{name}window {window}", unit, rounds, instead=f"{name}lock-step")


def in_seconds(row: dict[str, Any], asked: int, within: float) -> dict[str, Any]:
    """Return the result of transfers that began together, told as the time in which half of them were done.

    :param within: seconds in which that was waited for.
    """
    half, most = row["half_ms"], row["most_ms"]
    told = {**row, "asked": asked, "figure": within if half is None else half / 1e3}
    told["most"] = None if most is None else most / 1e3
    return {**told, "within": within} if half is None else told


def http_cases(sizes: Sizes) -> list[tuple[Case, Load]]:
    """Return what is measured over HTTP."""
    small = PATTERN % 0

    def asked(connections: int, *headers: str, path: str = small) -> Load:
        return lambda target: http(target, connections=connections, seconds=sizes.seconds, path=path, headers=headers)

    cases = []
    for connections in sizes.connections:
        rounds = _rounds(connections)
        cases.append((Case(f"HTTP small, {connections} keep-alive", "/s", rounds), asked(connections)))
        closing = asked(connections, "Connection: close")
        cases.append((Case(f"HTTP small, {connections} closing", "/s", rounds), closing))

    def large(target: Target) -> dict[str, Any]:
        # As over TFTP: who asks for a large file must be known where it asks from.
        fetch_http(target.port_of("http"), f"/{small}", address="127.0.0.1")
        return asked(4, path=BIG)(target)

    cases.append((Case("HTTP 20 MB, 4 connections", "MB/s"), large))
    return cases
