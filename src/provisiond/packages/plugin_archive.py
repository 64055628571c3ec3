"""What a plugin's archive must be: one top directory, named as the plugin, with ``plugin-info`` in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provisiond.errors import PackageProblem
from provisiond.packages.archives import PLUGIN_LIMITS, Usage, problems_told, safe_parts, shown, tar_members, unpack_tar
from provisiond.packages.problems import ArchiveProblem

INFO_NAME = "plugin-info"
ICON_NAME = "icon.png"
PACKAGE_EXTRAS = ("info.json", ICON_NAME)
ARCHIVE_SUFFIXES = (".tar.bz2", ".tar.gz", ".tgz", ".tar.xz")
LONGEST_VERSION = 100
_LARGEST_INFO = 1 << 20
_PLUGIN_ID = re.compile(r"[A-Za-z0-9_+~-][A-Za-z0-9_+.~-]{0,127}")


def is_plugin_id(text: str) -> bool:
    """Tell whether a plugin, and so a directory, may have this name."""
    return _PLUGIN_ID.fullmatch(text) is not None


def checked_info(document: object) -> Mapping[str, Any]:
    """Return the content of ``plugin-info`` if it holds what a repository must know.

    :raises PackageProblem: when version, description or capabilities are missing or of another kind.
    """
    if not isinstance(document, dict):
        raise PackageProblem("plugin-info must be a JSON object")
    for key, kind, name in (
        ("version", str, "a text"),
        ("description", str, "a text"),
        ("capabilities", dict, "an object"),
    ):
        if not isinstance(document.get(key), kind):
            raise PackageProblem(f"plugin-info must hold {name} under {key!r}")
    version = document["version"]
    if len(version) > LONGEST_VERSION or any(ord(char) < 32 or ord(char) == 127 for char in version):
        raise PackageProblem(f"the version must be one line of at most {LONGEST_VERSION} characters")
    return document


def parsed_info(data: bytes) -> Mapping[str, Any]:
    """Return what the bytes of ``plugin-info`` say.

    :raises PackageProblem: when they are not JSON, or not as :func:`checked_info` wants them.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise PackageProblem("plugin-info is not valid JSON") from None
    return checked_info(document)


def read_top(archive: Path) -> str:
    """Return the first component of an archive's first member: the id of the plugin if it is a plugin's archive.

    :raises ArchiveProblem: when the archive is broken or empty.
    """
    with problems_told(), tar_members(archive, Usage(PLUGIN_LIMITS)) as tar:
        for member in tar:
            if parts := safe_parts(member.name):
                return parts[0]
    raise ArchiveProblem("the archive is empty")


def read_archive(archive: Path) -> tuple[str, Mapping[str, Any]]:
    """Return a plugin's id and its ``plugin-info`` after reading the whole archive.

    :raises PackageProblem: when the archive is broken, holds names that lead out, more than one top directory, or no
        valid ``plugin-info``.
    """
    names: dict[str, bool] = {}
    data: dict[str, bytes] = {}
    usage = Usage(PLUGIN_LIMITS)
    with problems_told(), tar_members(archive, usage) as tar:
        for member in tar:
            name = "/".join(safe_parts(member.name))
            names[name] = member.isdir()
            usage.written(member.size)
            if member.isreg() and name.count("/") == 1 and name.endswith(f"/{INFO_NAME}"):
                data[name] = _small(tar.content(member).read(_LARGEST_INFO + 1))
    names.pop("", None)
    top = _single_top(names)
    if f"{top}/{INFO_NAME}" not in data:
        raise ArchiveProblem("the archive holds no plugin-info")
    return top, parsed_info(data[f"{top}/{INFO_NAME}"])


def _small(data: bytes) -> bytes:
    if len(data) > _LARGEST_INFO:
        raise ArchiveProblem("plugin-info is larger than 1 MiB")
    return data


def _single_top(names: Mapping[str, bool]) -> str:
    if not names:
        raise ArchiveProblem("the archive is empty")
    top = min(names)
    if not names[top] or "/" in top:
        raise ArchiveProblem(f"the archive's first entry must be the plugin's directory, not {shown(top)}")
    others = {name.partition("/")[0] for name in names} - {top}
    if others:
        raise ArchiveProblem(f"the archive holds {shown(min(others))} besides the directory {shown(top)}")
    return top


def unpack_plugin(archive: Path, staging: Path, plugin_id: str, version: str, usage: Usage) -> Path:
    """Unpack a plugin's archive below an existing, empty directory and return the plugin's directory there.

    :param plugin_id: what the archive's only top directory must be called.
    :param version: what ``plugin-info`` inside must say.
    :raises PackageProblem: when the archive is not this plugin of this version, or breaks a rule of archives.
    """
    tops = _without_extras(unpack_tar(archive, staging, usage), staging, plugin_id)
    if tops != (plugin_id,):
        found = ", ".join(shown(top) for top in tops[:3]) or "nothing"
        raise ArchiveProblem(
            f"the archive of {plugin_id} must hold the directory {plugin_id} and nothing else; it holds {found}"
        )
    directory = staging / plugin_id
    info_path = directory / INFO_NAME
    if not directory.is_dir() or info_path.is_symlink() or not info_path.is_file():
        raise ArchiveProblem(f"the archive of {plugin_id} holds no plugin-info")
    found_version = parsed_info(_small(info_path.read_bytes()[: _LARGEST_INFO + 1]))["version"]
    if found_version != version:
        raise ArchiveProblem(
            f"the archive of {plugin_id} holds version {shown(found_version)} instead of {shown(version)}"
        )
    return directory


def _without_extras(tops: tuple[str, ...], staging: Path, plugin_id: str) -> tuple[str, ...]:
    """Take away what the file of a package may hold beside the plugin; its icon goes into the plugin."""
    for name in set(tops) & set(PACKAGE_EXTRAS):
        path = staging / name
        if path.is_symlink() or not path.is_file():
            raise ArchiveProblem(f"{shown(name)} is not a file")
        icon = staging / plugin_id / ICON_NAME
        if name == ICON_NAME and icon.parent.is_dir() and not icon.exists() and not icon.is_symlink():
            path.rename(icon)
        else:
            path.unlink()
    return tuple(top for top in tops if top not in PACKAGE_EXTRAS)
