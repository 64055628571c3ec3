"""`python -m bench.crowd`: a TFTP request the whole way, with many devices and plugins and with few, in turn."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from bench.house import House
from bench.loads import OurTarget, tftp

PHONES = 300
SHIPPED = 4
ALLOWED = 1.2


def prepared(house: House, devices: int, plugins: int) -> House:
    """Start a house with so many devices and plugins, and let its phones meet it."""
    house.start()
    house.install()
    if devices:
        house.import_devices(devices)
    if plugins > SHIPPED:
        house.stop()
        house.copy_plugin(plugins - SHIPPED)
        house.start()
    for _ in range(2):
        tftp(OurTarget(house), clients=20, total=PHONES, seconds=300, phones=PHONES)
    return house


def measured(houses: dict[str, House], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the processor microseconds of each transfer, by house, the houses in turn."""
    costs: dict[str, list[float]] = {name: [] for name in houses}
    for _ in range(rounds):
        for name, house in houses.items():
            row = tftp(OurTarget(house), clients=50, total=400_000, seconds=seconds, phones=PHONES)
            costs[name].append(float(row["cpu_us"]))
            if row["failed"]:
                print(f"{name}: {row['failed']} transfers failed", file=sys.stderr)
    return costs


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--plugins", type=int, default=110)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="provisiond-crowd-") as directory:
        houses = {"few": House(Path(directory) / "few"), "many": House(Path(directory) / "many")}
        try:
            prepared(houses["few"], 0, SHIPPED)
            prepared(houses["many"], chosen.devices, chosen.plugins)
            costs = measured(houses, chosen.rounds, chosen.seconds)
        finally:
            for house in houses.values():
                if house.server.is_started:
                    house.stop()
    for name, values in costs.items():
        print(f"{name}: {min(values):.0f} / {statistics.median(values):.0f} / {max(values):.0f} µs a transfer")
    # Rounds lie side by side in time, so what else the machine does weighs on both of a pair.
    ratio = statistics.median(many / few for few, many in zip(costs["few"], costs["many"], strict=True))
    print(f"{chosen.devices:,} devices and {chosen.plugins} plugins per few: {ratio:.2f}")
    return 1 if ratio > ALLOWED else 0


if __name__ == "__main__":
    sys.exit(main())
