"""Writing the index of a repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import define, field

from provisiond.errors import PackageProblem
from provisiond.model.versions import version_key
from provisiond.packages.authoring.package import archives_of
from provisiond.packages.digests import file_digests
from provisiond.packages.plugin_archive import read_archive
from provisiond.packages.signatures import SIGNATURE_SUFFIX

INDEX_NAME = "plugins.db"


@define
class IndexReport:
    """What indexing gave.

    :param entries: plugin id -> entry, as written.
    :param warnings: archives that are not listed because a greater version of the plugin is there.
    :param problems: archives that are not a plugin's; if there is one, nothing was written.
    """

    entries: dict[str, dict[str, Any]] = field(factory=dict)
    warnings: list[str] = field(factory=list)
    problems: list[str] = field(factory=list)

    def add(self, plugin_id: str, entry: dict[str, Any]) -> None:
        """Add an entry; of two entries of one plugin that of the greater version stays, with a warning."""
        other = self.entries.get(plugin_id)
        if other is None:
            self.entries[plugin_id] = entry
            return
        lower, higher = sorted((other, entry), key=lambda item: (version_key(item["version"]), item["filename"]))
        self.entries[plugin_id] = higher
        listed = higher["filename"]
        self.warnings.append(f"{lower['filename']} is not listed: {listed} is of a greater or equal version")


def entry_of(archive: Path) -> tuple[str, dict[str, Any]]:
    """Return a plugin's id and its entry in an index: all of ``plugin-info``, the archive's name, size and digests.

    :raises PackageProblem: when the file is not a plugin's archive.
    """
    plugin_id, info = read_archive(archive)
    digests = file_digests(archive, ("sha1", "sha256"))
    own = {"filename": archive.name, "dsize": archive.stat().st_size}
    return plugin_id, {**info, **own, "sha1sum": digests["sha1"], "sha256sum": digests["sha256"]}


def index(directory: Path) -> IndexReport:
    """Write ``plugins.db`` for the archives of a directory; it is replaced as a whole.

    :raises PackageProblem: when the directory cannot be read.
    """
    if not directory.is_dir():
        raise PackageProblem(f"{directory} is not a directory")
    report = IndexReport()
    for archive in archives_of(directory):
        try:
            plugin_id, entry = entry_of(archive)
        except PackageProblem as problem:
            report.problems.append(f"{archive.name}: {problem.sentence}")
        else:
            report.add(plugin_id, entry)
    if not report.problems:
        _replace(directory, index_bytes(report.entries))
    return report


def index_bytes(entries: dict[str, dict[str, Any]]) -> bytes:
    """Return the content of ``plugins.db``: compact, keys sorted."""
    return json.dumps(entries, sort_keys=True, separators=(",", ":")).encode()


def _replace(directory: Path, content: bytes) -> None:
    path = directory / INDEX_NAME
    if path.is_file() and path.read_bytes() == content:
        return
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(content)
    # a signature of the former content would make servers refuse the new one for the wrong reason
    (directory / f"{INDEX_NAME}{SIGNATURE_SUFFIX}").unlink(missing_ok=True)
    partial.replace(path)
