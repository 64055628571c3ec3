"""The content of ``plugins.db``: checked completely, entry by entry, before anything uses it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from provisiond.errors import InvalidInput, PackageProblem
from provisiond.model.package_metadata import PackageMetadata, parse_metadata
from provisiond.packages.digests import DIGEST_LENGTHS
from provisiond.packages.plugin_archive import checked_info, is_plugin_id
from provisiond.packages.problems import RepositoryProblem
from provisiond.packages.wanted import WantedFile, check_file_name

MAX_INDEX_SIZE = 64 << 20
_HEX = re.compile(r"[0-9a-fA-F]+")
_DIGEST_KEYS: Sequence[tuple[str, str]] = (("sha1sum", "sha1"), ("sha256sum", "sha256"), ("sha256", "sha256"))


@frozen(kw_only=True)
class IndexEntry:
    """A plugin that a repository offers.

    :param plugin_id: key of the entry.
    :param repository: name of the repository.
    :param version: the plugin's version.
    :param description: one sentence, not localised.
    :param capabilities: as in ``plugin-info``.
    :param filename: name of the archive beside the index.
    :param size: bytes of the archive.
    :param digests: ``sha1`` and ``sha256`` -> lower-case hex, at least one of them.
    :param document: the whole entry.
    :param kept: whether no repository has it any more, and only the cache does.
    :param metadata: author, changes, documentation, icon and the like, as in ``plugin-info``.
    """

    plugin_id: str
    repository: str
    version: str
    description: str
    capabilities: Mapping[str, Any] = field(repr=False)
    filename: str
    size: int
    digests: Mapping[str, str]
    document: Mapping[str, Any] = field(repr=False)
    metadata: PackageMetadata = field(factory=PackageMetadata, repr=False)
    kept: bool = False

    def localized(self, locale: str | None) -> dict[str, Any]:
        """Return the entry for REST: without ``filename``, the description in this locale, the others removed.

        :param locale: ``fr_FR``, ``fr`` or None; an exact translation wins over one of the language alone.
        """
        keys = [f"description_{locale}", f"description_{locale.partition('_')[0]}"] if locale else []
        description = next((self.document[key] for key in keys if key in self.document), self.description)
        hidden = ("filename",)
        shown = {
            key: value
            for key, value in self.document.items()
            if key not in hidden and not key.startswith("description_")
        }
        return {**shown, "description": description}

    def wanted(self, base_url: str | None) -> WantedFile:
        """Return the archive as a wanted file.

        :param base_url: address of the repository, or None when none is known: then only the cache can have it.
        """
        url = f"{base_url.rstrip('/')}/{self.filename}" if base_url else ""
        return WantedFile(name=self.filename, url=url, size=self.size, digests=self.digests, exact_size=True)


@frozen
class Index:
    """A checked index.

    :param entries: plugin id -> entry.
    :param left_out: one sentence for each entry that is not usable.
    """

    entries: Mapping[str, IndexEntry]
    left_out: tuple[str, ...]


def parse_index(data: bytes, repository: str) -> Index:
    """Return what the bytes of ``plugins.db`` say; an entry that breaks a rule is left out and reported.

    :raises RepositoryProblem: when it is not a JSON object, or larger than 64 MiB.
    """
    if len(data) > MAX_INDEX_SIZE:
        raise RepositoryProblem("the index is larger than 64 MiB")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise RepositoryProblem("the index is not valid JSON") from None
    if not isinstance(document, dict):
        raise RepositoryProblem("the index must be a JSON object")
    entries: dict[str, IndexEntry] = {}
    left_out: list[str] = []
    for plugin_id in sorted(document):
        try:
            entries[plugin_id] = _entry(plugin_id, document[plugin_id], repository)
        except PackageProblem as problem:
            left_out.append(f"{plugin_id[:60]!r}: {problem.sentence}")
    return Index(entries, tuple(left_out))


def _entry(plugin_id: str, document: object, repository: str) -> IndexEntry:
    if not is_plugin_id(plugin_id):
        raise PackageProblem("this cannot be the id of a plugin")
    if not isinstance(document, dict):
        raise PackageProblem("the entry must be a JSON object")
    info = checked_info(document)
    size = document.get("dsize")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise PackageProblem("dsize must be a number of bytes above 0")
    filename = document.get("filename")
    if not isinstance(filename, str):
        raise PackageProblem("filename must be a text")
    try:
        metadata = parse_metadata(document)
    except InvalidInput as problem:
        raise PackageProblem(problem.sentence) from None
    return IndexEntry(
        plugin_id=plugin_id,
        repository=repository,
        version=info["version"],
        description=info["description"],
        capabilities=info["capabilities"],
        filename=check_file_name(filename, "the entry"),
        size=size,
        digests=_digests(document),
        document=document,
        metadata=metadata,
    )


def _digests(document: Mapping[str, Any]) -> Mapping[str, str]:
    digests: dict[str, str] = {}
    for key, algorithm in _DIGEST_KEYS:
        if key not in document:
            continue
        value = document[key]
        if not isinstance(value, str) or len(value) != DIGEST_LENGTHS[algorithm] or not _HEX.fullmatch(value):
            raise PackageProblem(f"{key} must hold {DIGEST_LENGTHS[algorithm]} hex digits")
        if digests.setdefault(algorithm, value.lower()) != value.lower():
            raise PackageProblem("sha256sum and sha256 differ")
    if not digests:
        raise PackageProblem("sha1sum is missing")
    return digests
