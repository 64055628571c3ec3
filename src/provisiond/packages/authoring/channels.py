"""Moving plugins between local copies of channels: testing, stable, archive."""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Sequence
from pathlib import Path

from attrs import define, field

from provisiond.errors import PackageProblem
from provisiond.packages.archives import shown
from provisiond.packages.authoring.index import IndexReport, entry_of, index
from provisiond.packages.authoring.package import archives_of, remove_other_versions


@define
class MoveReport:
    """What was done.

    :param moved: plugin id -> name of its archive.
    :param removed: names of archives that were removed from the target.
    """

    moved: dict[str, str] = field(factory=dict)
    removed: list[str] = field(factory=list)


def promote(source: Path, target: Path, plugins: Sequence[str], *, dry_run: bool = False) -> MoveReport:
    """Copy the archives of plugins from one channel to another, in place of their other versions there.

    :param plugins: ids, or patterns of ids such as ``cisco-spa-*``.
    :param dry_run: change nothing, only tell what would be done.
    :raises PackageProblem: when a pattern fits no plugin, or a channel cannot be indexed.
    """
    chosen = _chosen(source, plugins)
    report = MoveReport(moved={plugin_id: archive.name for plugin_id, archive in chosen.items()})
    if dry_run:
        report.removed = _other_versions(target, chosen)
        return report
    target.mkdir(parents=True, exist_ok=True)
    for archive in chosen.values():
        partial = target / f".{archive.name}.part"
        shutil.copy2(archive, partial)
        partial.replace(target / archive.name)
    report.removed = remove_other_versions(target, chosen)
    _indexed(target)
    return report


def retire(source: Path, target: Path, plugins: Sequence[str], *, dry_run: bool = False) -> MoveReport:
    """Move plugins that are given up from one channel to another, usually from stable to archive.

    :raises PackageProblem: as :func:`promote` does.
    """
    chosen = _chosen(source, plugins)
    report = promote(source, target, list(chosen), dry_run=dry_run)
    if not dry_run:
        for plugin_id, archive in plugins_of(source)[1]:
            if plugin_id in chosen:
                archive.unlink()
        _indexed(source)
    return report


def _other_versions(channel: Path, chosen: dict[str, Path]) -> list[str]:
    present = plugins_of(channel)[1] if channel.is_dir() else []
    return [
        archive.name for plugin_id, archive in present if plugin_id in chosen and archive.name != chosen[plugin_id].name
    ]


def plugins_of(channel: Path) -> tuple[dict[str, Path], list[tuple[str, Path]]]:
    """Return plugin id -> the archive that an index lists, and every archive with its plugin's id.

    :raises PackageProblem: when an archive is not a plugin's.
    """
    every: list[tuple[str, Path]] = []
    report = IndexReport()
    for archive in archives_of(channel):
        try:
            plugin_id, entry = entry_of(archive)
        except PackageProblem as problem:
            raise PackageProblem(f"{archive.name}: {problem.sentence}") from problem
        every.append((plugin_id, archive))
        report.add(plugin_id, entry)
    return {plugin_id: channel / entry["filename"] for plugin_id, entry in report.entries.items()}, every


def _chosen(channel: Path, patterns: Sequence[str]) -> dict[str, Path]:
    if not patterns:
        raise PackageProblem("name at least one plugin")
    if not channel.is_dir():
        raise PackageProblem(f"{channel} is not a directory; fetch the channel first")
    present = plugins_of(channel)[0]
    chosen: dict[str, Path] = {}
    for pattern in patterns:
        fitting = [plugin_id for plugin_id in present if fnmatch.fnmatchcase(plugin_id, pattern)]
        if not fitting:
            raise PackageProblem(f"no plugin in {channel} is called {shown(pattern)}")
        chosen.update((plugin_id, present[plugin_id]) for plugin_id in fitting)
    return chosen


def _indexed(channel: Path) -> None:
    report = index(channel)
    if report.problems:
        raise PackageProblem("; ".join(report.problems))
