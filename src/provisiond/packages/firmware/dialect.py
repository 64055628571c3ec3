"""The dialect of the files in ``pkgs/`` (firmware contract, section 1.1)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from attrs import define, field, frozen

_HEADER = re.compile(r"\[(.+)\]")
_OPTION = re.compile(r"(.*?)\s*[=:]\s*(.*)")


@frozen
class Fault:
    """Something that is wrong in a file.

    :param file: name of the file.
    :param section: the section it is in, or None.
    :param sentence: what is wrong.
    """

    file: str
    section: str | None
    sentence: str

    def __str__(self) -> str:
        where = f"{self.file}, section [{self.section}]" if self.section is not None else self.file
        return f"{where}: {self.sentence}"


@define
class Sections:
    """The sections of one or several files.

    :param options: section -> option in lower case -> value, in file order.
    :param origins: section -> file that it stands in last.
    :param faults: what is wrong; a section named there must not be used.
    """

    options: dict[str, dict[str, str]] = field(factory=dict)
    origins: dict[str, str] = field(factory=dict)
    faults: list[Fault] = field(factory=list)

    def add(self, other: Sections) -> None:
        """Add the sections of a later file; its options win."""
        for section, options in other.options.items():
            self.options.setdefault(section, {}).update(options)
        self.origins.update(other.origins)
        self.faults += other.faults


class _Reader:
    """Reads the lines of one file; the rules are those of Python's RawConfigParser without defaults."""

    def __init__(self, file: str) -> None:
        self.sections = Sections()
        self._file = file
        self._section: str | None = None
        self._values: dict[str, list[str]] = {}
        self._option: str | None = None
        self._indent = 0

    def read(self, lines: Iterable[str]) -> Sections:
        for number, line in enumerate(lines, 1):
            self._line(number, line)
        self._finish_section()
        return self.sections

    def _line(self, number: int, line: str) -> None:
        text = line.strip()
        if text.startswith(("#", ";")):
            return
        if not text:
            if self._option is not None:
                self._values[self._option].append("")
            return
        indent = len(line) - len(line.lstrip())
        if self._option is not None and indent > self._indent:
            self._values[self._option].append(text)
            return
        self._indent = indent
        header = _HEADER.match(text)
        if header:
            self._begin_section(header[1])
        else:
            self._begin_option(number, text)

    def _begin_section(self, name: str) -> None:
        self._finish_section()
        if name in self.sections.options:
            self._fault(name, "the section occurs twice")
        self._section = name
        self.sections.options.setdefault(name, {})
        self.sections.origins[name] = self._file

    def _begin_option(self, number: int, text: str) -> None:
        self._option = None
        match = _OPTION.fullmatch(text)
        if self._section is None:
            self._fault(None, f"line {number} stands before the first section")
        elif match is None or not match[1]:
            self._fault(self._section, f"line {number} is neither an option nor a section")
        elif match[1].lower() in self._values:
            self._fault(self._section, f"the option {match[1].lower()} occurs twice")
        else:
            self._option = match[1].lower()
            self._values[self._option] = [match[2].strip()]

    def _finish_section(self) -> None:
        if self._section is not None:
            values = {option: "\n".join(lines).rstrip() for option, lines in self._values.items()}
            self.sections.options[self._section].update(values)
        self._section, self._option, self._values = None, None, {}

    def _fault(self, section: str | None, sentence: str) -> None:
        self.sections.faults.append(Fault(self._file, section, sentence))


def parse_sections(text: str, file: str) -> Sections:
    """Return the sections of one file's text; faults are collected, nothing is raised.

    :param file: its name, for the faults.
    """
    return _Reader(file).read(io.StringIO(text.removeprefix("\ufeff"), newline=None))
