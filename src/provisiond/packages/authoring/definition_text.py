"""Editing ``pkgs.db`` without disturbing what the author wrote around it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from provisiond.errors import PackageProblem
from provisiond.packages.archives import shown

_HEADER = re.compile(r"\[(.+)\]")


def with_options(text: str, section: str, options: Mapping[str, str]) -> str:
    """Return a definition file with options of one section set; everything else keeps its bytes.

    :param text: content of the file.
    :param options: name -> value on one line; those that the section lacks are added at its end.
    :raises PackageProblem: when there is no such section.
    """
    lines = text.splitlines(keepends=True)
    start, end = _bounds(lines, section)
    left = dict(options)
    for number in range(start, end):
        name, separator = _option(lines[number])
        if name is not None and name.lower() in left:
            ending = lines[number][len(lines[number].rstrip("\r\n")) :]
            lines[number] = f"{name}{separator}{left.pop(name.lower())}{ending}"
    while end > start and not lines[end - 1].strip():
        end -= 1
    if left and end and lines[end - 1][-1:] not in ("\n", "\r"):
        lines[end - 1] += "\n"
    lines[end:end] = [f"{name}: {value}\n" for name, value in left.items()]
    return "".join(lines)


def _bounds(lines: list[str], section: str) -> tuple[int, int]:
    headers = [(number, match[1]) for number, line in enumerate(lines) if (match := _HEADER.match(line))]
    for position, (number, name) in enumerate(headers):
        if name == section:
            following = headers[position + 1][0] if position + 1 < len(headers) else len(lines)
            return number + 1, _without_comments(lines, number + 1, following)
    raise PackageProblem(f"there is no section {shown(section)}")


def _without_comments(lines: list[str], start: int, end: int) -> int:
    """Leave comments directly before the next section to it."""
    while end > start and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(("#", ";"))):
        end -= 1
    return end


def _option(line: str) -> tuple[str | None, str]:
    match = re.match(r"([^\s=:#;\[][^=:]*?)(\s*[=:][ \t]*)", line)
    if match is None:
        return None, ""
    separator = match[2] if match[2][-1] in " \t" else match[2] + " "
    return match[1], separator
