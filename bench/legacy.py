"""What existing plugins cost: requests per second with 1 and with 110 of them installed.

Run from the top of the sources: ``python -m bench.legacy``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench.server import ROOT, Server, free_port, write_settings

LEGACY = ROOT / "docs" / "examples" / "legacy" / "wazo-examplia-1.2"
PHONES = 50


def install(plugins: Path, count: int) -> None:
    """Put so many plugins there: one for the phones of this bench, the others for phones of other makers."""
    for number in range(count):
        target = plugins / f"wazo-maker{number}-1.2"
        shutil.copytree(LEGACY, target)
        if number:
            for name in ("common.py", "plugin-info"):
                text = (target / name).read_text("utf-8")
                changed = text.replace("Examplia ", f"Maker{number} ").replace('"Examplia', f'"Maker{number}')
                (target / name).write_text(changed.replace("^examplia-", f"^maker{number}-"), "utf-8")


def fetched(connection: http.client.HTTPConnection, number: int) -> float:
    """Have one phone fetch its file, and return how long that took."""
    digits = f"02005e{number:06x}"
    began = time.monotonic()
    connection.request("GET", f"/examplia-{digits}.cfg", headers={"User-Agent": f"Examplia E100 1.2 {digits}"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200 or b"server = " not in content:
        raise RuntimeError(f"phone {number} got {answer.status}")
    return time.monotonic() - began


def measured(count: int, seconds: float) -> dict[str, float]:
    """Return start-up time, time of a first contact, and requests per second of known phones."""
    directory = Path(tempfile.mkdtemp(prefix="provisiond-bench-"))
    rest, port, tftp = free_port(), free_port(), free_port(2)
    empty = directory / "repository"
    empty.mkdir()
    settings = write_settings(directory, rest=rest, http=port, tftp=tftp, repository=empty)
    install(directory / "state" / "plugins", count)
    server = Server(settings)
    began = time.monotonic()
    try:
        server.start(seconds=600)
        started = time.monotonic() - began
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        first = [fetched(connection, number) for number in range(PHONES)]
        for number in range(PHONES):
            fetched(connection, number)
        requests, ends = 0, time.monotonic() + seconds
        while time.monotonic() < ends:
            fetched(connection, requests % PHONES)
            requests += 1
        connection.close()
        loaded = len(server.rest(rest).get("/pg_mgr/plugins")["plugins"])
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return {
        "plugins": loaded,
        "start_seconds": round(started, 2),
        "first_contact_ms": round(sorted(first)[PHONES // 2] * 1000, 1),
        "requests_per_second": round(requests / seconds),
    }


def main() -> int:
    """Print one line of JSON for each number of plugins."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plugins", type=int, nargs="*", default=[1, 110])
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    for count in arguments.plugins:
        print(json.dumps(measured(count, arguments.seconds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
