"""What commands print, kept with its beginning and its end (extension contract, section 5.2)."""

from __future__ import annotations

import datetime
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from attrs import frozen

from provisiond.logs import redacted

MAX_BYTES: Final = 1 << 20
MAX_LINE: Final = 4096
CUT: Final = "… lines were left out here …"


class OutputLog:
    """Lines with time and step; of more than 1 MiB the middle is left out. Safe to write to from a thread.

    :param now: seconds since 1970.
    :param tell: called with each line, too, until half of what is kept has come: floods go nowhere else.
    """

    def __init__(self, now: Callable[[], float], tell: Callable[[str], None], limit: int = MAX_BYTES) -> None:
        self._now = now
        self._tell = tell
        self._half = limit // 2
        self._begin: list[str] = []
        self._begin_size = 0
        self._end: deque[_Raw] = deque()
        self._end_size = 0
        self._cut = False
        self._lock = threading.Lock()
        self.step = "starting"

    def write(self, text: str) -> None:
        """Add a line; secrets in it are masked, control characters replaced."""
        raw = _Raw(self._now(), self.step, text[:MAX_LINE])
        with self._lock:
            line = self._kept_line(raw)
        if line is not None:
            self._tell(line)

    def text(self) -> str:
        """Return all that is kept."""
        with self._lock:
            begin, end, cut = tuple(self._begin), tuple(self._end), self._cut
        return "".join(f"{line}\n" for line in (*begin, *([CUT] if cut else []), *(raw.line() for raw in end)))

    def _kept_line(self, raw: _Raw) -> str | None:
        """Return the line when it is one of the first; the last ones are looked at when somebody reads them."""
        if not self._end:
            line = raw.line()
            size = len(line.encode("utf-8", "replace")) + 1
            if self._begin_size + size <= self._half:
                self._begin.append(line)
                self._begin_size += size
                return line
        self._end.append(raw)
        self._end_size += raw.size
        while self._end_size > self._half:
            self._end_size -= self._end.popleft().size
            self._cut = True
        return None


@frozen
class _Raw:
    at: float
    step: str
    text: str

    @property
    def size(self) -> int:
        # time and step take about so much; letters beyond ASCII may take more than they count here
        return len(self.text) + 48

    def line(self) -> str:
        moment = datetime.datetime.fromtimestamp(self.at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        shown = redacted(self.text)
        if not shown.isprintable():
            shown = "".join(char if char.isprintable() or char == "\t" else "?" for char in shown)
        return f"{moment} [{self.step}] {shown}"
