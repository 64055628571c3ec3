"""provisiond with a trap: once a file exists, it kills itself before the so-manieth file operation.

``dying_daemon.py TRAP PROGRAM ARGUMENTS…``: ``TRAP`` holds the number, 0 for never; operations are counted in
``TRAP.count``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

MUTATIONS = ("rename", "replace", "link", "symlink", "unlink", "rmdir", "mkdir", "utime")


class Trap:
    """Counts file operations from the moment that its file exists."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._counted = file.with_suffix(".count")
        self._lock = Lock()
        self._number: int | None = None
        self._count = 0

    def step(self) -> None:
        with self._lock:
            if not self._file.exists():
                self._number, self._count = None, 0
                return
            if self._number is None:
                self._number = int(self._file.read_text())
            self._count += 1
            if self._count == self._number:
                os.kill(os.getpid(), signal.SIGKILL)
            self._counted.write_text(str(self._count))

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return real(*args, **kwargs)

        return operation


def main() -> None:
    trap = Trap(Path(sys.argv[1]))
    for name in MUTATIONS:
        setattr(os, name, trap.around(getattr(os, name)))
    sys.argv = sys.argv[2:]
    from provisiond.daemon import main as run

    run()


if __name__ == "__main__":
    main()
