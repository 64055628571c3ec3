"""Backups for tests: those of a server, taken apart and put together otherwise, and made by hand."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.plugin_packages import member, tar_bytes

MASTER = "00000000-0000-4000-8000-000000000001"
DESCRIPTION = {"provisiond": "0.1.0", "schema": "0003", "made": "2026-11-21T00:00:00+00:00", "firmware": False}
INFO = json.dumps({"version": "1", "description": "d", "capabilities": {}, "api": 1}).encode()


def tables(**rows: list[Mapping[str, Any]]) -> dict[str, bytes]:
    """Return the tables' members of a backup; those of the master tenant are there unless given."""
    found: dict[str, list[Mapping[str, Any]]] = {
        "fact": [{"name": "master_tenant", "value": MASTER}],
        "tenant": [{"uuid": MASTER, "parent_uuid": None, "name": "master"}],
        **rows,
    }
    return {
        f"tables/{name}.jsonl": "".join(json.dumps(row) + "\n" for row in each).encode() for name, each in found.items()
    }


def backup_bytes(files: Mapping[str, bytes] | None = None, description: Any = DESCRIPTION, *more: Any) -> bytes:
    """Return a backup with these members.

    :param more: members of other kinds.
    """
    content = {"backup.json": json.dumps(description).encode(), **(tables() if files is None else files)}
    return tar_bytes([*(member(name, data) for name, data in content.items()), *more], "gz")


def device_row(device_id: str, **members: Any) -> dict[str, Any]:
    """Return a row of the table of devices."""
    document = {"id": device_id, "tenant_uuid": MASTER, **members}
    row = {"id": device_id, "document": json.dumps(document), "tenant_uuid": MASTER}
    return {**row, "configured": False, "is_new": True}


def members_of(archive: Path) -> dict[str, bytes]:
    """Return name and content of every file of a backup."""
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes()), mode="r:gz") as tar:
        return {each.name: tar.extractfile(each).read() for each in tar if each.isreg()}  # type: ignore[union-attr]
