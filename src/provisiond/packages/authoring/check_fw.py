"""Sizes and digests of firmware files, as text for ``pkgs.db`` or straight into it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from provisiond.errors import PackageProblem
from provisiond.model.operation import OperationProgress
from provisiond.packages.archives import shown
from provisiond.packages.authoring.definition_text import with_options
from provisiond.packages.digests import file_digests
from provisiond.packages.firmware.definitions import Definitions, FirmwareFile, define
from provisiond.packages.firmware.dialect import parse_sections
from provisiond.packages.wanted import WantedFile

if TYPE_CHECKING:
    from provisiond.packages.downloads import Downloads


@frozen
class Measured:
    """What was found out about a file."""

    name: str
    size: int
    sha1: str
    sha256: str


def measure(path: Path) -> Measured:
    """Return size and digests of a local file.

    :raises PackageProblem: when it cannot be read.
    """
    try:
        digests = file_digests(path, ("sha1", "sha256"))
        return Measured(path.name, path.stat().st_size, digests["sha1"], digests["sha256"])
    except OSError as error:
        raise PackageProblem(f"{path} cannot be read: {error.strerror}") from None


def definition_text(measured: Measured, *, section: str = "", url: str = "", sha256: bool = False) -> str:
    """Return the lines for ``pkgs.db``: by default exactly four.

    :param section: name of the section; by default the file's name.
    :param sha256: add a line with the SHA-256 digest.
    """
    lines = [
        f"[{section or measured.name}]",
        f"url: {url}",
        f"size: {measured.size}",
        f"sha1sum: {measured.sha1}",
        *([f"sha256sum: {measured.sha256}"] if sha256 else []),
    ]
    return "".join(f"{line}\n" for line in lines)


async def measure_url(url: str, downloads: Downloads, name: str | None = None) -> Measured:
    """Download a file, look at it, and forget it.

    :raises PackageProblem: when it cannot be downloaded.
    """
    with tempfile.TemporaryDirectory() as directory:
        wanted = WantedFile(name=name or "firmware", url=url, size=0)
        path = await downloads.fetch(wanted, Path(directory), OperationProgress, room=0, mirrored=False, remember=False)
        found = await downloads.run(measure, path)
    return Measured(name or url.rpartition("/")[2], found.size, found.sha1, found.sha256)


async def measure_file(file: FirmwareFile, downloads: Downloads, local: Path | None) -> Measured | None:
    """Return size and digests of a defined file: of the one in ``local``, else of what its URL gives.

    :return: None for a manual file that is not there.
    :raises PackageProblem: when it cannot be downloaded.
    """
    if local is not None and (local / file.wanted.name).is_file():
        return await downloads.run(measure, local / file.wanted.name)
    if file.is_manual:
        return None
    return await measure_url(file.wanted.url, downloads, file.wanted.name)


def parsed(text: str) -> Definitions:
    """Return what a definition file defines, wrong digests and sizes included."""
    sections = parse_sections(text, "pkgs.db")
    for name, options in sections.options.items():
        if name.startswith("file_"):
            # a file is looked at because its digest is wrong or missing
            options.update(size="0", sha1sum="0" * 40)
            options.pop("sha256sum", None)
    return define(sections)


@frozen
class Update:
    """What became of a definition file.

    :param text: its new content.
    :param changed: ids of the file sections whose size or digest changed.
    :param skipped: ids of manual files that were not there.
    :param problems: one sentence for each file that could not be looked at; its section is as it was.
    """

    text: str
    changed: tuple[str, ...]
    skipped: tuple[str, ...]
    problems: tuple[str, ...]


async def updated(
    text: str, downloads: Downloads, *, only: Sequence[str] = (), local: Path | None = None, sha256: bool = False
) -> Update:
    """Return a definition file with the sizes and digests that its files have now.

    :param only: ids of the file sections to look at; all when empty.
    :param local: a directory that is looked into first.
    :param sha256: write SHA-256 digests also where there was none.
    :raises PackageProblem: when ``only`` names a section that is not there or is defined wrongly.
    """
    files = parsed(text).files
    unknown = [name for name in only if name not in files]
    if unknown:
        raise PackageProblem(f"there is no usable section [file_{unknown[0][:60]}]")
    changed, skipped, problems = [], [], []
    for file_id in only or files:
        try:
            found = await measure_file(files[file_id], downloads, local)
        except PackageProblem as problem:
            problems.append(f"{file_id}: {problem.sentence}")
            continue
        if found is None:
            skipped.append(file_id)
            continue
        section = f"file_{file_id}"
        options = _options(parse_sections(text, "").options[section], found, sha256=sha256)
        if options:
            text = with_options(text, section, options)
            changed.append(file_id)
    return Update(text, tuple(changed), tuple(skipped), tuple(problems))


def _options(present: Mapping[str, str], found: Measured, *, sha256: bool) -> dict[str, str]:
    options = {"size": str(found.size)}
    if "sha1sum" in present or "sha256sum" not in present:
        options["sha1sum"] = found.sha1
    if sha256 or "sha256sum" in present:
        options["sha256sum"] = found.sha256
    return {name: value for name, value in options.items() if present.get(name, "").lower() != value}


def section_name(file_id: str) -> str:
    """Return the section of a file id as an author types it, with or without ``file_``.

    :raises PackageProblem: when it cannot be one.
    """
    if not file_id or "]" in file_id or not file_id.isprintable():
        raise PackageProblem(f"{shown(file_id)} cannot be the id of a file")
    return file_id if file_id.startswith("file_") else f"file_{file_id}"
