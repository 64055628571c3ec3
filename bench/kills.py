"""Kill the daemon before every file operation of installing, upgrading and removing, and look at it again each time."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.daemon_deaths import ACTIONS, dying_daemon, spread


def main() -> None:
    """Print, for each kind of work, how often the daemon was killed and in which states it was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10_000, help="at most so many of each kind, evenly spread")
    kills = parser.parse_args().kills
    began, total = time.monotonic(), 0
    with TemporaryDirectory() as directory, dying_daemon(Path(directory)) as deaths:
        for action in ACTIONS:
            points = spread(deaths.steps(action), kills)
            found = [deaths.die(action, number) for number in points]
            old, new = found.count(action.before), found.count(action.after)
            total += len(found)
            print(
                f"{action.name}: {len(found)} deaths, then {old} times as before and {new} times as after", flush=True
            )
    print(f"{total} deaths in {time.monotonic() - began:.0f} s, nothing broken, nothing left over")


if __name__ == "__main__":
    sys.exit(main())
