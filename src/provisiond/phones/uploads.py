"""What phones upload (logs, directories, their own settings): kept for the administrator, bounded, never served."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import Final

from provisiond.errors import StoreProblem
from provisiond.provisioning.ports import Threads

PER_DEVICE: Final = 20
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Uploads:
    """Keeps the newest uploads of each device.

    :param directory: each device has a directory of its own in it, made with the first upload.
    :param kept: uploads kept for each device; the oldest go first.
    """

    def __init__(self, directory: Path, threads: Threads, kept: int = PER_DEVICE) -> None:
        self._directory = directory
        self._threads = threads
        self._kept = kept

    async def keep(self, device_id: str, name: str, content: bytes) -> None:
        """Keep an upload; one of the same name replaces the former.

        :param name: a normalised name; its slashes become ``_``.
        :raises StoreProblem: when it cannot be written.
        """
        await self._threads.run(self._write, device_id, name, content)

    def _write(self, device_id: str, name: str, content: bytes) -> None:
        directory = self._directory / _plain(device_id)
        target = directory / _plain(name.replace("/", "_"))
        beside = directory / f".{target.name[:100]}.tmp"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
            os.replace(beside, target)
            files = sorted(directory.iterdir(), key=lambda path: path.stat().st_mtime_ns)
            for path in files[: -self._kept]:
                path.unlink()
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise StoreProblem(f"an upload of a phone cannot be kept: {error.strerror}") from None


def _plain(name: str) -> str:
    """Return a name that is safe in a directory; what is not plain becomes a digest."""
    return name if _PLAIN.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
