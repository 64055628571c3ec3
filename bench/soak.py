"""`python -m bench.soak`: many transfers from one server, with its memory and descriptors looked at between them."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from attrs import frozen

from bench.house import House
from bench.loads import OurTarget, tftp

STEPS = 10
PHONES = 500
CLIENTS = 200
ALLOWED_GROWTH = 8.0


@frozen
class Look:
    """What a process holds.

    :param megabytes: resident memory.
    """

    transfers: int
    megabytes: float
    descriptors: int


def look(house: House, transfers: int) -> Look:
    """Return what the server holds now."""
    return Look(transfers, house.memory(), len(os.listdir(f"/proc/{house.server.pid}/fd")))


def soak(house: House, transfers: int) -> tuple[list[Look], int]:
    """Run so many transfers; return what the server held after each tenth, and how many failed."""
    step, looks, failed = max(1, transfers // STEPS), [], 0
    for number in range(STEPS):
        row = tftp(OurTarget(house), clients=CLIENTS, total=step, seconds=3_600, phones=PHONES)
        failed += row["failed"] + row["unfinished"]
        looks.append(look(house, (number + 1) * step))
        print(
            f"{looks[-1].transfers:>10,} transfers: {looks[-1].megabytes:.1f} MB resident, "
            f"{looks[-1].descriptors} descriptors, {row['per_second']:,.0f} a second",
            flush=True,
        )
    return looks, failed


def problems(looks: list[Look], failed: int) -> list[str]:
    """Return what is wrong: the first tenth fills what is kept on purpose, after it nothing may grow.

    How many sockets are kept follows the most clients at once, which may come later: they are compared by halves.
    """
    found = [f"{failed} transfers failed"] if failed else []
    first, middle, last = looks[0], looks[len(looks) // 2], looks[-1]
    if last.megabytes - first.megabytes > ALLOWED_GROWTH:
        found.append(f"memory grew by {last.megabytes - first.megabytes:.1f} MB")
    if last.descriptors > middle.descriptors + 20:
        found.append(f"descriptors grew from {middle.descriptors} to {last.descriptors}")
    return found


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="provisiond-soak-") as directory:
        house = House(Path(directory) / "house")
        house.start()
        try:
            house.install()
            tftp(OurTarget(house), clients=20, total=PHONES, seconds=300, phones=PHONES)
            began = time.monotonic()
            looks, failed = soak(house, chosen.transfers)
        finally:
            house.stop()
    print(f"{time.monotonic() - began:.0f} s")
    found = problems(looks, failed)
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
