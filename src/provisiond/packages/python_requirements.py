"""Python requirements of packages: what is installed in the server's own environment, and what an index has."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Final
from urllib.parse import quote

from attrs import frozen
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from provisiond.errors import InvalidInput, PackageProblem
from provisiond.packages.catalog.fetching import small_answer
from provisiond.packages.web import WebClient

INDEX_SECONDS: Final = 10.0
MAX_PAGE: Final = 16 << 20
_JSON: Final = "application/vnd.pypi.simple.v1+json"
_ACCEPT: Final = f"{_JSON}, text/html;q=0.1"
_REQUIREMENT: Final = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)\s*(?P<rest>.*)", re.DOTALL
)
_LINK: Final = re.compile(r">\s*([^<>\s]{1,300})\s*</a", re.IGNORECASE)


@frozen
class PythonRequirement:
    """A name and the versions that will do.

    :param name: as written.
    """

    name: str
    versions: SpecifierSet

    @property
    def key(self) -> str:
        """The name in the one form in which names are compared (PEP 503)."""
        return canonicalize_name(self.name)

    def fits(self, version: str) -> bool:
        """Tell whether an installed version will do (PEP 440); one that is no version never does."""
        try:
            return self.versions.contains(Version(version), prereleases=True)
        except InvalidVersion:
            return False

    def best(self, versions: Iterable[str]) -> str:
        """Return the highest version that will do, pre-releases only when nothing else does; empty for none."""
        known = {}
        for text in versions:
            try:
                known[Version(text)] = text
            except InvalidVersion:
                continue
        fitting = list(self.versions.filter(known))
        return known[max(fitting)] if fitting else ""


def parse_requirement(text: str) -> PythonRequirement:
    """Return a requirement written as ``name``, ``name (conditions)`` or ``name conditions``.

    :raises InvalidInput: when it is anything else.
    """
    match = _REQUIREMENT.fullmatch(text)
    wrong = InvalidInput(f"{text[:80]!r} is not a requirement such as pyserial (>=2.5)")
    if match is None:
        raise wrong
    rest = match["rest"].strip()
    if rest.startswith("("):
        if not rest.endswith(")"):
            raise wrong
        rest = rest[1:-1]
    try:
        return PythonRequirement(match["name"], SpecifierSet(rest))
    except InvalidSpecifier:
        raise wrong from None


def installed_distributions() -> Mapping[str, str]:
    """Return name -> version of everything in this Python environment, names in the compared form. Blocks."""
    found: dict[str, str] = {}
    for each in metadata.distributions():
        name = each.metadata["Name"] if each.metadata is not None else None
        if name:
            # the first on the path is the one that is imported
            found.setdefault(canonicalize_name(name), each.version)
    return found


class PythonIndex:
    """A simple index of Python packages (PEP 503 and PEP 691).

    :param url: its address; None when the settings name none.
    """

    def __init__(self, web: WebClient, url: str | None) -> None:
        self._web = web
        self._url = url

    async def versions(self, name: str) -> tuple[str, ...]:
        """Return the versions that the index has; none when it has not, or does not answer within ten seconds."""
        if self._url is None:
            return ()
        address = f"{self._url.rstrip('/')}/{quote(canonicalize_name(name), safe='')}/"
        try:
            page = await small_answer(self._web, address, MAX_PAGE, headers={"Accept": _ACCEPT}, seconds=INDEX_SECONDS)
        except PackageProblem:
            return ()
        return parse_page(page or b"", name)


def parse_page(page: bytes, name: str) -> tuple[str, ...]:
    """Return the versions on the page of a package in a simple index, JSON or HTML."""
    try:
        document = json.loads(page)
    except (ValueError, RecursionError):
        files: Iterable[object] = map(html.unescape, _LINK.findall(page.decode("utf-8", "replace")))
    else:
        if not isinstance(document, dict):
            return ()
        listed = document.get("versions")
        if isinstance(listed, list):
            return tuple(text for text in listed if isinstance(text, str))
        rows = document.get("files")
        files = [row.get("filename") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    found = (_version_of(each, canonicalize_name(name)) for each in files if isinstance(each, str))
    return tuple(sorted({version for version in found if version}))


def _version_of(filename: str, name: str) -> str:
    try:
        if filename.endswith(".whl"):
            found, version, *_ = parse_wheel_filename(filename)
        else:
            found, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return ""
    return str(version) if found == name else ""
