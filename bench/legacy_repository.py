"""A plugin repository as other servers have them: archives with bzip2, and an index that knows SHA-1 only."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path


def build_legacy_repository(destination: Path, plugins: Iterable[Path]) -> Path:
    """Pack these plugins' directories; return the directory with ``plugins.db`` and the archives."""
    destination.mkdir(parents=True, exist_ok=True)
    index_file = destination / "plugins.db"
    index = json.loads(index_file.read_text()) if index_file.exists() else {}
    for plugin in plugins:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:bz2") as archive:
            archive.add(plugin, arcname=plugin.name)
        info = json.loads((plugin / "plugin-info").read_text())
        name = f"{plugin.name}-{info['version']}.tar.bz2"
        (destination / name).write_bytes(buffer.getvalue())
        index[plugin.name] = {
            **info,
            "filename": name,
            "dsize": len(buffer.getvalue()),
            "sha1sum": hashlib.sha1(buffer.getvalue()).hexdigest(),
        }
    index_file.write_text(json.dumps(index, indent=4))
    return destination
