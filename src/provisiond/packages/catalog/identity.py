"""Which package a file is, told by what is inside, after every member was checked (package contract, section 6.1)."""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve, field, frozen

from provisiond.errors import InvalidInput, PackageProblem
from provisiond.packages.archives import PLUGIN_LIMITS, Usage, problems_told, safe_parts, tar_members
from provisiond.packages.catalog.entries import EXTENSION, PLUGIN
from provisiond.packages.digests import file_digests
from provisiond.packages.index_file import IndexEntry, parse_index
from provisiond.packages.plugin_archive import INFO_NAME, PACKAGE_EXTRAS, parsed_info
from provisiond.packages.problems import ArchiveProblem

REPOSITORY: Final = "packages"
EXTENSION_FILES: Final = ("wazo/plugin.yml", "package.yml", "plugin.yml")
_LARGEST: Final = 1 << 20
_SPECIAL_BITS: Final = 0o6000

ReadExtension = Callable[[Mapping[str, bytes]], tuple[str, str]]
"""Returns id and version of an extension from its metadata files, by name."""


@frozen(kw_only=True)
class PackageFile:
    """A checked package file.

    :param info: ``plugin-info``, of a plugin.
    :param needed_servers: versions of the server of which it needs each, or a later one.
    """

    path: Path
    type: str
    id: str
    version: str
    info: Mapping[str, Any] = field(factory=dict, repr=False)
    needed_servers: tuple[str, ...] = ()

    @property
    def fullname(self) -> str:
        """Type and id."""
        return f"{self.type}-{self.id}"

    def offer(self) -> IndexEntry:
        """Return a plugin's entry as an index would have it; the archive lies in the cache. Blocks.

        :raises PackageProblem: when ``plugin-info`` breaks a rule.
        """
        digests = file_digests(self.path, ("sha1", "sha256"))
        own = {"filename": self.path.name, "dsize": self.path.stat().st_size}
        entry = {**self.info, **own, "sha1sum": digests["sha1"], "sha256sum": digests["sha256"]}
        index = parse_index(json.dumps({self.id: entry}).encode(), REPOSITORY)
        if index.left_out:
            raise PackageProblem(index.left_out[0])
        return index.entries[self.id]


def read_package(path: Path, read_extension: ReadExtension) -> PackageFile:
    """Return which package a file is. Blocks.

    :raises PackageProblem: when it is none, when a member is not allowed, or when folder and content disagree.
    """
    try:
        files, top = _members(path)
    except ArchiveProblem as problem:
        raise PackageProblem(_archive_sentence(problem)) from None
    inner = {name.partition("/")[2]: data for name, data in files.items() if name.startswith(f"{top}/")}
    found = _plugin(path, top, inner) or _extension(path, top, inner, read_extension)
    if found is None:
        raise PackageProblem("the file is not a package")
    identity = _identity(found, files.get("info.json"))
    needed = (found.info.get("min_provisiond_version"), identity.get("domogik_min_version"))
    return evolve(found, needed_servers=tuple(str(each) for each in needed if each))


def _archive_sentence(problem: ArchiveProblem) -> str:
    return "the file is not a package" if "broken or cut off" in problem.sentence else problem.sentence


def _members(path: Path) -> tuple[dict[str, bytes], str]:
    usage, files, tops = Usage(PLUGIN_LIMITS), dict[str, bytes](), set[str]()
    with problems_told(), tar_members(path, usage) as tar:
        for member in tar:
            name = _allowed(member)
            if not name:
                continue
            usage.written(member.size)
            top, _, inner = name.partition("/")
            if not (top in PACKAGE_EXTRAS and not inner):
                tops.add(top)
            if member.isreg() and (name == "info.json" or inner in (INFO_NAME, *EXTENSION_FILES)):
                files[name] = tar.content(member).read(_LARGEST + 1)[: _LARGEST + 1]
    if len(tops) != 1:
        raise PackageProblem("the file is not a package")
    if any(len(data) > _LARGEST for data in files.values()):
        raise PackageProblem("the file is not a package: its description is larger than 1 MiB")
    return files, tops.pop()


def _allowed(member: tarfile.TarInfo) -> str:
    """Return the plain name of a member.

    :raises PackageProblem: when a package may not hold it.
    """
    refused = PackageProblem(f"{ascii(member.name[:80])[1:-1]} is not allowed in a package")
    try:
        name = "/".join(safe_parts(member.name))
    except ArchiveProblem:
        raise refused from None
    if not (member.isdir() or member.isreg() or member.issym() or member.islnk()) or member.mode & _SPECIAL_BITS:
        raise refused
    if member.issym() or member.islnk():
        base = posixpath.dirname(name) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(base, member.linkname))
        if not member.linkname or target.startswith(("/", "../")) or target == "..":
            raise refused
    return name


def _plugin(path: Path, top: str, inner: Mapping[str, bytes]) -> PackageFile | None:
    if INFO_NAME not in inner:
        return None
    info = parsed_info(inner[INFO_NAME])
    return PackageFile(path=path, type=PLUGIN, id=top, version=info["version"], info=info)


def _extension(path: Path, top: str, inner: Mapping[str, bytes], read_extension: ReadExtension) -> PackageFile | None:
    found = {name: inner[name] for name in EXTENSION_FILES if name in inner}
    if not found:
        return None
    package_id, version = read_extension(found)
    if package_id != top:
        raise PackageProblem(f"the package says it is {EXTENSION}-{package_id} {version}")
    return PackageFile(path=path, type=EXTENSION, id=package_id, version=version)


def _identity(found: PackageFile, info: bytes | None) -> Mapping[str, Any]:
    """Return what ``info.json`` says, which agrees with what is inside; nothing when there is none."""
    if info is None:
        return {}
    try:
        identity = json.loads(info)["identity"]
        said = tuple(str(identity[key]) for key in ("type", "id", "version"))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PackageProblem("the file is not a package: its info.json cannot be read") from None
    if said != (found.type, found.id, found.version):
        raise PackageProblem(f"the package says it is {said[0][:32]}-{said[1][:128]} {said[2][:64]}")
    return dict(identity)


def check_is(found: PackageFile, kind: str, package_id: str, version: str) -> None:
    """Refuse a package that is not the one that was asked for.

    :raises PackageProblem: naming what it says it is.
    """
    if (found.type, found.id, found.version) != (kind, package_id, version):
        raise PackageProblem(f"the package says it is {found.fullname} {found.version[:64]}")


def check_file_name(name: str) -> None:
    """Refuse the name of an upload that cannot be that of a package file.

    :raises InvalidInput: with the sentence of the contract.
    """
    if not name:
        raise InvalidInput("You must give a file name : ?filename=foo.tgz")
    if not name.endswith(".tgz"):
        raise InvalidInput("the file name must end with .tgz")
    if not name.startswith((f"{PLUGIN}-", f"{EXTENSION}-")) or any(not _is_plain(char) for char in name):
        raise InvalidInput("the file name must be <type>-<id>-<version>.tgz, of type plugin or extension")


def _is_plain(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "._+!~:-")
