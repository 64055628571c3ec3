"""Copies of installed files that a plugin is about to write: what is installed stays as it is.

The directory that a plugin is given shows the installed files by links (:mod:`provisiond.legacy.mirror`). Copying them
all would double every firmware; so a file is copied when, and only when, the plugin opens it to write. Programs that a
plugin starts are not seen here.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from provisiond.legacy.surroundings import Surroundings

_WRITES: Final = os.O_WRONLY | os.O_RDWR
Name = str | bytes | os.PathLike[str] | os.PathLike[bytes] | int


class OwnCopies:
    """Heeds what the interpreter is about to do to files.

    Source: PEP 578; the Python documentation's table of audit events (``open``, ``os.truncate``).

    :param here: knows the directories that plugins were given.
    """

    def __init__(self, here: Surroundings) -> None:
        self._here = here

    def watch(self) -> None:
        """Heed this process from now on, for as long as it lives."""
        sys.addaudithook(self.heed)

    def heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Put a copy in the place of a link that is about to be written through.

        :raises OSError: when there is no room for the copy; what was about to happen does not happen then.
        """
        if event == "open":
            name, _, flags = arguments
            if flags & _WRITES and not flags & os.O_EXCL:
                self._own(name, emptied=bool(flags & os.O_TRUNC))
        elif event == "os.truncate":
            self._own(arguments[0], emptied=False)

    def _own(self, name: Name, *, emptied: bool) -> None:
        if isinstance(name, int):
            return
        path = os.path.abspath(os.fsdecode(name))
        if os.path.islink(path) and self._is_shown(path):
            _put_copy(Path(path), emptied=emptied)

    def _is_shown(self, path: str) -> bool:
        var = self._here.var_of(path)
        return var is not None and Path(path).is_relative_to(var / "tftpboot")


def _put_copy(link: Path, *, emptied: bool) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=".", dir=link.parent)
    os.close(descriptor)
    try:
        if not emptied:
            with suppress(FileNotFoundError):
                shutil.copyfile(link, temporary)
        os.replace(temporary, link)
    except BaseException:
        os.unlink(temporary)
        raise
