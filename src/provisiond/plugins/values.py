"""Values that the plugin host hands out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from attrs import field, frozen

from provisiond.identification.rules import Rule
from provisiond.model.package_metadata import PackageMetadata
from provisiond.sdk.parameters import Parameter

STATIC: Final = "var/tftpboot"
_CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".xml": "text/xml",
        ".htm": "text/html; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".json": "application/json",
        ".csv": "text/csv",
        ".cfg": "text/plain",
        ".conf": "text/plain",
        ".txt": "text/plain",
        ".tuz": "application/octet-stream",
        ".bin": "application/octet-stream",
    }
)


def content_type_of(name: str, content: bytes) -> str:
    """Return the media type of a phone's file, from its name, else from its first bytes."""
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    if suffix in _CONTENT_TYPES:
        return _CONTENT_TYPES[suffix]
    if content.lstrip()[:5] == b"<?xml":
        return "text/xml"
    return "application/octet-stream" if b"\0" in content[:4096] else "text/plain"


def _strong_etag(file: RenderedFile) -> str:
    return f'"{hashlib.sha256(file.content).hexdigest()[:32]}"'


@frozen(kw_only=True)
class RenderedFile:
    """The bytes a phone gets under one name.

    :param name: relative, with single forward slashes.
    :param content: at most 8 MiB.
    :param content_type: media type for HTTP.
    :param sensitive: True if it holds secrets.
    :param trigger: True if its download means that the phone now runs its current configuration.
    :param etag: strong entity tag with its quotes, made from the content.
    """

    name: str
    content: bytes = field(repr=lambda content: f"<{len(content)} bytes>")
    content_type: str
    sensitive: bool = True
    trigger: bool = False
    etag: str = field(init=False)

    @etag.default
    def _etag(self) -> str:
        return _strong_etag(self)


def _frozen_mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(value))


@frozen(kw_only=True)
class PluginInfo:
    """What ``plugin-info`` says.

    :param version: the plugin's version.
    :param description: one sentence in English.
    :param capabilities: keyed ``Vendor, Model, Version``.
    :param api: version of the SDK that the plugin was written for; None for legacy plugins.
    :param document: the whole file, in its own order.
    :param metadata: author, changes, documentation, icon and the like.
    """

    version: str
    description: str
    capabilities: Mapping[str, Mapping[str, Any]] = field(converter=_frozen_mapping)
    api: int | None
    document: Mapping[str, Any] = field(converter=_frozen_mapping)
    metadata: PackageMetadata = field(factory=PackageMetadata)

    def localized(self, locale: str | None) -> dict[str, Any]:
        """Return the file's content for REST: ``description`` in this locale; other languages and ``api`` removed.

        :param locale: ``fr_FR``, ``fr`` or None; an exact translation wins over one of the language alone.
        """
        keys = [f"description_{locale}", f"description_{locale.partition('_')[0]}"] if locale else []
        description = next((self.document[key] for key in keys if key in self.document), self.description)
        # Programs know the members of the founding document; which interface the code uses is not their concern.
        shown = {
            key: value for key, value in self.document.items() if key != "api" and not key.startswith("description_")
        }
        return {**shown, "description": description}


@frozen(kw_only=True)
class ServedBy:
    """How a plugin serves one protocol.

    :param kind: ``none``; ``files``, which the server serves itself; or ``code``, when the plugin answers by itself.
    :param root: of ``files``: the directory relative to the plugin's.
    :param rewrites: True when the plugin wants to look at each path first.
    :param is_legacy: True for plugins of the older interface.
    """

    kind: str = "files"
    root: str = STATIC
    rewrites: bool = False
    is_legacy: bool = False

    @property
    def prefix(self) -> str:
        """What stands before a phone's file name in the names of the plugin's files: empty, or ends with a slash."""
        inside = self.root.removeprefix(STATIC).strip("/")
        return f"{inside}/" if inside else ""


@frozen(kw_only=True)
class LegacyFacts:
    """What an existing plugin said of itself when it was loaded.

    :param extractors: the protocols for which it has an extractor.
    :param parameters: what can be set for it; the default is the present value.
    :param firmware_root: where its packages go, relative to its directory.
    :param passwords: user and password by the beginning of a URL; never logged.
    :param degraded: why the files that its devices share are not complete, or None.
    :param installs: who installs its packages: ``server``, ``plugin`` when it has a service of its own, or ``none``.
    """

    http: ServedBy
    tftp: ServedBy
    extractors: tuple[str, ...] = ()
    associates: bool = False
    parameters: tuple[Parameter, ...] = field(default=(), repr=False)
    firmware_root: str = STATIC
    passwords: tuple[tuple[str, str | None, str | None], ...] = field(default=(), repr=False)
    degraded: str | None = None
    package_problems: tuple[str, ...] = ()
    installs: str = "server"


@frozen(kw_only=True)
class LoadedPlugin:
    """A plugin that works.

    :param id: name of its directory.
    :param info: what its ``plugin-info`` says.
    :param directory: where it is installed.
    :param revision: changes whenever the files it makes may change: hash of its code, its templates, the
        administrator's templates, the server's version and the year.
    :param rules: its own identification rules.
    :param parameters: what the administrator can set for it.
    :param values: what somebody has set, by name.
    :param legacy: what an existing plugin said of itself; None for native ones.
    """

    id: str
    info: PluginInfo
    directory: Path
    revision: str
    rules: tuple[Rule, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    values: Mapping[str, Any] = field(factory=dict, converter=_frozen_mapping, repr=False)
    legacy: LegacyFacts | None = None
