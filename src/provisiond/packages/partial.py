"""Files that are being fetched: ``<name>.part``, with a note of what the server called this version of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO

from provisiond.packages.problems import Aborted, disk_sentence
from provisiond.packages.wanted import PARTIAL_SUFFIX, WantedFile
from provisiond.packages.web import Answer


class PartialFile:
    """What has come of a file so far; survives a restart. Its methods block.

    :param path: final path of the file.
    """

    def __init__(self, path: Path) -> None:
        self.final = path
        self.path = path.with_name(path.name + PARTIAL_SUFFIX)
        self._note = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
        self._stream: IO[bytes] | None = None
        self.size = 0

    def resumable(self, url: str) -> str | None:
        """Return what goes into ``If-Range`` to get the rest from ``url``, or None when all of it is needed."""
        try:
            note = json.loads(self._note.read_bytes())
            self.size = self.path.stat().st_size
        except (OSError, ValueError):
            self.size = 0
            return None
        fits = isinstance(note, dict) and note.get("url") == url and isinstance(note.get("validator"), str)
        return note["validator"] if fits and self.size else None

    def begin(self, url: str, answer: Answer) -> int:
        """Open for writing, at the end if the server sends the rest, else at the start; return the bytes kept."""
        resumed = answer.status == 206 and _range_start(answer) == self.size
        if answer.status == 206 and not resumed:
            raise Aborted(f"the server sends another part of {self.final.name} than was asked for")
        self.final.parent.mkdir(parents=True, exist_ok=True)
        if not resumed:
            self.size = 0
            self._note.unlink(missing_ok=True)
        self._stream = self.path.open("ab" if resumed else "wb")
        validator = _validator(answer)
        if validator is not None and not resumed:
            self._note.write_text(json.dumps({"url": url, "validator": validator}))
        return self.size

    def begin_anew(self) -> None:
        """Open for writing at the start, without a note."""
        self._note.unlink(missing_ok=True)
        self.final.parent.mkdir(parents=True, exist_ok=True)
        self.size = 0
        self._stream = self.path.open("wb")

    def write(self, data: bytes) -> None:
        """Append.

        :raises Aborted: when the disk is full.
        """
        if self._stream is None:
            raise Aborted("the download was stopped")
        try:
            self._stream.write(data)
        except OSError as error:
            raise Aborted(f"{self.final.name} cannot be stored: {disk_sentence(error)}") from error
        self.size += len(data)

    def close(self) -> None:
        """Close; what has come stays."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError as error:
                raise Aborted(f"{self.final.name} cannot be stored: {disk_sentence(error)}") from error

    def keep(self, wanted: WantedFile) -> None:
        """Give the file its final name after comparing it with what is wanted.

        :raises CorruptedFile: when it is another; nothing is left of it then.
        """
        try:
            wanted.check(self.path)
            with self.path.open("rb") as stream:
                os.fsync(stream.fileno())
            self.path.replace(self.final)
        except BaseException:
            self.remove()
            raise
        self._note.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove what has come."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _range_start(answer: Answer) -> int:
    unit, _, rest = answer.headers.get("content-range", "").partition(" ")
    start = rest.partition("-")[0].strip()
    return int(start) if unit == "bytes" and start.isascii() and start.isdigit() else -1


def _validator(answer: Answer) -> str | None:
    """Return a strong entity tag, else the time of the last change (RFC 9110, section 13.1.5)."""
    tag = answer.headers.get("etag", "")
    if tag.startswith('"'):
        return tag
    return answer.headers.get("last-modified")


def remove_partials(directory: Path, *, keep_resumable: bool = True) -> list[str]:
    """Remove fetched pieces that cannot be completed, and notes without a piece; return their names.

    :param keep_resumable: False removes also what could be completed.
    """
    removed = []
    for path in sorted(directory.glob(f"*{PARTIAL_SUFFIX}")):
        other = path.with_name(path.name[1:] if path.name.startswith(".") else f".{path.name}")
        if not keep_resumable or not other.exists():
            path.unlink(missing_ok=True)
            removed.append(path.name)
    return removed
