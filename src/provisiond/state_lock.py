"""One server for one state directory."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from provisiond.errors import StartProblem


class StateLock:
    """Keeps other servers from a state directory; the system gives it back however this process ends.

    Source: flock(2).
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Keep others away from now on.

        :raises StartProblem: when another server has it, or the directory does not allow it.
        """
        path = self._state_dir / "lock"
        try:
            self._file = path.open("a")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise StartProblem(f"another provisiond uses {self._state_dir}") from None
        except OSError as error:
            raise StartProblem(f"{path} cannot be locked: {error.strerror}") from None

    def release(self) -> None:
        """Let others in; nothing when it was not taken."""
        if self._file is not None:
            self._file.close()
            self._file = None
