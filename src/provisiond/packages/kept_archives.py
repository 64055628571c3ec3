"""Versions of plugins that were installed once, and whose archives are still in the cache: the way back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from provisiond.errors import PackageProblem
from provisiond.packages.index_file import IndexEntry, parse_index
from provisiond.packages.problems import InstallationProblem, disk_sentence
from provisiond.whole_files import write_json

_SUFFIX = ".json"


@frozen
class KeptArchive:
    """An archive of the cache, and what the index said of it when it was installed.

    :param signed: whether that index bore a signature of a key of the settings.
    """

    entry: IndexEntry
    signed: bool


class KeptArchives:
    """Notes beside the indexes, so that an archive of the cache is checked against what a repository once said.

    :param directory: where the notes are; made when the first is written.
    :param cache_dir: where the archives are.
    :param signed: whether the settings want indexes to be signed.
    """

    def __init__(self, directory: Path, cache_dir: Path, *, signed: bool) -> None:
        self._directory = directory
        self._cache = cache_dir
        self._signed = signed
        self._kept: dict[str, KeptArchive] = {}

    def load(self) -> None:
        """Read the notes; those whose archive is gone are removed. Blocks."""
        if not self._directory.is_dir():
            return
        for path in sorted(self._directory.iterdir()):
            kept = self._read(path) if path.name.endswith(_SUFFIX) else None
            if kept is None or not (self._cache / kept.entry.filename).is_file():
                path.unlink(missing_ok=True)
            else:
                self._kept[kept.entry.filename] = kept

    def recover(self) -> list[str]:
        """Remove what an interrupted write has left, and return the names. Blocks."""
        partials = sorted(self._directory.glob(f".*{_SUFFIX}.tmp"))
        for partial in partials:
            partial.unlink(missing_ok=True)
        return [partial.name for partial in partials]

    def note(self, entry: IndexEntry) -> None:
        """Remember an archive that was just found right. Blocks.

        :raises InstallationProblem: when the note cannot be written.
        """
        document = {
            "plugin": entry.plugin_id,
            "repository": entry.repository,
            "signed": self._signed,
            "entry": dict(entry.document),
        }
        path = self._directory / f"{entry.filename}{_SUFFIX}"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            write_json(path, document)
        except OSError as error:
            raise InstallationProblem(f"{entry.filename} cannot be noted: {disk_sentence(error)}") from error
        self._kept[entry.filename] = KeptArchive(entry, self._signed)

    def entries(self, plugin_id: str) -> Sequence[IndexEntry]:
        """Return what can be installed without any repository; with signatures wanted, only what was signed."""
        return tuple(
            kept.entry
            for kept in self._kept.values()
            if kept.entry.plugin_id == plugin_id and (kept.signed or not self._signed)
        )

    def plugins(self) -> set[str]:
        """Return the ids of all plugins that something is kept of."""
        return {kept.entry.plugin_id for kept in self._kept.values()}

    def _read(self, path: Path) -> KeptArchive | None:
        try:
            document = json.loads(path.read_bytes())
            plugin_id = document["plugin"]
            index = parse_index(json.dumps({plugin_id: document["entry"]}).encode(), document["repository"])
            return KeptArchive(index.entries[plugin_id], document["signed"] is True)
        except (OSError, ValueError, KeyError, TypeError, PackageProblem):
            return None
