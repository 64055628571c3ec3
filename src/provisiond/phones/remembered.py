"""Answers of the last half minute: the same request again is answered without finding everything anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Final

from attrs import define

from provisiond.phones.content import Content
from provisiond.phones.journal import PhoneEvent

LIFETIME: Final = 30.0
NOTED_SECONDS: Final = 1.0
MAX_ANSWERS: Final = 50_000
MAX_BYTES: Final = 64 * 1024 * 1024


@define(slots=True, eq=False)
class Kept:
    """One answer.

    :param event: what was noted of it.
    :param name: of the file, as the phone sent it.
    :param noted: when the phone was last noted as seen, in seconds of a steady clock.
    :param wire: what an adapter has made of the content, to be sent again.
    """

    event: PhoneEvent
    content: Content
    name: str = ""
    noted: float = 0.0
    wire: Any = None

    def is_to_be_noted(self, now: float) -> bool:
        """Tell whether it is time to note again that the phone was seen; True once a second."""
        if now - self.noted < NOTED_SECONDS:
            return False
        self.noted = now
        return True


class Remembered:
    """Keeps answers for at most half a minute, and only while nothing changes that they depend on.

    Then each request goes the whole way again, because of what depends on the time alone.

    :param stamp: a value that differs after any change of devices, configs, parameters, plugins or rules.
    """

    def __init__(self, stamp: Callable[[], object]) -> None:
        self._stamp = stamp
        self._answers: dict[Hashable, Kept] = {}
        self._made_at: object = None
        self._until = 0.0
        self._bytes = 0

    def stamp(self) -> object:
        """Return the present state of everything; to be taken before an answer is made."""
        return self._stamp()

    def get(self, key: Hashable, now: float) -> Kept | None:
        """Return the answer that was given to this request, if the same would be given now.

        :param key: all that the request consists of, its peer included.
        :param now: seconds of a steady clock.
        """
        if now >= self._until or self._made_at != self._stamp():
            return None
        kept = self._answers.get(key)
        if kept is None or (kept.content.path is not None and not is_same(kept.content.path, kept.content)):
            return None
        return kept

    def put(self, key: Hashable, kept: Kept, stamp: object, now: float) -> None:
        """Keep an answer, unless something has changed while it was made.

        :param stamp: what :meth:`stamp` returned before.
        """
        if stamp != self._stamp():
            return
        size = 0 if kept.content.data is None else len(kept.content.data)
        stale = now >= self._until or self._made_at != stamp
        if stale or len(self._answers) >= MAX_ANSWERS or self._bytes + size > MAX_BYTES:
            self._answers.clear()
            self._made_at, self._until, self._bytes = stamp, now + LIFETIME, 0
        self._answers[key] = kept
        self._bytes += size


def static_etag(status: os.stat_result) -> str:
    """Return the entity tag of a file on disk."""
    return f'"{status.st_mtime_ns:x}-{status.st_size:x}"'


def is_same(path: Path, content: Content) -> bool:
    """Tell whether the file is still the one that was looked at."""
    try:
        return static_etag(os.stat(path)) == content.etag
    except OSError:
        return False
