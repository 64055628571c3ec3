"""What the files in ``pkgs/`` define: packages, files and install sections (firmware contract, section 1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from attrs import field, frozen

from provisiond.errors import PackageProblem
from provisiond.packages.digests import DIGEST_LENGTHS
from provisiond.packages.firmware.dialect import Fault, Sections, parse_sections
from provisiond.packages.firmware.plan import Plan
from provisiond.packages.firmware.steps import InstallSteps
from provisiond.packages.problems import DefinitionProblem
from provisiond.packages.urls import public_url
from provisiond.packages.wanted import WantedFile, check_file_name

PACKAGES_DIRECTORY = "pkgs"
DOWNLOADERS = ("default", "auth")
_PREFIXES = ("pkg_", "file_", "install_")
_OWN_KEYS = ("description", "version", "files", "install", "depends")
_HEX = re.compile(r"[0-9a-fA-F]+")
_LARGEST_FILE = 4 << 20
T = TypeVar("T")


@frozen(kw_only=True)
class FirmwareFile:
    """A file of a package.

    :param id: of its section.
    :param wanted: what it is; its URL is empty for a manual file.
    :param downloader: ``default`` or ``auth``.
    """

    id: str
    wanted: WantedFile
    downloader: str = "default"

    @property
    def is_manual(self) -> bool:
        """Tell whether the administrator has to bring it."""
        return not self.wanted.url


@frozen(kw_only=True)
class FirmwarePackage:
    """A package that can be installed.

    :param id: of its section.
    :param version: any text.
    :param description: one sentence, not localised.
    :param descriptions: locale -> description.
    :param files: in the order of ``$FILE1`` …
    :param plan: how they are unpacked, or None when nothing is placed.
    :param depends: ids of packages that are installed before.
    :param other: further keys of the section.
    """

    id: str
    version: str
    description: str
    descriptions: Mapping[str, str] = field(factory=dict)
    files: tuple[FirmwareFile, ...] = ()
    plan: Plan | None = None
    depends: tuple[str, ...] = ()
    other: Mapping[str, str] = field(factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all its files, as they are downloaded."""
        return sum(file.wanted.size for file in self.files)

    def localized(self, locale: str | None) -> str:
        """Return the description for a locale such as ``fr_CA``: of it, of its language, else the general one."""
        return localized_description(self.description, self.descriptions, locale)


@frozen
class Definitions:
    """Everything that the files in ``pkgs/`` define.

    :param packages: usable packages by id, sorted.
    :param disabled: package id -> why it is not usable.
    :param faults: everything that is wrong.
    :param warnings: what is accepted but should be repaired.
    :param files: every usable file section by id.
    """

    packages: Mapping[str, FirmwarePackage]
    disabled: Mapping[str, str]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    files: Mapping[str, FirmwareFile] = field(factory=dict)


def localized_description(description: str, descriptions: Mapping[str, str], locale: str | None) -> str:
    """Return the description for a locale, the language alone, or the general one."""
    keys = [locale.lower(), locale.lower().partition("_")[0]] if locale else []
    return next((descriptions[key] for key in keys if key in descriptions), description)


def read_definitions(plugin: Path) -> Definitions:
    """Return what the visible files in ``pkgs/`` of a plugin define, read in name order; blocks.

    Nothing is raised for what stands in the files: faults disable the packages that depend on them.
    """
    sections = Sections()
    directory = plugin / PACKAGES_DIRECTORY
    paths = sorted(directory.iterdir()) if directory.is_dir() else []
    for path in paths:
        if not path.name.startswith(".") and path.is_file():
            sections.add(_read(path))
    return define(sections)


def _read(path: Path) -> Sections:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError("the file is larger than 4 MiB")
        return parse_sections(path.read_bytes().decode(), path.name)
    except UnicodeDecodeError:
        return Sections(faults=[Fault(path.name, None, "the file is not UTF-8")])
    except (OSError, ValueError) as error:
        return Sections(faults=[Fault(path.name, None, str(getattr(error, "strerror", None) or error))])


def define(sections: Sections) -> Definitions:
    """Return what parsed sections define."""
    return _Definer(sections).define()


class _Definer:
    def __init__(self, sections: Sections) -> None:
        self._sections = sections
        self._faults = list(sections.faults)
        self._warnings: list[Fault] = []
        self._bad = {fault.section: fault.sentence for fault in reversed(self._faults) if fault.section is not None}

    def define(self) -> Definitions:
        for section in self._sections.options:
            if not any(section.startswith(prefix) and section != prefix for prefix in _PREFIXES):
                self._fault(section, "the name must begin with pkg_, file_ or install_")
        files = self._defined("file_", self._file)
        self._check_shared_names(files)
        installs = self._defined("install_", lambda name, options: InstallSteps.parse(options))
        drafts = {
            package_id: _Draft(package_id, options)
            for package_id, options in self._of("pkg_").items()
            if f"pkg_{package_id}" not in self._bad
        }
        packages: dict[str, FirmwarePackage] = {}
        for package_id, draft in drafts.items():
            try:
                packages[package_id] = draft.package(_Known(self, "file_", files), _Known(self, "install_", installs))
            except PackageProblem as problem:
                self._fault(f"pkg_{package_id}", problem.sentence)
        self._check_dependencies(packages)
        disabled = {
            package_id: self._bad.get(f"pkg_{package_id}", "it is defined wrongly")
            for package_id in sorted(self._of("pkg_"))
            if package_id not in packages
        }
        usable = {package_id: packages[package_id] for package_id in sorted(packages)}
        good = {file_id: file for file_id, file in files.items() if f"file_{file_id}" not in self._bad}
        return Definitions(usable, disabled, tuple(self._faults), tuple(self._warnings), good)

    def reason(self, section: str) -> str | None:
        """Return why a section cannot be used, or None."""
        if section not in self._sections.options:
            return f"there is no section [{section}]"
        return f"[{section}]: {self._bad[section]}" if section in self._bad else None

    def _of(self, prefix: str) -> dict[str, dict[str, str]]:
        sections = self._sections.options
        return {name.removeprefix(prefix): sections[name] for name in sections if name.startswith(prefix)}

    def _defined(self, prefix: str, make: Callable[[str, Mapping[str, str]], T]) -> dict[str, T]:
        made: dict[str, T] = {}
        for name, options in self._of(prefix).items():
            if f"{prefix}{name}" in self._bad:
                continue
            try:
                made[name] = make(name, options)
            except PackageProblem as problem:
                self._fault(f"{prefix}{name}", problem.sentence)
        return made

    def _fault(self, section: str, sentence: str) -> None:
        self._bad.setdefault(section, sentence)
        self._faults.append(Fault(self._sections.origins.get(section, ""), section, sentence))

    def _file(self, file_id: str, options: Mapping[str, str]) -> FirmwareFile:
        url, size = _required(options, "url", empty=True), _required(options, "size")
        if not (size.isascii() and size.isdigit()):
            raise DefinitionProblem("size must be a number of bytes")
        downloader = options.get("downloader", "default")
        if downloader not in DOWNLOADERS:
            raise DefinitionProblem(f"the downloader {downloader[:40]!r} is not known")
        name = options.get("filename") or url.rpartition("/")[2]
        check_file_name(name, public_url(url) if url else "the section")
        digests = self._digests(file_id, options)
        return FirmwareFile(
            id=file_id, wanted=WantedFile(name=name, url=url, size=int(size), digests=digests), downloader=downloader
        )

    def _digests(self, file_id: str, options: Mapping[str, str]) -> dict[str, str]:
        digests: dict[str, str] = {}
        for key, algorithm in (("sha1sum", "sha1"), ("sha256sum", "sha256")):
            value = options.get(key)
            if value is None:
                continue
            if key == "sha1sum" and len(value) == DIGEST_LENGTHS["md5"] and _HEX.fullmatch(value):
                algorithm = "md5"
                section = f"file_{file_id}"
                sentence = "sha1sum holds 32 digits and is taken for an MD5 digest"
                self._warnings.append(Fault(self._sections.origins.get(section, ""), section, sentence))
            if len(value) != DIGEST_LENGTHS[algorithm] or not _HEX.fullmatch(value):
                raise DefinitionProblem(f"{key} must hold {DIGEST_LENGTHS[algorithm]} hex digits")
            digests[algorithm] = value.lower()
        if not digests:
            raise DefinitionProblem("sha1sum is missing")
        return digests

    def _check_shared_names(self, files: Mapping[str, FirmwareFile]) -> None:
        first: dict[str, FirmwareFile] = {}
        for file in files.values():
            other = first.setdefault(file.wanted.name, file)
            if other is not file and other.wanted.digests != file.wanted.digests:
                sentence = f"[file_{other.id}] has the same file name {file.wanted.name} and another digest"
                self._fault(f"file_{file.id}", sentence)
                self._bad.setdefault(f"file_{other.id}", f"[file_{file.id}] has the same file name")

    def _check_dependencies(self, packages: dict[str, FirmwarePackage]) -> None:
        """Disable, until nothing changes, what needs something that is missing; then what needs itself."""
        while True:
            lacking = {
                package.id: depended
                for package in packages.values()
                for depended in package.depends
                if depended not in packages
            }
            if not lacking:
                break
            for package_id, depended in lacking.items():
                del packages[package_id]
                self._fault(f"pkg_{package_id}", f"it depends on {depended[:60]!r}, which cannot be installed")
        circular = [package_id for package_id in packages if _needs(packages, package_id, package_id)]
        for package_id in circular:
            del packages[package_id]
            self._fault(f"pkg_{package_id}", "it depends on itself")
        if circular:
            self._check_dependencies(packages)


def _needs(packages: Mapping[str, FirmwarePackage], start: str, wanted: str) -> bool:
    seen: set[str] = set()
    waiting = list(packages[start].depends)
    while waiting:
        package_id = waiting.pop()
        if package_id == wanted:
            return True
        if package_id not in seen:
            seen.add(package_id)
            waiting += packages[package_id].depends
    return False


class _Known(Generic[T]):
    """Sections of one kind, and why others of that kind are missing."""

    def __init__(self, definer: _Definer, prefix: str, made: Mapping[str, T]) -> None:
        self._definer = definer
        self._prefix = prefix
        self._made = made

    def get(self, name: str) -> T:
        reason = self._definer.reason(f"{self._prefix}{name}")
        if reason is not None:
            raise DefinitionProblem(reason)
        return self._made[name]


@frozen
class _Draft:
    id: str
    options: Mapping[str, str]

    def package(self, files: _Known[FirmwareFile], installs: _Known[InstallSteps]) -> FirmwarePackage:
        options = self.options
        check_file_name(self.id, "the package")
        if "id" in options:
            raise DefinitionProblem("the key id is not allowed")
        used = tuple(files.get(name) for name in options.get("files", "").split())
        return FirmwarePackage(
            id=self.id,
            version=_required(options, "version", empty=True),
            description=_required(options, "description"),
            descriptions={
                key.removeprefix("description_"): value
                for key, value in options.items()
                if key.startswith("description_")
            },
            files=used,
            plan=self._plan(used, installs),
            depends=tuple(options.get("depends", "").split()),
            other={key: value for key, value in options.items() if key not in _OWN_KEYS},
        )

    def _plan(self, files: tuple[FirmwareFile, ...], installs: _Known[InstallSteps]) -> Plan | None:
        words = self.options.get("install", "").split()
        if not words:
            return None
        return installs.get(words[0]).plan(files=[file.wanted.name for file in files], arguments=words[1:])


def _required(options: Mapping[str, str], key: str, *, empty: bool = False) -> str:
    value = options.get(key)
    if value is None or (not value and not empty):
        raise DefinitionProblem(f"{key} is missing")
    return value
