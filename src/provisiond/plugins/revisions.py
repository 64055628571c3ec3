"""What state a plugin's files are in."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

from provisiond import __version__

NOT_CODE: Final = ("var", "pkgs", "tests", "__pycache__")


def _hashed(path: Path, root: Path, digest: Any) -> None:
    if path.is_symlink() or path.name.startswith(".") or path.name == "__pycache__":
        return
    if path.is_dir():
        for child in sorted(path.iterdir()):
            _hashed(child, root, digest)
    elif path.is_file():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)


def revision_of(directory: Path, year: int) -> str:
    """Return a hash of everything that a plugin's files depend on: code, templates, server version, year. Blocks."""
    digest = hashlib.sha256(f"{__version__}\0{year}\0".encode())
    for child in sorted(directory.iterdir()):
        if child.name not in NOT_CODE:
            _hashed(child, directory, digest)
    _hashed(directory / "var" / "templates", directory, digest)
    return digest.hexdigest()[:32]


def static_state(directory: Path) -> str:
    """Return a text that tells names, sizes and times of what lies in a plugin's ``var/tftpboot``. Blocks."""
    root = directory / "var" / "tftpboot"
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            try:
                status = os.lstat(f"{folder}/{name}")
            except OSError:
                continue
            line = f"{folder.removeprefix(str(root))}/{name}\0{status.st_size}\0{status.st_mtime_ns}\0"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def revision_with(revision: str, values: tuple[tuple[str, Any], ...]) -> str:
    """Return the revision of a plugin whose parameters have these values; nothing set changes nothing."""
    if not values:
        return revision
    text = json.dumps(sorted(values))
    return hashlib.sha256(f"{revision}\0{text}".encode()).hexdigest()[:32]
