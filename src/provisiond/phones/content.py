"""What a phone gets: bytes, or a file on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from attrs import frozen

SILENCE: Final = -1_000


@frozen(kw_only=True)
class OwnAnswer:
    """What a plugin that answers by itself said.

    :param status: of HTTP; over TFTP 0, -1 minus the error code of a refusal, or :data:`SILENCE` for no answer.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    text: str = ""


@frozen(kw_only=True)
class Content:
    """The content of one answer; exactly one of ``data`` and ``path`` is given.

    :param size: in bytes.
    :param etag: strong entity tag, with its quotes.
    :param modified: seconds since the epoch.
    :param kind: ``rendered``, ``common``, ``static``, or ``plugin``: the plugin has answered by itself, see ``own``.
    :param name: what the file is called among those of the device; phones may ask for it by another path.
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
    own: OwnAnswer | None = None
    name: str = ""
