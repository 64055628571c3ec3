"""The list of package repositories: one a line, priority and address (package contract, section 6.3)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attrs import field, frozen

from provisiond.packages.problems import RepositoryProblem, disk_sentence
from provisiond.packages.urls import public_url

MAX_PRIORITY: Final = 9999
_LARGEST_LIST: Final = 1 << 20
_LINE: Final = re.compile(r"(?P<priority>[0-9]{1,4})[ \t]+(?P<url>\S+)")
_SCHEMES: Final = ("http", "https", "file")


@frozen
class PackageSource:
    """A line of the list.

    :param priority: 0 to 9999; the greater counts.
    :param url: without a final slash.
    :param line: its number, from 1; of equal priorities the earlier counts.
    """

    priority: int
    url: str = field(repr=public_url)
    line: int


def parse_sources(text: str) -> tuple[PackageSource, ...]:
    """Return the repositories of a list, the one that counts most first.

    :raises RepositoryProblem: naming the first faulty line.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            found.append(_source(stripped, number))
    return tuple(sorted(found, key=lambda source: (-source.priority, source.line)))


def _source(line: str, number: int) -> PackageSource:
    match = _LINE.fullmatch(line)
    if match is None or not _is_address(match["url"]):
        raise RepositoryProblem(f"line {number} of the repository list is faulty")
    return PackageSource(int(match["priority"]), match["url"].rstrip("/"), number)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and url.isprintable() and bool(parts.hostname or parts.scheme == "file")


def read_sources(file: Path | None) -> tuple[PackageSource, ...]:
    """Return the repositories of a file; none when there is no file. Blocks.

    :raises RepositoryProblem: when it cannot be read, or has a faulty line.
    """
    if file is None:
        return ()
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST_LIST + 1)
        if len(data) > _LARGEST_LIST:
            raise RepositoryProblem("the repository list is larger than 1 MiB")
        return parse_sources(data.decode("utf-8"))
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError:
        raise RepositoryProblem("the repository list is not UTF-8") from None
    except OSError as error:
        raise RepositoryProblem(f"the repository list cannot be read: {disk_sentence(error)}") from None
