"""Reading the state directory of another server of the provd family; nothing there is ever written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from provisiond.errors import StartProblem

PARAMETERS: Final = ("plugin_server", "http_proxy", "https_proxy", "ftp_proxy", "locale", "NAT")
MAX_DOCUMENT: Final = 64 * 1024 * 1024


@frozen(kw_only=True)
class ForeignState:
    """What such a directory holds.

    :param devices: documents by id; so are ``configs``.
    :param parameters: name to value.
    :param keys: tenant uuid to provisioning key.
    :param plugins: directories of installed plugins by id.
    :param unreadable: one sentence for each file that could not be read.
    """

    devices: Mapping[str, dict[str, Any]]
    configs: Mapping[str, dict[str, Any]]
    parameters: Mapping[str, Any]
    keys: Mapping[str, str]
    plugins: Mapping[str, Path]
    unreadable: tuple[str, ...] = field(default=())


def read_state(directory: Path) -> ForeignState:
    """Return what the state directory of another server holds; blocks.

    :param directory: with ``jsondb/``, ``app.json`` and ``plugins/``, each of which may be missing.
    :raises StartProblem: when it has none of them.
    """
    known = [directory / name for name in ("jsondb", "app.json", "plugins")]
    if not any(path.exists() for path in known):
        raise StartProblem(f"{directory} holds neither jsondb nor app.json nor plugins")
    unreadable: list[str] = []
    devices = dict(_documents(directory / "jsondb" / "devices", unreadable))
    configs = dict(_documents(directory / "jsondb" / "configs", unreadable))
    settings = _document(directory / "app.json", unreadable) if known[1].exists() else {}
    tenants = settings.get("tenants")
    keys = {
        str(uuid): str(members["provisioning_key"])
        for uuid, members in (tenants.items() if isinstance(tenants, dict) else ())
        if isinstance(members, dict) and members.get("provisioning_key")
    }
    parameters = {name: settings[name] for name in PARAMETERS if settings.get(name) not in (None, "")}
    plugins = known[2]
    return ForeignState(
        devices=devices,
        configs=configs,
        parameters=parameters,
        keys=keys,
        plugins={
            path.name: path
            for path in (sorted(plugins.iterdir()) if plugins.is_dir() else ())
            if (path / "plugin-info").is_file()
        },
        unreadable=tuple(unreadable),
    )


def _documents(directory: Path, unreadable: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            document = _document(path, unreadable)
            if document:
                document.setdefault("id", path.name)
                yield str(document["id"]), document


def _document(path: Path, unreadable: list[str]) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_DOCUMENT:
            raise ValueError("it is larger than 64 MiB")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        unreadable.append(f"{path.parent.name}/{path.name} cannot be read: {type(error).__name__}")
        return {}
    if not isinstance(document, dict):
        unreadable.append(f"{path.parent.name}/{path.name} is no JSON object")
        return {}
    return document
