"""One package repository: asked what it is, its data unpacked aside, checked, and swapped in as a whole."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from twisted.logger import Logger

from provisiond.errors import PackageProblem
from provisiond.packages.archives import MEBIBYTE, ArchiveLimits, Usage, remove_tree, unpack_tar
from provisiond.packages.catalog.entries import CatalogEntry, parse_entry
from provisiond.packages.catalog.sources_list import PackageSource
from provisiond.packages.problems import RepositoryProblem, disk_sentence
from provisiond.packages.urls import public_url
from provisiond.whole_files import write_json

log = Logger()
DATA_LIMITS: Final = ArchiveLimits(members=50_000, size=512 * MEBIBYTE)
PNG: Final = b"\x89PNG\r\n\x1a\n"
MAX_ICON: Final = MEBIBYTE
MAX_INFO: Final = 32 * MEBIBYTE
_INFO: Final = "repo.info"
_ICON: Final = "icon_"


@frozen
class PackageRepository:
    """What a repository offers.

    :param entries: in the order of its index.
    :param icons: directory of its icons.
    """

    source: PackageSource
    entries: tuple[CatalogEntry, ...]
    icons: Path


def is_repository_info(content: bytes) -> bool:
    """Tell whether an answer is that of a package repository: a JSON object with a count."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "count" in document


class RepositoryCopies:
    """The copies of package repositories in a directory; the methods block.

    ``<key>.json`` is what a repository said, and names the directory of its icons: one rename replaces both.

    :param directory: made when the first copy is kept.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, source: PackageSource) -> PackageRepository | None:
        """Return the kept copy of a repository, or None when there is none that can be used."""
        try:
            document = json.loads(self._note(source).read_bytes())
            info, icons = document["info"], self._directory / Path(document["icons"]).name
            if document["url"] != source.url:
                return None
            return PackageRepository(source, parse_repository(info, source), icons)
        except (OSError, ValueError, KeyError, TypeError, PackageProblem):
            return None

    def keep(self, source: PackageSource, data: Path) -> PackageRepository:
        """Check the data of a repository, keep them in place of the former copy, and return what is offered.

        :param data: the fetched archive; stays.
        :raises PackageProblem: when it is not what it should be; the former copy stays.
        """
        work = self._directory / f"{repository_key(source)}-{uuid.uuid4().hex}"
        try:
            work.mkdir(parents=True)
            unpack_tar(data, work, Usage(DATA_LIMITS), drop_dangling_links=True)
            info = _read_info(work / _INFO)
            repository = PackageRepository(source, parse_repository(info, source), work)
            _keep_icons(work)
            self._swap(source, {"url": source.url, "icons": work.name, "info": info})
        except OSError as error:
            remove_tree(work)
            raise RepositoryProblem(f"the index cannot be stored: {disk_sentence(error)}") from error
        except BaseException:
            remove_tree(work)
            raise
        self._remove_others(source, work)
        return repository

    def forget(self, source: PackageSource) -> None:
        """Remove the copy of a repository that is a package repository no more."""
        self._note(source).unlink(missing_ok=True)

    def recover(self) -> list[str]:
        """Remove what interrupted updates have left, at the start, and return the names."""
        if not self._directory.is_dir():
            return []
        used = {_icons_of(note) for note in self._directory.glob("*.json")}
        done = []
        for path in sorted(self._directory.iterdir()):
            if path.name not in used and (path.is_dir() or path.name.endswith(".tmp")):
                remove_tree(path)
                done.append(path.name)
        return done

    def _note(self, source: PackageSource) -> Path:
        return self._directory / f"{repository_key(source)}.json"

    def _swap(self, source: PackageSource, document: Mapping[str, Any]) -> None:
        # what the repository says holds no password, but its address may
        write_json(self._note(source), document, 0o600)

    def _remove_others(self, source: PackageSource, kept: Path) -> None:
        for path in self._directory.glob(f"{repository_key(source)}-*"):
            if path != kept:
                remove_tree(path)


def parse_repository(info: Mapping[str, Any], source: PackageSource) -> tuple[CatalogEntry, ...]:
    """Return the packages of ``repo.info``; one that breaks a rule is left out and logged.

    :raises RepositoryProblem: when there is no list of packages.
    """
    packages = info.get("packages")
    if not isinstance(packages, list):
        raise RepositoryProblem("repo.info holds no list of packages")
    shown, generated = public_url(source.url), info.get("generated")
    entries = []
    for document in packages:
        try:
            entries.append(
                parse_entry(document, shown, source.priority, generated if isinstance(generated, str) else "")
            )
        except PackageProblem as problem:
            log.warn("{url}: left out: {problem}", url=shown, problem=problem.sentence)
    if info.get("count") != len(packages):
        log.warn(
            "{url} counts {count} packages, {found} are listed", url=shown, count=info.get("count"), found=len(packages)
        )
    return tuple(entries)


def _read_info(path: Path) -> dict[str, Any]:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_INFO:
        raise RepositoryProblem("its data hold no repo.info of a reasonable size")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise RepositoryProblem("its repo.info is not valid JSON") from None
    if not isinstance(document, dict):
        raise RepositoryProblem("its repo.info must be a JSON object")
    return document


def _keep_icons(work: Path) -> None:
    """Leave of the unpacked data only the icons that are PNG files, at the top of the directory."""
    icons = []
    for path in sorted((work / "images").glob(f"{_ICON}*.png")):
        content = read_icon(path)
        if content is not None:
            icons.append((path.name, content))
    for path in tuple(work.iterdir()):
        remove_tree(path)
    for name, content in icons:
        (work / name).write_bytes(content)


def read_icon(path: Path) -> bytes | None:
    """Return the content of a PNG file of at most 1 MiB, else None; links are not followed. Blocks."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as stream:
            content = stream.read(MAX_ICON + 1)
    except OSError:
        return None
    return content if content.startswith(PNG) and len(content) <= MAX_ICON else None


def icon_names(kind: str, package_id: str, version: str) -> tuple[str, str]:
    """Return the names that an icon may have: as the package is called, and in the old, plainer form."""
    raw = f"{kind}_{package_id}_{version}"
    plain = "".join(char if char.isalnum() and char.isascii() else "_" for char in raw.lower())
    return f"{_ICON}{raw}.png", f"{_ICON}{plain}.png"


def repository_key(source: PackageSource) -> str:
    """Return a name for what is kept of a repository; it does not tell the address."""
    return hashlib.sha256(source.url.encode()).hexdigest()[:24]


def _icons_of(note: Path) -> str:
    try:
        return str(json.loads(note.read_bytes())["icons"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
