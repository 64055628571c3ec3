"""Packing built plugins into archives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

from provisiond.errors import PackageProblem
from provisiond.packages.archives import shown
from provisiond.packages.packing import pack_directory, source_time
from provisiond.packages.plugin_archive import ARCHIVE_SUFFIXES, INFO_NAME, checked_info, read_top

ARCHIVE_SUFFIX = ".tar.bz2"


@define
class PackageReport:
    """What packing gave.

    :param archives: archives that are now there, in the order of their plugins' ids.
    :param removed: names of archives of other versions of these plugins that were removed.
    :param problems: one sentence for each plugin that was not packed.
    """

    archives: list[Path] = field(factory=list)
    removed: list[str] = field(factory=list)
    problems: list[str] = field(factory=list)


def archive_name(plugin_id: str, version: str) -> str:
    """Return the name of a plugin's archive.

    :raises PackageProblem: when the version cannot be part of a file name.
    """
    if not version or "/" in version or version.startswith(".") or not version.isprintable():
        raise PackageProblem(f"the version {shown(version)} cannot be part of a file name")
    return f"{plugin_id.replace('_', '-')}-{version}{ARCHIVE_SUFFIX}"


def read_info(directory: Path) -> Mapping[str, Any]:
    """Return the document ``plugin-info`` of a plugin's directory.

    :raises PackageProblem: when it is not a JSON object with a version, a description and capabilities.
    """
    try:
        document = json.loads((directory / INFO_NAME).read_bytes())
    except OSError as error:
        raise PackageProblem(f"plugin-info cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise PackageProblem("plugin-info is not valid JSON") from None
    return checked_info(document)


def package(source: Path, destination: Path) -> PackageReport:
    """Pack every plugin below ``source`` into ``destination``, replacing the archives of its other versions.

    Archives of plugins that ``source`` does not hold stay as they are.

    :param source: directory of built plugins.
    :param destination: made if missing.
    :raises PackageProblem: when ``source`` holds no plugin.
    """
    directories = sorted(info.parent for info in source.glob(f"[!.]*/{INFO_NAME}"))
    if not directories:
        raise PackageProblem(f"{source} holds no plugin (a directory with {INFO_NAME})")
    destination.mkdir(parents=True, exist_ok=True)
    report = PackageReport()
    made: dict[str, Path] = {}
    for directory in directories:
        try:
            made[directory.name] = _pack(directory, destination, made)
        except PackageProblem as problem:
            report.problems.append(f"{directory.name}: {problem.sentence}")
    report.archives = list(made.values())
    report.removed = remove_other_versions(destination, made)
    return report


def _pack(directory: Path, destination: Path, made: Mapping[str, Path]) -> Path:
    archive = destination / archive_name(directory.name, str(read_info(directory)["version"]))
    if archive in made.values():
        raise PackageProblem(f"its archive {archive.name} would have the name of another plugin's archive")
    pack_directory(directory, archive, time=source_time(directory))
    return archive


def remove_other_versions(channel: Path, kept: Mapping[str, Path]) -> list[str]:
    """Remove the archives in ``channel`` of the plugins in ``kept`` that are not the archive kept of them.

    :param kept: plugin id -> its archive.
    :return: names of what was removed, sorted.
    """
    removed = []
    for archive in archives_of(channel):
        try:
            plugin_id = read_top(archive)
        except PackageProblem:
            continue
        if plugin_id in kept and kept[plugin_id].name != archive.name:
            archive.unlink()
            removed.append(archive.name)
    return removed


def archives_of(directory: Path) -> list[Path]:
    """Return the plugin archives of a directory, sorted by name."""
    entries = (path for path in directory.iterdir() if path.name.endswith(ARCHIVE_SUFFIXES))
    return sorted(path for path in entries if path.is_file() and not path.name.startswith("."))
