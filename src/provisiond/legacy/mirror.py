"""The directory that a plugin is given: it looks like the installed one, but what it writes for phones stays apart.

So a plugin can make files for a preview, or for a device whose files it must not touch, and the server always knows
which files one call has made.
"""

from __future__ import annotations

import os
import shutil
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

VAR_DIRECTORIES: Final = ("cache", "installed", "templates", "tftpboot")
MAX_SHOWN: Final = 20_000
MAX_OWNERS: Final = 1_000
MAX_FILE: Final = 8 * 1024 * 1024

_NOT_COPIED: Final = ("pkgs", "tests")

Stamp = tuple[int, int, int]


@frozen
class MadeFile:
    """A file that a plugin has written.

    :param name: relative to ``var/tftpboot``.
    """

    name: str
    content: bytes


class Mirror:
    """The directory of one plugin; blocks.

    :param home: where the plugin is installed; its ``var`` directories are made if they are missing.
    :param root: where the mirror is made; nothing may be there yet.
    :param code: a copy of the plugin's code and templates to take in place of those at home.
    """

    def __init__(self, home: Path, root: Path, code: Path | None = None) -> None:
        self.home = home
        self.root = root
        self.tftpboot = root / "var" / "tftpboot"
        self._static = home / "var" / "tftpboot"
        self._kept: dict[str, tuple[Stamp, bytes]] = {}
        self._shown: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        for name in VAR_DIRECTORIES:
            (home / "var" / name).mkdir(parents=True, exist_ok=True)
        self.tftpboot.mkdir(parents=True)
        code = code or home
        self._link(code, root, "var")
        self._link(code / "var", root / "var", "tftpboot")
        if code != home:
            self._link(home, root, "var", only=_NOT_COPIED)
            self._link(home / "var", root / "var", "tftpboot", "templates")
        self._show_static()

    def remove(self) -> None:
        """Remove the mirror."""
        shutil.rmtree(self.root, ignore_errors=True)

    def taken(self, *, keep: bool = False) -> list[MadeFile]:
        """Return the files that were written since the last call, and clear them away.

        :param keep: True for files that later calls shall find; they stay until they are taken with ``keep`` again.
        """
        made: list[MadeFile] = []
        found: set[str] = set()
        for path, name in self._written():
            found.add(name)
            stamp = _stamp(path)
            kept = self._kept.get(name)
            if kept is not None and kept[0] == stamp:
                continue
            made.append(MadeFile(name, _content(path)))
            if keep:
                self._kept[name] = (stamp, made[-1].content)
            elif kept is None:
                self._clear(name)
            else:
                self._put_back(name)
        for name in self._kept.keys() - found:
            self._put_back(name)
        return sorted(made, key=lambda file: file.name)

    def drop(self) -> None:
        """Clear away everything that was written since the last call."""
        for _, name in self._written():
            if name not in self._kept:
                self._clear(name)

    def show(self, owner: str, files: Mapping[str, bytes]) -> None:
        """Let the plugin find these files, and no others of this owner, where it once wrote them.

        They stay, as if they were kept, until others are shown or many other owners' were.
        """
        before = self._shown.pop(owner, ())
        for name in before:
            if name not in files:
                self._hide(name)
        for name, content in files.items():
            kept = self._kept.get(name)
            if kept is None or kept[1] != content or not (self.tftpboot / name).exists():
                self._keep(name, content)
        self._shown[owner] = tuple(files)
        while len(self._shown) > MAX_OWNERS:
            for name in self._shown.popitem(last=False)[1]:
                self._hide(name)

    def forget_kept(self) -> None:
        """Clear away what was kept or shown, too."""
        self._kept.clear()
        self._shown.clear()
        for _, name in self._written():
            self._clear(name)

    def _clear(self, name: str) -> None:
        """Remove what the plugin wrote; an installed file of this name comes to light again."""
        path, installed = self.tftpboot / name, self._static / name
        path.unlink(missing_ok=True)
        if installed.is_file():
            path.symlink_to(installed)

    def _put_back(self, name: str) -> None:
        self._keep(name, self._kept[name][1])

    def _keep(self, name: str, content: bytes) -> None:
        path = self.tftpboot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # What lies there may be a link to the installed plugin's own file.
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        self._kept[name] = (_stamp(path), content)

    def _hide(self, name: str) -> None:
        if self._kept.pop(name, None) is not None:
            self._clear(name)

    def _written(self) -> Iterator[tuple[Path, str]]:
        for directory, _, files in os.walk(self.tftpboot):
            for file in files:
                path = Path(directory, file)
                if not path.is_symlink() and path.is_file():
                    yield path, str(path.relative_to(self.tftpboot))

    def _link(self, source: Path, target: Path, *own: str, only: Sequence[str] = ()) -> None:
        for entry in source.iterdir() if source.is_dir() else ():
            if entry.name not in own and (not only or entry.name in only):
                (target / entry.name).symlink_to(entry)

    def _show_static(self) -> None:
        """Let the plugin see the files that lie in the installed one's ``var/tftpboot``."""
        shown = 0
        for directory, directories, files in os.walk(self._static):
            here = self.tftpboot / Path(directory).relative_to(self._static)
            for name in directories:
                (here / name).mkdir(exist_ok=True)
            for name in files:
                (here / name).symlink_to(Path(directory, name))
            shown += len(directories) + len(files)
            if shown > MAX_SHOWN:
                return


def remove_former(directory: Path) -> None:
    """Remove what processes that took this one's place before have left beside its directory. Blocks."""
    for former in directory.parent.iterdir():
        if former != directory:
            shutil.rmtree(former, ignore_errors=True)


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE + 1)
