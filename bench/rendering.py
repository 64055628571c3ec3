"""How fast files are made, and what a change of the base config costs. Run: python -m bench.rendering"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import Factory, define

from bench.house import House
from bench.programs import own_cpu_seconds

PLUGINS = ("aastra-3.3.1-SP2", "snom-10.1.184.15", "cisco-spa-7.5.5", "cisco-sccp-9.0.3")
AT_ONCE = 5_000


@define
class Rendered:
    """What was measured; times in seconds."""

    devices: int
    files: int = 0
    first_seconds: float = 0.0
    worker_seconds: float = 0.0
    owner_seconds: float = 0.0
    answered_in: float = 0.0
    base_seconds: float = 0.0
    base_worker_seconds: float = 0.0
    base_owner_seconds: float = 0.0
    before: list[float] = Factory(list)
    meanwhile: list[float] = Factory(list)

    def notes(self) -> list[str]:
        """Return sentences with the figures."""
        rate = self.files / max(self.worker_seconds, 0.01)
        found = [
            f"files of {self.devices:,} devices made for the first time: {self.files:,} files in "
            f"{self.first_seconds:.0f} s; {rate:,.0f} files for each second of a processor in the processes that make "
            f"them ({self.worker_seconds:.1f} s), {self.owner_seconds:.1f} s of the server itself"
        ]
        if self.base_seconds:
            split = f"{self.base_worker_seconds:.1f} s of processor time where files are made"
            found.append(
                f"base config of {self.devices:,} devices changed: answered in {self.answered_in * 1000:.0f} ms, "
                f"worked off in {self.base_seconds:.0f} s ({split}, {self.base_owner_seconds:.1f} s of the server "
                f"itself); phones meanwhile {_spread(self.meanwhile)} (before: {_spread(self.before)})"
            )
        return found


def _ms(values: list[float], share: float) -> str:
    return f"{sorted(values)[int((len(values) - 1) * share)] * 1000:.1f} ms" if values else "–"


def _spread(values: list[float]) -> str:
    return f"p50 {_ms(values, 0.5)}, p95 {_ms(values, 0.95)}, max {_ms(values, 1)}"


def rows(devices: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return configs and devices of phones with a line each, of all shipped plugins in turn but the last one."""
    configs, phones = [], []
    for number in range(devices):
        mac = f"00:08:5d:7{number >> 16:x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        user = {"username": f"u{number}", "password": f"p{number}", "display_name": f"Room {number}"}
        line = {**user, "number": str(number), "proxy_ip": "192.0.2.1", "registrar_ip": "192.0.2.1"}
        raw = {"protocol": "SIP", "sip_lines": {"1": line}, "timezone": "Europe/Paris", "locale": "fr_FR"}
        configs.append({"id": f"c{number}", "parent_ids": ["base", "defaultconfigdevice"], "raw_config": raw})
        facts = {"vendor": "Aastra", "model": "6731i", "version": "3.3.1.4305"}
        place = {"ip": f"127.3.{number >> 8}.{number & 255}", "plugin": PLUGINS[0], "config": f"c{number}"}
        phones.append({"id": f"r{number}", "mac": mac, **facts, **place})
    return configs, phones


def files_on_disk(house: House) -> int:
    """Return how many files lie in the sets of devices."""
    count = 0
    for path in (house.server.state / "rendered" / "files").rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            count += len(json.loads(path.read_bytes().partition(b"\n")[0])["files"])
    return count


def _cpu(house: House) -> tuple[float, float]:
    """Return the processor time of the server itself, and of the processes that it has started."""
    own = own_cpu_seconds(house.server.pid)
    return own, house.cpu() - own


class Phones:
    """Phones that fetch their own file one after the other, for measuring how long each takes."""

    def __init__(self, house: House, phones: list[dict[str, Any]], per_second: float = 25.0) -> None:
        self._house = house
        self._phones = phones
        self._pause = 1 / per_second
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seconds: list[float] = []
        self.failed = 0

    def __enter__(self) -> Phones:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._house.http, timeout=60)
        number = 0
        while not self._over.wait(self._pause):
            phone = self._phones[number * 7919 % len(self._phones)]
            number += 1
            name = str(phone["mac"]).replace(":", "").upper() + ".cfg"
            began = time.monotonic()
            connection.request("GET", f"/{name}", headers={"X-Forwarded-For": str(phone["ip"])})
            answer = connection.getresponse()
            answer.read()
            self.seconds.append(time.monotonic() - began)
            self.failed += answer.status != 200
        connection.close()


def measure(directory: Path, *, devices: int, limit: float, say: Callable[[str], None] = lambda text: None) -> Rendered:
    """Make the files of so many devices, change their base config, and return how that went.

    :param limit: seconds for each of the two.
    """
    result = Rendered(devices)
    house = House(directory, proxies=1)
    house.start(pinned=False)
    try:
        house.install()
        configs, phones = rows(devices)
        began = time.monotonic()
        for first in range(0, devices, AT_ONCE):
            house.import_rows("cfg_mgr", configs[first : first + AT_ONCE])
            house.import_rows("dev_mgr", phones[first : first + AT_ONCE])
        owner, workers = _cpu(house)
        say(f"{devices} devices imported in {time.monotonic() - began:.0f} s")
        result.first_seconds = house.settle(limit)
        after = _cpu(house)
        result.owner_seconds, result.worker_seconds = after[0] - owner, after[1] - workers
        result.files = files_on_disk(house)
        say(result.notes()[0])
        _change_base(house, phones, result, limit)
        say(result.notes()[-1])
    finally:
        house.stop()
    return result


def _change_base(house: House, phones: list[dict[str, Any]], result: Rendered, limit: float) -> None:
    with Phones(house, phones) as calm:
        time.sleep(6)
    document = house.rest.get("/cfg_mgr/configs/base")["config"]
    document["raw_config"]["X_xivo_phonebook_ip"] = "192.0.2.77"
    owner, workers = _cpu(house)
    with Phones(house, phones) as busy:
        began = time.monotonic()
        house.rest.call("PUT", "/cfg_mgr/configs/base", {"config": document})
        result.answered_in = time.monotonic() - began
        result.base_seconds = house.settle(limit)
    used = _cpu(house)
    result.base_owner_seconds, result.base_worker_seconds = used[0] - owner, used[1] - workers
    result.before, result.meanwhile = calm.seconds, busy.seconds
    if calm.failed or busy.failed:
        raise RuntimeError(f"{calm.failed + busy.failed} phones got no file")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--limit", type=float, default=900)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="provisiond-bench-") as name:
        result = measure(
            Path(name),
            devices=chosen.devices,
            limit=chosen.limit,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
    for note in result.notes():
        print(f"- {note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
