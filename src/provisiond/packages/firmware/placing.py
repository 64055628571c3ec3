"""Putting what a package unpacks to where phones read it, and taking it away; everything here blocks."""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import frozen

from provisiond.packages.archives import place_directory, place_file, remove_tree
from provisiond.packages.firmware.definitions import FirmwarePackage
from provisiond.packages.firmware.filters import run_all
from provisiond.packages.firmware.journal import Change, Changes, apply, roll_back
from provisiond.packages.firmware.records import InstalledPackage, record_bytes, record_path
from provisiond.packages.firmware.work import Work
from provisiond.packages.problems import InstallationProblem, disk_sentence

STAGING_DIRECTORY = "var/.staging"
JOURNAL_DIRECTORY = "var/.journal"


@frozen
class Built:
    """What a package unpacks to.

    :param root: directory that holds it.
    :param files: relative names, sorted; directories end in ``/``.
    :param notes: what was left out, one sentence each.
    """

    root: Path
    files: tuple[str, ...]
    notes: tuple[str, ...]


def build(package: FirmwarePackage, cache: Path, staging: Path, work: Work) -> Built:
    """Unpack a package into a new directory below ``staging``.

    :param cache: directory that holds the package's files.
    :raises InstallationProblem: when a step fails or a result has an impossible name.
    """
    remove_tree(staging)
    staging.mkdir(parents=True)
    result = staging / "result"
    result.mkdir()
    notes: list[str] = []
    if package.plan is not None:
        nodes = {name: staging / f"node-{name}" for name in _node_names(package)}
        for path in nodes.values():
            path.mkdir()
        for file in package.files:
            _link(cache / file.wanted.name, nodes["a"])
        run_all(package.plan.steps, nodes, work)
        for leaf in package.plan.leaves:
            _merge(nodes[leaf], result, work, copied=_holds_links(nodes[leaf]))
    files = tuple(sorted(_checked(result, "", notes)))
    return Built(result, files, tuple(notes))


def _node_names(package: FirmwarePackage) -> list[str]:
    steps = package.plan.steps if package.plan else ()
    return ["a", *(step.destination for step in steps)]


def _link(file: Path, node: Path) -> None:
    if not file.is_file():
        raise InstallationProblem(f"the file {file.name} is not in the cache")
    if not os.path.lexists(node / file.name):
        (node / file.name).symlink_to(file.absolute())


def _holds_links(node: Path) -> bool:
    return any(
        Path(directory, name).is_symlink()
        for directory, directories, files in os.walk(node)
        for name in [*directories, *files]
    )


def _merge(source: Path, target: Path, work: Work, *, copied: bool) -> None:
    """Bring what is below ``source`` to ``target``; later files replace earlier ones, links become what they mean.

    :param copied: leave everything where it is, too: links mean it.
    """
    for entry in sorted(source.iterdir()):
        other = target / entry.name
        if entry.is_dir():
            if os.path.lexists(other) and not other.is_dir():
                raise InstallationProblem(f"{entry.name[:60]!r} is a file of one step and a directory of another")
            if copied:
                work.member()
            place_directory(target, (entry.name,))
            _merge(entry, other, work, copied=copied)
        elif other.is_dir():
            raise InstallationProblem(f"{entry.name[:60]!r} is a file of one step and a directory of another")
        elif copied:
            work.member()
            with entry.open("rb") as stream:
                place_file(target, (entry.name,), stream, work, entry.stat().st_mtime)
        else:
            entry.replace(other)


def _checked(directory: Path, prefix: str, notes: list[str]) -> Iterable[str]:
    for entry in sorted(directory.iterdir()):
        name = f"{prefix}{entry.name}"
        if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in entry.name):
            raise InstallationProblem(f"the package holds a name with a control character: {ascii(entry.name)[:80]}")
        if entry.name.startswith(".") or entry.name.endswith(".tmp") or not entry.name.isprintable():
            notes.append(f"{ascii(name)[:120]} is left out, it would never be served")
            remove_tree(entry)
        elif entry.is_dir():
            yield f"{name}/"
            yield from _checked(entry, f"{name}/", notes)
        else:
            entry.chmod(0o644)
            yield name


@frozen
class Place:
    """Where a plugin's packages are put.

    :param plugin: the plugin's directory.
    :param root: the directory that phones read.
    """

    plugin: Path
    root: Path

    def staging(self, package_id: str) -> Path:
        """Return the directory to build a package in."""
        return self.plugin / STAGING_DIRECTORY / package_id

    def clear(self, package_id: str) -> None:
        """Remove what building and placing a package leaves."""
        remove_tree(self.staging(package_id))
        for name in (STAGING_DIRECTORY, JOURNAL_DIRECTORY):
            _remove_directory(self.plugin / name)

    def install(
        self,
        package: FirmwarePackage,
        built: Built,
        installed: Mapping[str, InstalledPackage],
        *,
        is_explicit: bool,
    ) -> list[str]:
        """Put a built package in place of what its record lists now; return what is worth a warning.

        :param installed: all records of the plugin.
        :raises InstallationProblem: when that fails, or when another package has files of the same names with other
            content; everything is as before then.
        """
        former = installed.get(package.id)
        others = _owned_by_others(installed, package.id)
        orphans = [name for name in former.files if name not in built.files] if former else []
        warnings = self._replaced(built, former, others)
        self._check_kinds(built)
        self._check_conflicts(package.id, built, others)
        try:
            self._apply(package, built, [name for name in orphans if name not in others], is_explicit=is_explicit)
        except OSError as error:
            raise InstallationProblem(f"the files of {package.id} cannot be placed: {disk_sentence(error)}") from error
        for name in _deepest_first(orphans):
            if name not in others:
                _remove_directory(self.root / name)
        return warnings

    def _apply(self, package: FirmwarePackage, built: Built, orphans: list[str], *, is_explicit: bool) -> None:
        record = self.staging(package.id) / "record"
        record.write_bytes(record_bytes(package, built.files, is_explicit=is_explicit))
        target = record_path(self.plugin, package.id)
        directories = [*_missing(self.root), *(self.root / name for name in built.files if name.endswith("/"))]
        placed = [
            Change(target=self.root / name, source=built.root / name) for name in built.files if not name.endswith("/")
        ]
        removed = [
            Change(target=self.root / name) for name in orphans if not name.endswith("/") and self._is_own_file(name)
        ]
        target.parent.mkdir(parents=True, exist_ok=True)
        journal = self.plugin / JOURNAL_DIRECTORY / package.id
        files = [*placed, *removed, Change(target=target, source=record)]
        apply(Changes(directories=directories, files=files), journal)

    def _check_conflicts(self, package_id: str, built: Built, others: Mapping[str, str]) -> None:
        """Refuse to change what another package placed; several may bring the same file."""
        for name in built.files:
            path = self.root / name
            if name.endswith("/") or name not in others or not path.is_file() or path.is_symlink():
                continue
            if not filecmp.cmp(path, built.root / name, shallow=False):
                owner = others[name]
                raise InstallationProblem(
                    f"{name} of {package_id} is another file than that of the installed package {owner}: "
                    f"uninstall {owner} first"
                )

    def _check_kinds(self, built: Built) -> None:
        for name in built.files:
            parent = self.root
            parts = name.rstrip("/").split("/")
            for part in parts[:-1]:
                parent = parent / part
                self._must_be_directory(parent, name)
            path = parent / parts[-1]
            if name.endswith("/"):
                self._must_be_directory(path, name)
            elif path.is_dir() and not path.is_symlink():
                raise InstallationProblem(f"{name} is a directory on the disk and a file of the package")

    def _must_be_directory(self, path: Path, name: str) -> None:
        if os.path.lexists(path) and not stat.S_ISDIR(path.lstat().st_mode):
            raise InstallationProblem(f"{name} cannot be placed: a file or link has the name of its directory")

    def _replaced(self, built: Built, former: InstalledPackage | None, others: Mapping[str, str]) -> list[str]:
        own = set(former.files) if former else set()
        warnings = []
        for name in built.files:
            if not name.endswith("/") and name not in own and name not in others and os.path.lexists(self.root / name):
                warnings.append(f"{name}, which belongs to no package, is replaced")
        return warnings

    def uninstall(self, package: InstalledPackage, installed: Mapping[str, InstalledPackage]) -> None:
        """Remove the files of a package, its empty directories and, last, its record.

        Files that another installed package lists stay; missing ones and directories that are not empty are fine.

        :raises InstallationProblem: when a file cannot be removed; the record stays then.
        """
        others = _owned_by_others(installed, package.id)
        try:
            for name in package.files:
                if not name.endswith("/") and name not in others and self._is_own_file(name):
                    (self.root / name).unlink(missing_ok=True)
            for name in _deepest_first(package.files):
                if name not in others and self._is_own_file(name):
                    _remove_directory(self.root / name)
            record_path(self.plugin, package.id).unlink(missing_ok=True)
        except OSError as error:
            raise InstallationProblem(f"{package.id} cannot be removed: {disk_sentence(error)}") from error

    def _is_own_file(self, name: str) -> bool:
        """Tell whether a name of a record leads to an entry below the root without passing a link."""
        path = self.root
        for part in name.rstrip("/").split("/")[:-1]:
            path = path / part
            if path.is_symlink() or not path.is_dir():
                return False
        return os.path.lexists(path / name.rstrip("/").rpartition("/")[2])

    def missing(self, package: InstalledPackage) -> list[str]:
        """Return the names of a record that are not there any more."""
        return [name for name in package.files if not (self.root / name).exists()]

    def recover(self) -> list[str]:
        """Undo interrupted installations and remove staging directories; return one sentence for each."""
        done = []
        journals = self.plugin / JOURNAL_DIRECTORY
        for journal in sorted(journals.iterdir()) if journals.is_dir() else ():
            if roll_back(journal):
                done.append(f"the interrupted installation of the package {journal.name} was undone")
        staging = self.plugin / STAGING_DIRECTORY
        if staging.exists():
            shutil.rmtree(staging)
            done.append("the staging directory of an interrupted installation was removed")
        _remove_directory(journals)
        return done


def _owned_by_others(installed: Mapping[str, InstalledPackage], package_id: str) -> dict[str, str]:
    return {name: other.id for other in installed.values() if other.id != package_id for name in other.files}


def _deepest_first(names: Iterable[str]) -> list[str]:
    return sorted((name for name in names if name.endswith("/")), key=lambda name: (-name.count("/"), name))


def _missing(directory: Path) -> list[Path]:
    """Return the directories, parents first, that must be made so that ``directory`` exists."""
    found: list[Path] = []
    while not directory.is_dir():
        found.append(directory)
        directory = directory.parent
    return found[::-1]


def _remove_directory(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        # it is missing, not empty, or not a directory: all of that is fine
        return
