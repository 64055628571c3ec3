"""Files that are written wholly or not at all."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file, which is on the disk when this returns; a reader meanwhile finds the old one or the new. Blocks.

    A crash may leave ``.NAME.tmp`` beside it. One writer at a time.

    :param path: in an existing directory.
    :param mode: permissions, in force before the first byte is written; None for what the umask leaves.
    :raises OSError: when the disk or the directory refuses; the old file is untouched then.
    """
    partial = path.with_name(f".{path.name}.tmp")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666 if mode is None else mode)
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def write_json(path: Path, document: Any, mode: int | None = None) -> None:
    """Write a document as :func:`write_whole` does. Blocks.

    :raises OSError: as there.
    """
    write_whole(path, json.dumps(document).encode(), mode)
