"""Kill a process before each of its file operations in turn, and look at what is left.

Run as a program with a directory: for each scenario the directory gets one world for each point of death; a child that
is forked for it kills itself there with SIGKILL. What the parent finds afterwards is printed as one JSON line.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MUTATIONS = ("rename", "replace", "link", "symlink", "unlink", "rmdir", "mkdir", "fsync", "utime", "fchmod")


def die_before(number: int) -> None:
    """Arrange for SIGKILL instead of the ``number``-th file operation (counted from 1) of this process."""
    count = 0

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return operation

    for name in MUTATIONS:
        setattr(os, name, counting(getattr(os, name)))


def survivors(prepare: Callable[[Path], None], act: Callable[[Path], None], root: Path) -> int:
    """Run ``act`` again and again in fresh copies of a prepared world, dying one operation later each time.

    :return: number of deaths; the copies are ``root/1`` … and, as ``root/0``, that of the run nobody died in.
    """
    prepare(root / "prepared")
    for number in range(1, 2000):
        world = root / str(number)
        shutil.copytree(root / "prepared", world, symlinks=True)
        child = os.fork()
        if child == 0:
            try:
                die_before(number)
                act(world)
                os._exit(0)
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status):
                raise SystemExit("the work fails even when nobody dies")
            world.rename(root / "0")
            return number - 1
    raise SystemExit("the work never ends")


def main() -> None:
    """``kill_loop.py MODULE SCENARIO DIRECTORY``: the module has ``SCENARIOS[name] = (prepare, act, look)``."""
    import importlib

    module, scenario, directory = sys.argv[1:]
    # a killed process loses nothing that it has written; only a power cut would
    os.fsync = lambda descriptor: None
    prepare, act, look = importlib.import_module(module).SCENARIOS[scenario]
    root = Path(directory)
    deaths = survivors(prepare, act, root)
    found = [look(root / str(number)) for number in range(deaths + 1)]
    print(json.dumps({"deaths": deaths, "found": found}))


if __name__ == "__main__":
    main()
