"""A number that one process writes and others read without asking: the state of everything that phones get."""

from __future__ import annotations

import mmap
import os

SIZE = 8


class SharedStamp:
    """A number in memory that processes share.

    It is written before a change is acknowledged, so whoever reads it after an acknowledgement knows of the change.

    :param fd: descriptor of the memory, from :attr:`fd` of another one; by default new memory.
    """

    def __init__(self, fd: int | None = None) -> None:
        if fd is None:
            fd = os.memfd_create("provisiond-stamp")
            os.ftruncate(fd, SIZE)
        self.fd = fd
        self._memory = mmap.mmap(fd, SIZE)
        # One aligned word: it is read and written in one go.
        self._word = memoryview(self._memory).cast("Q")

    def write(self, number: int) -> None:
        """Set the number; once the memory has been given back nobody is left to read it."""
        if not self._memory.closed:
            self._word[0] = number

    def read(self) -> int:
        """Return the number as it is now."""
        return self._word[0]

    def close(self) -> None:
        """Give the memory back."""
        self._word.release()
        self._memory.close()
        os.close(self.fd)
