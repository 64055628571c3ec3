"""The only place where a name from outside meets a path of this host."""

from __future__ import annotations

import re
from pathlib import Path

from provisiond.errors import InvalidInput

MAX_NAME_LENGTH = 1024
_CONTROL = re.compile("[\x00-\x1f\x7f]")


class UnsafeName(InvalidInput):
    """A foreign name would leave the directory it is looked up in."""

    code = "unsafe-name"


def normalized_name(name: str) -> str:
    """Return a phone's file name as a relative name with single forward slashes.

    :param name: a name as a phone sent it, already percent-decoded; backslashes count as slashes, leading
        and doubled slashes and ``.`` parts are dropped.
    :raises UnsafeName: for NUL or other control characters, a ``..`` part, or more than 1,024 characters.
    """
    if len(name) > MAX_NAME_LENGTH:
        raise UnsafeName("the file name is longer than 1,024 characters")
    if not name.isprintable() and _CONTROL.search(name):
        raise UnsafeName("the file name holds a control character")
    if "/" not in name and "\\" not in name and name.strip("."):
        return name
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnsafeName("the file name tries to leave its directory")
    return "/".join(parts)


def contained(root: Path, name: str) -> Path:
    """Return the path of ``name`` below ``root``, symbolic links resolved.

    :param root: an existing directory.
    :param name: a foreign relative name, see :func:`normalized_name`.
    :raises UnsafeName: when the resolved path is not inside the resolved root.
    """
    relative = normalized_name(name)
    resolved_root = root.resolve()
    resolved = (resolved_root / relative).resolve()
    if resolved != resolved_root and resolved_root not in resolved.parents:
        raise UnsafeName("the file name leads out of its directory")
    return resolved
