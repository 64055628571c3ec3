"""Records of installed packages: one JSON file each (firmware contract, section 4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from provisiond.packages.firmware.definitions import FirmwarePackage, localized_description
from provisiond.packages.problems import InstallationProblem

INSTALLED_DIRECTORY = "var/installed"
_LARGEST_RECORD = 32 << 20


@frozen(kw_only=True)
class InstalledPackage:
    """A package that is installed.

    :param files: relative to the root directory; directories end in ``/``.
    :param is_explicit: False when it was installed because another one needs it.
    :param document: everything that the record holds.
    """

    id: str
    version: str
    description: str
    files: tuple[str, ...]
    is_explicit: bool = True
    depends: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(factory=dict, repr=False)

    def localized(self, locale: str | None) -> str:
        """Return the description for a locale."""
        descriptions = {
            key.removeprefix("description_"): value
            for key, value in self.document.items()
            if key.startswith("description_") and isinstance(value, str)
        }
        return localized_description(self.description, descriptions, locale)


class UnreadableRecord(InstallationProblem):
    """A file in ``var/installed`` is not a record."""


def record_bytes(package: FirmwarePackage, files: Iterable[str], *, is_explicit: bool) -> bytes:
    """Return the content of a record.

    :param files: relative names of what was placed; directories end in ``/``.
    """
    document: dict[str, Any] = {
        **package.other,
        **{f"description_{locale}": text for locale, text in package.descriptions.items()},
        "id": package.id,
        "description": package.description,
        "version": package.version,
        "depends": list(package.depends),
        "explicit_install": is_explicit,
        "files": sorted(files),
    }
    return json.dumps(document).encode("ascii")


def parse_record(data: bytes) -> InstalledPackage:
    """Return what a record says, one of ours or one written by another server.

    :raises UnreadableRecord: when a required member is missing or of another kind, or a file name leads out.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise UnreadableRecord("it is not valid JSON") from None
    if not isinstance(document, dict):
        raise UnreadableRecord("it is not a JSON object")
    texts = [document.get(key) for key in ("id", "version", "description")]
    if not all(isinstance(text, str) for text in texts) or not isinstance(document.get("explicit_install"), bool):
        raise UnreadableRecord("id, version, description and explicit_install are needed")
    files, depends = _texts(document.get("files")), _texts(document.get("depends", []))
    if not all(is_inside(name) for name in files):
        raise UnreadableRecord("a file name leads out of the directory")
    return InstalledPackage(
        id=document["id"],
        version=document["version"],
        description=document["description"],
        files=files,
        is_explicit=document["explicit_install"],
        depends=depends,
        document=document,
    )


def is_inside(name: str) -> bool:
    """Tell whether a relative name of a record stays inside."""
    parts = name.rstrip("/").split("/")
    return bool(name.rstrip("/")) and not name.startswith("/") and ".." not in parts and "\0" not in name


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UnreadableRecord("files and depends must be lists of texts")
    return tuple(value)


@frozen
class Records:
    """The records of one plugin.

    :param packages: installed packages by id, sorted.
    :param problems: file name -> why it is not a record.
    """

    packages: Mapping[str, InstalledPackage]
    problems: Mapping[str, str]


def read_records(plugin: Path) -> Records:
    """Return the records of a plugin; blocks. Hidden files are ignored."""
    packages: dict[str, InstalledPackage] = {}
    problems: dict[str, str] = {}
    directory = plugin / INSTALLED_DIRECTORY
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            package = _read(path)
        except UnreadableRecord as problem:
            problems[path.name] = problem.sentence
        else:
            packages[package.id] = package
    return Records(packages, problems)


def _read(path: Path) -> InstalledPackage:
    try:
        if path.stat().st_size > _LARGEST_RECORD:
            raise UnreadableRecord("it is too large")
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableRecord(f"it cannot be read: {error.strerror}") from None
    package = parse_record(data)
    if package.id != path.name:
        raise UnreadableRecord(f"it says that it is the record of {package.id[:60]!r}")
    return package


def record_path(plugin: Path, package_id: str) -> Path:
    """Return where the record of a package is."""
    return plugin / INSTALLED_DIRECTORY / package_id
