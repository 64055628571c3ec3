"""Do work on a disk that is nearly full, with a little more room each time, and look at what is left.

Run as a program inside a mount namespace of its own, with an empty directory: a small file system in memory is mounted
there. For each amount of room the work is done once in a fresh copy of a prepared world; what is found afterwards, with
room again, is printed as one JSON line.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provisiond.errors import ProvisiondError

PAGE = 4096
SIZE = 32 << 20


def fill(directory: Path, room: int) -> Path:
    """Leave only so many bytes of room; return the file that takes the rest."""
    filler = directory / "filler"
    with filler.open("wb") as stream:
        while (free := shutil.disk_usage(directory).free) > room:
            os.posix_fallocate(stream.fileno(), stream.seek(0, os.SEEK_END), min(free - room, 1 << 20))
    return filler


def once(world: Path, room: int, act: Callable[[Path], None], look: Callable[[Path], Any]) -> dict[str, Any]:
    """Do the work with so much room and return how it ended and what there is then."""
    filler = fill(world.parent, room)
    try:
        act(world)
        ended = ""
    except ProvisiondError as problem:
        ended = problem.sentence
    except BaseException as fault:
        ended = f"FAULT {type(fault).__name__}: {fault}"
    filler.unlink()
    return {"room": room, "ended": ended, **look(world)}


def main() -> None:
    """``fill_loop.py MODULE SCENARIO DIRECTORY PAGES``: the module has ``SCENARIOS[name] = (prepare, act, look)``."""
    module, scenario, directory, pages = sys.argv[1:]
    prepare, act, look = importlib.import_module(module).SCENARIOS[scenario]
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", directory], check=True)
    root = Path(directory)
    prepare(root / "prepared")
    found = []
    for number in range(int(pages)):
        world = root / "world"
        shutil.copytree(root / "prepared", world, symlinks=True)
        found.append(once(world, number * PAGE, act, look))
        shutil.rmtree(world)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
