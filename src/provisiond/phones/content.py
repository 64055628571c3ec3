"""What a phone gets: bytes, or a file on disk."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen(kw_only=True)
class Content:
    """The content of one answer; exactly one of ``data`` and ``path`` is given.

    :param size: in bytes.
    :param etag: strong entity tag, with its quotes.
    :param modified: seconds since the epoch.
    :param kind: ``rendered``, ``common`` or ``static``.
    """

    size: int
    etag: str
    modified: float
    content_type: str
    kind: str
    data: bytes | None = None
    path: Path | None = None
    sensitive: bool = False
    trigger: bool = False
