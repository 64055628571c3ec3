"""Files that are wanted, and whether a file on disk is one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from provisiond.errors import PackageProblem
from provisiond.packages.digests import file_digests
from provisiond.packages.problems import CorruptedFile

PARTIAL_SUFFIX = ".part"


def check_file_name(name: str, of: str) -> str:
    """Return ``name`` if a fetched file may have it.

    :param of: what it is the name of, for the sentence.
    :raises PackageProblem: when it is not one path component, begins with a dot, ends in ``.part``, or is too long.
    """
    bad = not name or "/" in name or name.startswith(".") or name.endswith(PARTIAL_SUFFIX)
    if bad or any(ord(char) < 32 or ord(char) == 127 for char in name) or len(name.encode("utf-8", "replace")) > 200:
        raise PackageProblem(f"{of} has the file name {name[:60]!r}, which is not allowed")
    return name


@frozen(kw_only=True)
class WantedFile:
    """A file, where it comes from, and how it is known again.

    :param name: its name in the cache.
    :param url: where it comes from; empty for a manual file, that the administrator puts into the cache.
    :param size: bytes, as its definition says.
    :param digests: ``md5``, ``sha1``, ``sha256`` -> lower-case hex; all of them count.
    :param exact_size: whether another size makes it wrong even with the right digests.
    """

    name: str
    url: str
    size: int
    digests: Mapping[str, str] = field(factory=dict)
    exact_size: bool = False

    def check(self, path: Path) -> None:
        """Compare a file with what is wanted.

        :raises CorruptedFile: when it is not the same.
        """
        size = path.stat().st_size
        if self.exact_size and size != self.size:
            raise CorruptedFile(f"{self.name} has {size:,} bytes instead of {self.size:,}")
        found = file_digests(path, self.digests)
        for algorithm, digest in self.digests.items():
            if found[algorithm] != digest:
                raise CorruptedFile(f"{self.name} has the {algorithm} digest {found[algorithm]} instead of {digest}")

    def described(self) -> str:
        """Return name, size and digests for an administrator who looks for the file."""
        digests = ", ".join(f"{algorithm} {digest}" for algorithm, digest in self.digests.items())
        return f"{self.name} ({self.size:,} bytes, {digests})"


class KnownFiles:
    """Remembers which files were found right, by size and time, so that large ones are not read twice."""

    def __init__(self) -> None:
        self._right: dict[Path, tuple[object, ...]] = {}

    def check(self, path: Path, wanted: WantedFile) -> bool:
        """Tell whether ``path`` exists; it is then the wanted file.

        :raises CorruptedFile: when it exists and is another.
        """
        mark = self._mark(path, wanted)
        if mark is None:
            return False
        if self._right.get(path) != mark:
            wanted.check(path)
            self._right[path] = mark
        return True

    def remember(self, path: Path, wanted: WantedFile) -> None:
        """Note that ``path`` was just checked."""
        mark = self._mark(path, wanted)
        if mark is not None:
            self._right[path] = mark

    @staticmethod
    def _mark(path: Path, wanted: WantedFile) -> tuple[object, ...] | None:
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        return status.st_size, status.st_mtime_ns, status.st_ino, tuple(sorted(wanted.digests.items()))
