"""The directories of installed plugins: every change is one rename, so that a crash leaves a whole tree.

Below the plugins directory there are two hidden ones: ``.work`` with ``new/`` (being prepared), ``old/`` (replaced, and
not yet known to be superfluous) and ``gone/`` (being removed); and ``.trash`` with what uninstalled plugins leave for a
while. A plugin in ``old/`` means that its upgrade was not confirmed: :meth:`PluginTrees.recover` puts it back.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from provisiond.packages.archives import PLUGIN_LIMITS, Usage, remove_tree
from provisiond.packages.plugin_archive import is_plugin_id, unpack_plugin
from provisiond.packages.problems import InstallationProblem, disk_sentence

CARRIED = ("templates", "cache", "installed", "tftpboot", "config.json")
ADMINISTRATORS = ("templates",)
STANDARD_DIRECTORIES = ("cache", "installed", "templates", "tftpboot")
TRASH_SECONDS = 14 * 24 * 3600.0
_TRASHED = re.compile(r"(?P<when>[0-9]{1,12})-.+")
_KEPT_IN_TRASH = ("templates", "cache")


class PluginTrees:
    """The trees below a plugins directory; the methods block.

    :param plugins_dir: made if missing.
    :param now: seconds since 1970.
    """

    def __init__(self, plugins_dir: Path, now: Callable[[], float]) -> None:
        self._plugins = plugins_dir
        self._now = now
        self._work = plugins_dir / ".work"
        self._trash = plugins_dir / ".trash"

    def installed(self, plugin_id: str) -> Path:
        """Return where a plugin is, or would be, installed."""
        return self._plugins / plugin_id

    def is_installed(self, plugin_id: str) -> bool:
        """Tell whether a plugin of this id is there, loadable or not."""
        return is_plugin_id(plugin_id) and self.installed(plugin_id).is_dir()

    def unpack(self, archive: Path, plugin_id: str, version: str) -> Path:
        """Return a new tree, beside the installed ones, made of an archive.

        :raises PackageProblem: when the archive is not that plugin; nothing is left then.
        """
        staging = self._work / "new" / uuid.uuid4().hex
        try:
            staging.mkdir(parents=True)
            tree = unpack_plugin(archive, staging, plugin_id, version, Usage(PLUGIN_LIMITS))
            for name in STANDARD_DIRECTORIES:
                (tree / "var" / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            remove_tree(staging)
            raise InstallationProblem(f"{plugin_id} cannot be unpacked: {disk_sentence(error)}") from error
        except BaseException:
            remove_tree(staging)
            raise
        return tree

    def carry(self, plugin_id: str, tree: Path) -> None:
        """Give a new tree what the administrator and the firmware packages have put into the installed one.

        Files of the archive win over carried ones of the same name, except in ``var/templates``. Files are linked, not
        copied.
        """
        source, target = self.installed(plugin_id) / "var", tree / "var"
        for name in CARRIED:
            if os.path.lexists(source / name):
                _carry(source / name, target / name, wins=name in ADMINISTRATORS)

    def discard(self, tree: Path) -> None:
        """Remove a tree that :meth:`unpack` made."""
        remove_tree(tree.parent)

    def place(self, plugin_id: str, tree: Path) -> None:
        """Make a new tree the installed one of a plugin that is not installed."""
        sync_tree(tree)
        tree.rename(self.installed(plugin_id))
        tree.parent.rmdir()
        sync_directory(self._plugins)

    def swap(self, plugin_id: str, tree: Path) -> None:
        """Make a new tree the installed one; the old one stays until :meth:`confirm` or :meth:`roll_back`."""
        sync_tree(tree)
        old = self._work / "old" / plugin_id
        old.parent.mkdir(parents=True, exist_ok=True)
        self.installed(plugin_id).rename(old)
        tree.rename(self.installed(plugin_id))
        tree.parent.rmdir()
        sync_directory(self._plugins)

    def confirm(self, plugin_id: str) -> None:
        """Forget the old tree of a swapped plugin."""
        self._forget(self._work / "old" / plugin_id)

    def roll_back(self, plugin_id: str) -> None:
        """Put the old tree of a swapped plugin back; nothing happens when there is none."""
        old = self._work / "old" / plugin_id
        if not old.is_dir():
            return
        if os.path.lexists(self.installed(plugin_id)):
            aside = self._aside()
            self.installed(plugin_id).rename(aside)
            old.rename(self.installed(plugin_id))
            remove_tree(aside)
        else:
            old.rename(self.installed(plugin_id))
        sync_directory(self._plugins)

    def uninstall(self, plugin_id: str) -> None:
        """Remove a plugin; its templates and downloaded firmware stay in the trash for two weeks.

        :raises InstallationProblem: when the file system refuses.
        """
        try:
            self._trash.mkdir(exist_ok=True)
            trashed = self._trash / f"{int(self._now())}-{uuid.uuid4().hex[:8]}-{plugin_id}"
            self.installed(plugin_id).rename(trashed)
            sync_directory(self._plugins)
            _strip(trashed)
            self.purge()
        except OSError as error:
            raise InstallationProblem(f"{plugin_id} cannot be removed: {disk_sentence(error)}") from error

    def purge(self) -> list[str]:
        """Remove what has been in the trash for longer than two weeks and return the names."""
        removed = []
        for path in sorted(self._trash.iterdir()) if self._trash.is_dir() else ():
            match = _TRASHED.fullmatch(path.name)
            if match is None or int(match["when"]) + TRASH_SECONDS < self._now():
                remove_tree(path)
                removed.append(path.name)
        return removed

    def recover(self) -> list[str]:
        """Undo what was going on when the server was killed; return one sentence for each thing that was done.

        An upgrade that was not confirmed is undone. To be called at the start, before any plugin is loaded.
        """
        self._plugins.mkdir(parents=True, exist_ok=True)
        done = []
        for old in _entries(self._work / "old"):
            self.roll_back(old.name)
            done.append(f"the interrupted upgrade of {old.name} was undone")
        for leftover in [*_entries(self._work / "new"), *_entries(self._work / "gone")]:
            remove_tree(leftover)
            done.append("a directory left by an interrupted installation was removed")
        for trashed in _entries(self._trash):
            _strip(trashed)
        self.purge()
        return done

    def _forget(self, tree: Path) -> None:
        aside = self._aside()
        tree.rename(aside)
        sync_directory(tree.parent)
        remove_tree(aside)

    def _aside(self) -> Path:
        gone = self._work / "gone"
        gone.mkdir(parents=True, exist_ok=True)
        return gone / uuid.uuid4().hex


def _entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def carry_missing(source: Path, target: Path) -> None:
    """Give a file or tree what it lacks of another; files are linked, not copied. Blocks."""
    if os.path.lexists(source):
        _carry(source, target, wins=False)


def _carry(source: Path, target: Path, *, wins: bool) -> None:
    if source.is_dir() and not source.is_symlink():
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir()):
            if not wins:
                return
            remove_tree(target)
        target.mkdir(exist_ok=True)
        for entry in sorted(source.iterdir()):
            _carry(entry, target / entry.name, wins=wins)
        return
    if os.path.lexists(target):
        if not wins:
            return
        remove_tree(target)
    if source.is_symlink():
        target.symlink_to(os.readlink(source))
    elif source.is_file():
        _link_or_copy(source, target)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _strip(trashed: Path) -> None:
    """Leave of an uninstalled plugin only what could be missed."""
    for entry in _entries(trashed):
        if entry.name != "var" or entry.is_symlink():
            remove_tree(entry)
    for entry in _entries(trashed / "var"):
        if entry.name not in _KEPT_IN_TRASH or entry.is_symlink():
            remove_tree(entry)
    kept = [entry for name in _KEPT_IN_TRASH for entry in _entries(trashed / "var" / name)]
    if not kept:
        remove_tree(trashed)


def sync_tree(tree: Path) -> None:
    """Write a tree to the disk before it gets its name. Blocks."""
    for directory, _, files in os.walk(tree):
        for name in files:
            path = Path(directory, name)
            if not path.is_symlink() and path.stat().st_nlink == 1:
                with path.open("rb") as stream:
                    os.fsync(stream.fileno())
        sync_directory(Path(directory))


def sync_directory(directory: Path) -> None:
    """Write to the disk which names a directory holds. Blocks."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
