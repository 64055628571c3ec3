"""What a package says of itself for people: author, changes, documentation, icon, and the server it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen

from provisiond.errors import InvalidInput

MAX_CHANGELOG: Final = 64 * 1024
MAX_DEPENDENCIES: Final = 100
_LONGEST: Final = {"author": 200, "author_email": 200, "category": 100, "changelog": MAX_CHANGELOG}
_ICON: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\.png")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!~:-]{0,63}")
_TYPE: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@frozen
class Dependency:
    """Something that a package needs.

    :param type: ``python``, ``plugin``, ``extension``, or another word.
    :param id: as written, e.g. ``pyserial (>=2.5)``.
    """

    type: str
    id: str


@frozen(kw_only=True)
class PackageMetadata:
    """The optional members of ``plugin-info``; empty where one is missing.

    :param changelog: what changed, newest first or last as the author likes; at most 64 KiB.
    :param documentation: http or https address.
    :param icon: name of a PNG file beside ``plugin-info``.
    :param min_server_version: the package needs this version of provisiond, or a later one.
    """

    author: str = ""
    author_email: str = ""
    category: str = ""
    changelog: str = ""
    documentation: str = ""
    icon: str = ""
    min_server_version: str = ""
    dependencies: tuple[Dependency, ...] = ()


def parse_metadata(document: Mapping[str, Any]) -> PackageMetadata:
    """Return the metadata in a ``plugin-info`` document or an index entry.

    :param document: may hold ``author``, ``author_email``, ``category``, ``changelog``, ``documentation``, ``icon``,
        ``min_provisiond_version`` and ``dependencies``; other members are not looked at.
    :raises InvalidInput: naming the first wrong member.
    """
    texts = {name: _text(document, name, longest) for name, longest in _LONGEST.items()}
    icon = _text(document, "icon", 104)
    if icon and not _ICON.fullmatch(icon):
        raise InvalidInput("icon must be the name of a PNG file beside plugin-info")
    minimum = _text(document, "min_provisiond_version", 64)
    if minimum and not _VERSION.fullmatch(minimum):
        raise InvalidInput("min_provisiond_version must be a version such as 1.2")
    return PackageMetadata(
        **texts,
        documentation=_address(_text(document, "documentation", 2000)),
        icon=icon,
        min_server_version=minimum,
        dependencies=parse_dependencies(document.get("dependencies", [])),
    )


def parse_dependencies(value: object) -> tuple[Dependency, ...]:
    """Return the dependencies in a list of ``{"type", "id"}``; null counts as an empty list.

    :raises InvalidInput: for anything else, and for more than 100 of them.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_DEPENDENCIES:
        raise InvalidInput(f"dependencies must be a list of at most {MAX_DEPENDENCIES} objects")
    return tuple(_dependency(each) for each in value)


def _dependency(value: object) -> Dependency:
    if not isinstance(value, Mapping):
        raise InvalidInput("each of dependencies must be an object with type and id")
    kind, name = value.get("type"), value.get("id", value.get("name"))
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise InvalidInput("the type of a dependency must be a word such as python or plugin")
    if not isinstance(name, str) or not 0 < len(name) <= 300 or not name.isprintable():
        raise InvalidInput("the id of a dependency must be a text of at most 300 characters")
    return Dependency(kind, name)


def _text(document: Mapping[str, Any], name: str, longest: int) -> str:
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise InvalidInput(f"{name} must be a text of at most {longest:,} characters")
    return value


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable()
    except ValueError:
        good = False
    if text and not good:
        raise InvalidInput("documentation must be an http or https address")
    return text
