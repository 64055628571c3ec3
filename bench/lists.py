"""What lists cost with 100,000 devices, against 1,000: python -m bench.lists [--devices N] [--calls N]."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import define, frozen

from bench.server import Server, free_port, write_settings

SMALL = 1_000
BATCH = 5_000
VENDORS = ("Aastra", "Cisco", "Grandstream", "Mitel", "Panasonic", "Polycom", "Snom", "Yealink")


@frozen
class House:
    """A running server with so many devices."""

    server: Server
    port: int
    devices: int

    def connection(self) -> Calls:
        """Return a connection of its own."""
        token = (self.server.state / "admin-token").read_text().strip()
        return Calls(HTTPConnection("127.0.0.1", self.port, timeout=300), token)

    def memory(self) -> int:
        """Return the resident memory of the daemon in KiB."""
        for line in Path(f"/proc/{self.server.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise RuntimeError("the daemon has no resident memory")


@define
class Calls:
    """One connection that is kept."""

    connection: HTTPConnection
    token: str

    def send(self, method: str, path: str, body: bytes | None = None, kind: str = "application/x-ndjson") -> Any:
        """Return the answer, its body not read."""
        headers = {"X-Auth-Token": self.token, **({} if body is None else {"Content-Type": kind})}
        self.connection.request(method, f"/0.2{path}", body, headers)
        answer = self.connection.getresponse()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.read().decode()}")
        return answer

    def devices(self, query: str) -> list[dict[str, Any]]:
        """Return a list."""
        found: list[dict[str, Any]] = json.loads(self.send("GET", f"/dev_mgr/devices?{query}").read())["devices"]
        return found


def document(number: int) -> dict[str, Any]:
    """Return the device with this number; MAC addresses are in no order, IP addresses are unique."""
    mac = (number * 0x9E3779B1) & 0xFFFFFFFFFF
    octets = ":".join(f"{(mac >> shift) & 255:02x}" for shift in (32, 24, 16, 8, 0))
    ip = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    vendor = VENDORS[number % len(VENDORS)]
    return {"id": f"d{number}", "mac": f"00:{octets}", "ip": ip, "vendor": vendor, "model": f"M{number % 40}"}


def fill(house: House) -> float:
    """Import the devices through the API and return how long that took."""
    calls, started = house.connection(), time.perf_counter()
    for first in range(0, house.devices, BATCH):
        rows = "\n".join(json.dumps(document(each)) for each in range(first, min(first + BATCH, house.devices)))
        calls.send("POST", "/dev_mgr/import", rows.encode()).read()
    return time.perf_counter() - started


def selector(**members: str) -> str:
    """Return a selector as a query argument."""
    return "q=" + quote(json.dumps(members, separators=(",", ":")))


def questions(house: House, chance: random.Random) -> dict[str, Callable[[], str]]:
    """Return what is asked for, each time something else."""
    return {
        "page of 100 by MAC, the first": lambda: "sort=mac&limit=100",
        "look-up by IP": lambda: selector(ip=document(chance.randrange(house.devices))["ip"]),
        "100 of a vendor": lambda: selector(vendor=chance.choice(VENDORS)) + "&limit=100",
        "page of 100 by MAC, anywhere": lambda: (
            f"sort=mac&limit=100&skip={chance.randrange(max(1, house.devices // 100)) * 100}"
        ),
    }


def measured(houses: list[House], calls: int) -> dict[str, list[float]]:
    """Return the median milliseconds of each question at each house; the houses take turns."""
    chance = random.Random(1)
    connections = [house.connection() for house in houses]
    medians: dict[str, list[float]] = {}
    asked = [questions(house, chance) for house in houses]
    for name in asked[0]:
        times: list[list[float]] = [[] for _ in houses]
        for turn in range(calls + 5):
            for place, connection in enumerate(connections):
                query = asked[place][name]()
                started = time.perf_counter()
                found = connection.devices(query)
                if turn >= 5:
                    times[place].append((time.perf_counter() - started) * 1000)
                assert found, f"nothing was found: {query}"
        medians[name] = [statistics.median(each) for each in times]
    return medians


def streamed(house: House, path: str) -> tuple[int, float, int, int]:
    """Read a whole list; return its bytes, its seconds, and the daemon's memory before and at most, in KiB."""
    before = most = house.memory()
    size, started = 0, time.perf_counter()
    answer = house.connection().send("GET", path)
    while piece := answer.read(1 << 20):
        size += len(piece)
        most = max(most, house.memory())
    return size, time.perf_counter() - started, before, most


def started(directory: Path, devices: int) -> House:
    """Start a server without plugins."""
    (directory / "repository").mkdir(parents=True)
    (directory / "repository/plugins.db").write_text("{}")
    rest, http, tftp = free_port(), free_port(), free_port()
    settings = write_settings(directory, rest=rest, http=http, tftp=tftp, repository=directory / "repository")
    house = House(Server(settings), rest, devices)
    house.server.start()
    return house


def report(houses: list[House], calls: int) -> Iterator[str]:
    """Yield the lines of the report."""
    few, many = houses
    yield f"{platform.python_version()}, SQLite {__import__('sqlite3').sqlite_version}, {os.cpu_count()} cores"
    for house in houses:
        yield f"{house.devices:>7} devices imported in {fill(house):.1f} s"
    yield f"median of {calls} calls in ms{'':16}{few.devices:>9}{many.devices:>9}   ratio"
    for name, (small, large) in measured(houses, calls).items():
        yield f"{name:<42}{small:>9.2f}{large:>9.2f}{large / small:>8.2f}"
    for path in ("/dev_mgr/devices", "/dev_mgr/devices?sort=mac", "/dev_mgr/export?format=jsonl"):
        size, seconds, before, most = streamed(many, path)
        told = (
            f"{size / 1e6:.1f} MB in {seconds:.1f} s, resident {before / 1024:.1f} MiB, at most {most / 1024:.1f} MiB"
        )
        yield f"whole list {path}: {told}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=200)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        houses: list[House] = []
        try:
            for devices in (SMALL, wanted.devices):
                houses.append(started(Path(directory) / str(devices), devices))
            for line in report(houses, wanted.calls):
                print(line, flush=True)
        finally:
            for house in houses:
                house.server.stop()


if __name__ == "__main__":
    main()
