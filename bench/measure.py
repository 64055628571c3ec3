"""`make bench`: our server beside others, in one run on one machine; `--smoke` takes a minute."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import define, frozen

from bench.house import PATTERN, House
from bench.loads import OurTarget, PeerTarget, Target, http, tftp
from bench.peers import http_peers, tftp_peers
from bench.programs import BUILD, Missing, Peer
from bench.storm import Played, storm
from bench.table import OURS, Case, markdown

BIG = "big.bin"
MIDDLE = "middle.bin"


@frozen(kw_only=True)
class Sizes:
    """How much is measured."""

    rounds: int = 3
    seconds: float = 1.5
    phones: int = 500
    clients: tuple[int, ...] = (1, 50, 500, 5000)
    connections: tuple[int, ...] = (1, 64, 512)
    storm_phones: int = 2000
    storm_seconds: float = 12.0
    only: str = ""
    devices: int = 100_000
    plugins: int = 110


SMOKE = Sizes(
    rounds=1,
    seconds=2.0,
    phones=50,
    clients=(50,),
    connections=(64,),
    storm_phones=150,
    storm_seconds=6.0,
    devices=0,
    plugins=0,
)


@define
class Bench:
    """One run."""

    sizes: Sizes
    directory: Path
    files: Path
    cases: list[Case]
    notes: list[str]

    def say(self, text: str) -> None:
        """Tell what goes on."""
        print(text, file=sys.stderr, flush=True)

    def compare(
        self, kind: str, peers: list[Peer], house: House, cases: list[tuple[Case, Callable[[Target], Any]]]
    ) -> None:
        """Measure all cases on all servers in turn, round by round; only one server runs besides ours at a time."""
        cases = [(case, load) for case, load in cases if self.sizes.only in case.name]
        for number in range(self.sizes.rounds if cases else 0):
            self.say(f"{kind}, round {number + 1} of {self.sizes.rounds}")
            self._measure(OURS, OurTarget(house), cases)
            for peer in peers:
                try:
                    peer.start(self.files)
                except Missing as missing:
                    if number == 0:
                        self.notes.append(str(missing))
                    continue
                try:
                    self._measure(peer.name, PeerTarget(peer), cases)
                finally:
                    peer.stop()
        self.cases.extend(case for case, _ in cases)

    def _measure(self, name: str, target: Target, cases: list[tuple[Case, Callable[[Target], Any]]]) -> None:
        for case, load in cases:
            try:
                row = load(target)
            except (Missing, OSError, ValueError, subprocess.SubprocessError) as error:
                self.notes.append(f"{name}, {case.name}: {error}")
                continue
            if case.unit == "MB/s":
                row["figure"] = row["megabytes"]
            case.add(name, row)
            self.say(f"  {case.name}: {name}: {row['figure']:,.0f} {case.unit}, failed {row['failed']}")


def tftp_cases(bench: Bench) -> list[tuple[Case, Callable[[Target], Any]]]:
    """Return what is measured over TFTP."""
    sizes, seconds = bench.sizes, bench.sizes.seconds
    big, middle = bench.files / BIG, bench.files / MIDDLE

    def small(clients: int) -> Callable[[Target], Any]:
        return lambda target: tftp(target, clients=clients, total=400_000, seconds=seconds, phones=sizes.phones)

    def large(clients: int, window: int) -> Callable[[Target], Any]:
        return lambda target: tftp(
            target,
            clients=clients,
            total=100_000,
            seconds=seconds * 1.5,
            file=BIG,
            verify=big,
            blksize=1428,
            windowsize=window,
            phones=1,
        )

    def lossy(window: int) -> Callable[[Target], Any]:
        return lambda target: tftp(
            target,
            clients=50,
            total=100,
            seconds=12,
            file=MIDDLE,
            verify=middle,
            blksize=1428,
            windowsize=window,
            loss=5,
        )

    cases: list[tuple[Case, Callable[[Target], Any]]] = [
        (Case(f"TFTP small, {clients} clients", "/s"), small(clients)) for clients in sizes.clients
    ]
    for clients, window in ((1, 0), (20, 0), (1, 16), (20, 16)):
        name = f"TFTP 20 MB, {clients} clients, {f'window {window}' if window else 'lock-step'}"
        cases.append((Case(name, "MB/s"), large(clients, window)))
    if sizes.rounds > 1:
        cases.append((Case("TFTP 256 KB, 5 % loss, lock-step", "/s"), lossy(0)))
        cases.append((Case("TFTP 256 KB, 5 % loss, window 16", "/s"), lossy(16)))
    return cases


def http_cases(bench: Bench) -> list[tuple[Case, Callable[[Target], Any]]]:
    """Return what is measured over HTTP."""
    seconds, small = bench.sizes.seconds, PATTERN % 0

    def asked(connections: int, *headers: str, path: str = small) -> Callable[[Target], Any]:
        return lambda target: http(target, connections=connections, seconds=seconds, path=path, headers=headers)

    cases = []
    for connections in bench.sizes.connections:
        cases.append((Case(f"HTTP small, {connections} keep-alive", "/s"), asked(connections)))
        cases.append((Case(f"HTTP small, {connections} closing", "/s"), asked(connections, "Connection: close")))
    cases.append((Case("HTTP 20 MB, 4 connections", "MB/s"), asked(4, path=BIG)))
    return cases


def prepare(bench: Bench, house: House) -> None:
    """Let the phones meet the server for the first time, and give the peers the same files."""
    house.start()
    house.install()
    first = tftp(OurTarget(house), clients=20, total=bench.sizes.phones, seconds=300, phones=bench.sizes.phones)
    if first["failed"]:
        odd = [line for line in house.server.log_text().splitlines() if " served " not in line and "tftp RRQ" in line]
        bench.notes.append(f"{first['failed']} phones got nothing at their first contact: {' '.join(odd[:3])}")
        bench.say(bench.notes[-1])
        tftp(OurTarget(house), clients=20, total=bench.sizes.phones, seconds=300, phones=bench.sizes.phones)
    bench.notes.append(
        f"first contact of {first['ok']} phones: {first['per_second']:.0f} a second, files made meanwhile"
    )
    for number in range(bench.sizes.phones):
        tftp_name = PATTERN % number
        (bench.files / tftp_name).write_bytes(house.fetched(tftp_name, f"127.1.{number >> 8}.{number & 255}"))
    chance = random.Random(1)
    for name, size in ((BIG, 20_000_000), (MIDDLE, 256_000)):
        content = chance.randbytes(size)
        (bench.files / name).write_bytes(content)
        (house.files / name).write_bytes(content)
    # The phones must be known at the address that asks for the large files and over HTTP.
    tftp(OurTarget(house), clients=1, total=1, seconds=30)


def crowd(bench: Bench) -> None:
    """Measure the same with a hundred thousand devices and more than a hundred plugins."""
    if not bench.sizes.devices or bench.sizes.only:
        return
    case = Case(f"TFTP small, 50 clients, {bench.sizes.devices:,} devices, {bench.sizes.plugins} plugins", "/s")
    with tempfile.TemporaryDirectory(prefix="provisiond-bench-") as name:
        house = House(Path(name))
        house.start()
        try:
            house.install()
            alone = house.memory()
            house.import_devices(bench.sizes.devices)
            house.stop()
            house.copy_plugin(bench.sizes.plugins - 1)
            house.start()
            what = f"{bench.sizes.devices:,} devices and {bench.sizes.plugins} plugins"
            bench.notes.append(
                f"start with {what}: {house.started_in:.1f} s, "
                f"{house.memory():.0f} MB resident (one of each: {alone:.0f} MB)"
            )
            bench.say(bench.notes[-1])
            tftp(OurTarget(house), clients=20, total=bench.sizes.phones, seconds=300, phones=bench.sizes.phones)
            for _ in range(bench.sizes.rounds):
                row = tftp(
                    OurTarget(house), clients=50, total=400_000, seconds=bench.sizes.seconds, phones=bench.sizes.phones
                )
                case.add(OURS, row)
        finally:
            house.stop()
    bench.cases.append(case)


def machine() -> str:
    """Return what this machine is."""
    text = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "?")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1e6
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{len(os.sched_getaffinity(0))} × {model}, {memory:.0f} GB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load average at the end {load}"
    )


@contextlib.contextmanager
def _bench(sizes: Sizes) -> Iterator[Bench]:
    directory = Path(tempfile.mkdtemp(prefix="provisiond-bench-"))
    files = directory / "files"
    files.mkdir()
    directory.chmod(0o755)
    try:
        yield Bench(sizes, directory, files, [], [])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def run(sizes: Sizes) -> tuple[Bench, list[str]]:
    """Measure; return the results, and what went wrong."""
    with _bench(sizes) as bench:
        house = House(bench.directory / "house")
        try:
            prepare(bench, house)
            bench.compare("TFTP", tftp_peers() if sizes.rounds > 1 else [], house, tftp_cases(bench))
            bench.compare("HTTP", http_peers() if sizes.rounds > 1 else [], house, http_cases(bench))
            played = (
                Played(0, 0) if sizes.only else storm(house, phones=sizes.storm_phones, seconds=sizes.storm_seconds)
            )
            if played.phones:
                bench.notes.append(str(played))
                bench.say(str(played))
            log = house.server.log_text()
        finally:
            house.stop()
        crowd(bench)
    problems = [
        f"{case.name}: {row['failed']} transfers were lost or wrong"
        for case in bench.cases
        for row in case.rows.get(OURS, [])
        if row["failed"] and "loss" not in case.name
    ]
    if played.failed:
        problems.append(f"boot storm: {played.failed} requests were never answered")
    if "Traceback" in log:
        problems.append("the server's log holds a traceback")
    return bench, problems


def main() -> int:
    """Run the bench; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="one minute; fails on errors and lost transfers only")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    parser.add_argument("--only", default="", help="part of the names of the cases that are measured")
    chosen = parser.parse_args()
    sizes = SMOKE if chosen.smoke else Sizes(rounds=chosen.rounds, seconds=chosen.seconds, only=chosen.only)
    began = time.monotonic()
    bench, problems = run(sizes)
    text = "\n".join([markdown(bench.cases), "", *(f"- {note}" for note in bench.notes), "", machine()])
    print(text)
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "results.md").write_text(text + "\n")
    (BUILD / "results.json").write_text(json.dumps({case.name: case.rows for case in bench.cases}, indent=1))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
