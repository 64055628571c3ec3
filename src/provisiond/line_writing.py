"""Log lines that wait for whoever takes them, while the server goes on."""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Final

MOST_LINES: Final = 4_000
# What is written to a pipe in one piece of at most so many bytes is not mixed with other processes' lines (pipe(7)).
PIECE: Final = 4_096
LAST_SECONDS: Final = 2.0


class LineWriting:
    """Writes lines to a descriptor in a thread of its own. Whoever gives one never waits.

    A pipe that nobody reads, or a journal that hangs, would otherwise stop the whole server with the first line that
    finds no room. Lines that are too many then are left out.

    :param fd: where they are written; it stays open.
    :param left_out: told how many lines were left out, when the next one could be written.
    :param most: lines that wait.
    """

    def __init__(self, fd: int, left_out: Callable[[int], None], most: int = MOST_LINES) -> None:
        self._fd = fd
        self._tell_left_out = left_out
        self._most = most
        self._lines: deque[bytes] = deque()
        self._changed = Condition()
        self._writing = False
        self._left_out = 0
        Thread(target=self._work, name="log lines", daemon=True).start()

    def write(self, line: str) -> None:
        """Take a line with its end."""
        with self._changed:
            if len(self._lines) >= self._most:
                self._left_out += 1
            else:
                self._lines.append(line.encode("utf-8", "backslashreplace"))
                self._changed.notify_all()

    def flush(self) -> None:
        """Do nothing: lines are written as soon as they can be."""

    def finish(self, seconds: float = LAST_SECONDS) -> bool:
        """Wait until everything is written, but no longer than so many seconds; tell whether it is."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._lines or self._writing:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def _work(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                while not self._lines:
                    self._changed.wait()
                piece = self._next_piece()
                self._writing = True
            self._write(piece)
            with self._changed:
                left_out, self._left_out = self._left_out, 0
            if left_out:
                self._tell_left_out(left_out)

    def _next_piece(self) -> bytes:
        piece = self._lines.popleft()
        while self._lines and len(piece) + len(self._lines[0]) <= PIECE:
            piece += self._lines.popleft()
        return piece

    def _write(self, piece: bytes) -> None:
        while piece:
            try:
                piece = piece[os.write(self._fd, piece) :]
            except BlockingIOError:
                room = select.poll()
                room.register(self._fd, select.POLLOUT)
                room.poll()
            except OSError:
                # Nobody will ever read it: the reader has gone.
                return
