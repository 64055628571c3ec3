"""What a repository says of one package (package contract, sections 4.5 and 6.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from provisiond.errors import InvalidInput, PackageProblem
from provisiond.model.package_metadata import MAX_CHANGELOG, Dependency, parse_dependencies
from provisiond.packages.index_file import IndexEntry
from provisiond.packages.urls import split_credentials

PLUGIN: Final = "plugin"
EXTENSION: Final = "extension"
TYPES: Final = (PLUGIN, EXTENSION)
FORMER_TYPES: Final = ("external", "hardware")
_TYPE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!~:-]{0,63}")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_TEXTS: Final = (
    "category",
    "documentation",
    "description",
    "author",
    "author_email",
    "changelog",
    "domogik_min_version",
    "archive_url",
)
_OWN: Final = frozenset({"filename", "dsize", "sha1sum", "sha256sum", "sha256", "size", "capabilities"})


def is_package_id(text: str) -> bool:
    """Tell whether a package may have this id."""
    return _ID.fullmatch(text) is not None and text not in (".", "..")


def is_package_version(text: str) -> bool:
    """Tell whether a package may have this version."""
    return _VERSION.fullmatch(text) is not None


@frozen(kw_only=True)
class CatalogEntry:
    """One version of a package in one repository.

    :param type: ``plugin``, ``extension``, or another word of the index.
    :param source: address of the repository, without credentials.
    :param priority: of the repository; of the same version in several the greatest counts.
    :param min_server_version: the package needs this version of the server, or a later one; empty for any.
    :param size: bytes of the archive, None when the index does not say.
    :param digests: ``sha1``, ``sha256`` -> hex of the archive; may be empty.
    :param members: what the index says besides.
    :param offer: the entry of a plugin channel that this one was made of.
    """

    type: str
    id: str
    version: str
    source: str
    priority: int
    texts: Mapping[str, str] = field(repr=False)
    generated: str = ""
    min_server_version: str = ""
    dependencies: tuple[Dependency, ...] = ()
    size: int | None = None
    digests: Mapping[str, str] = field(factory=dict)
    members: Mapping[str, Any] = field(factory=dict, repr=False)
    offer: IndexEntry | None = field(default=None, repr=False)

    @property
    def fullname(self) -> str:
        """Type and id."""
        return f"{self.type}-{self.id}"

    @property
    def archive_url(self) -> str:
        """Where the archive comes from."""
        return self.texts["archive_url"]

    def shown(self) -> dict[str, Any]:
        """Return the entry for ``/package/available``: all seventeen members, and what the index says besides."""
        return {
            **self.texts,
            "archive_url": split_credentials(self.archive_url)[0],
            "priority": str(self.priority),
            "source": self.source,
            "generated": self.generated,
            "dependencies": [{"type": each.type, "id": each.id} for each in self.dependencies],
            "version": self.version,
            "fullname": self.fullname,
            "type": self.type,
            "id": self.id,
            "name": self.members.get("name") or self.id,
            **{key: value for key, value in self.members.items() if key != "name"},
        }

    def update(self) -> dict[str, str]:
        """Return the entry as an update of an older version that is installed."""
        return {
            "type": self.type,
            "id": self.id,
            "version": self.version,
            "priority": str(self.priority),
            "changelog": self.texts["changelog"],
        }


def parse_entry(document: object, source: str, priority: int, generated: str = "") -> CatalogEntry:
    """Return an entry of a package repository.

    :param document: a member of ``packages`` in ``repo.info``.
    :raises PackageProblem: naming the first member that is wrong.
    """
    if not isinstance(document, dict):
        raise PackageProblem("a package must be an object")
    kind, package_id, version = (_named(document, key) for key in ("type", "id", "version"))
    if not _TYPE.fullmatch(kind) or not is_package_id(package_id) or not is_package_version(version):
        raise PackageProblem(f"{package_id[:60]!r}: type, id or version cannot be those of a package")
    try:
        dependencies = parse_dependencies(document.get("dependencies"))
    except InvalidInput as problem:
        raise PackageProblem(f"{package_id}: {problem.sentence}") from None
    texts = {key: _text(document, key) for key in _TEXTS}
    used = {*_TEXTS, "type", "id", "version", "dependencies", "priority", "source", "generated", "fullname"}
    return CatalogEntry(
        type=kind,
        id=package_id,
        version=version,
        source=source,
        priority=priority,
        texts={**texts, "archive_url": _archive_url(texts["archive_url"], package_id, source)},
        generated=_text(document, "generated") or generated,
        min_server_version=texts["domogik_min_version"],
        dependencies=dependencies,
        size=_size(document),
        digests=_digests(document),
        members={key: value for key, value in document.items() if key not in used},
    )


def channel_entry(offer: IndexEntry, source: str, priority: int, *, base_url: str = "") -> CatalogEntry:
    """Return an entry of a plugin channel as one of a package repository.

    :param source: address of the channel without credentials.
    :param base_url: what the archive's address begins with; empty for ``source``.
    """
    said = offer.metadata
    texts = dict.fromkeys(_TEXTS, "")
    texts.update(
        category=said.category,
        documentation=said.documentation,
        description=offer.description,
        author=said.author,
        author_email=said.author_email,
        changelog=said.changelog,
        domogik_min_version=said.min_server_version,
        archive_url=f"{(base_url or source).rstrip('/')}/{offer.filename}" if source else "",
    )
    used = {*_TEXTS, *_OWN, "version", "dependencies", "type", "id", "name", "priority", "source", "fullname"}
    return CatalogEntry(
        type=PLUGIN,
        id=offer.plugin_id,
        version=offer.version,
        source=source.rstrip("/"),
        priority=priority,
        texts=texts,
        min_server_version=said.min_server_version,
        dependencies=said.dependencies,
        size=offer.size,
        digests=offer.digests,
        members={key: value for key, value in offer.document.items() if key not in used},
        offer=offer,
    )


def _named(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise PackageProblem(f"a package has no {key}")
    return value


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_CHANGELOG:
        name = str(document.get("id"))[:60]
        raise PackageProblem(f"{name}: {key} must be a text of at most {MAX_CHANGELOG:,} characters")
    return value


def _archive_url(url: str, package_id: str, source: str) -> str:
    # a repository of the network has no business among the files of this host
    schemes = ("http", "https", "file") if source.startswith("file:") else ("http", "https")
    try:
        parts = urlsplit(url)
        good = parts.scheme in schemes and url.isprintable()
    except ValueError:
        good = False
    if not good:
        raise PackageProblem(f"{package_id}: archive_url must be an http or https address")
    return url


def _size(document: Mapping[str, Any]) -> int | None:
    size = document.get("size")
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise PackageProblem(f"{document['id']}: size must be a number of bytes above 0")
    return size


def _digests(document: Mapping[str, Any]) -> dict[str, str]:
    value = document.get("sha256")
    if value is None:
        return {}
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise PackageProblem(f"{document['id']}: sha256 must hold 64 hex digits")
    return {"sha256": value.lower()}
