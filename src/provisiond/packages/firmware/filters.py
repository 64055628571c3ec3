"""The filters of the install language (firmware contract, section 2.4)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from provisiond.errors import PackageProblem
from provisiond.packages.archives import place_directory, place_file, problems_told, unpack_tar
from provisiond.packages.firmware.globs import checked_name, fits, matches
from provisiond.packages.firmware.plan import Argument, Step
from provisiond.packages.firmware.work import Work
from provisiond.packages.problems import DefinitionProblem, InstallationProblem
from provisiond.packages.zips import unpack_zip

_GZIP_MAGIC = b"\x1f\x8b"
_SIGNATURE_SIZE = 512
Patterns = tuple[str, ...]


@frozen
class _Filter:
    """What a filter takes and does.

    :param least: number of arguments at least.
    :param most: number of arguments at most, or None.
    :param check: looks at the arguments before anything runs.
    :param run: reads a directory and fills another.
    """

    least: int
    most: int | None
    check: Callable[[Sequence[Argument]], None]
    run: Callable[[Sequence[Argument], Path, Path, Work], None]


def check_arguments(name: str, arguments: Sequence[Argument]) -> None:
    """Refuse a filter that cannot run.

    :raises DefinitionProblem: for an unknown filter, a wrong number of arguments, or a name or pattern that leads out.
    """
    found = _FILTERS.get(name)
    if found is None:
        raise DefinitionProblem(f"the filter {name[:40]!r} is not known")
    count = len(arguments)
    if count < found.least or (found.most is not None and count > found.most):
        wanted = str(found.least) if found.least == found.most else f"at least {found.least}"
        raise DefinitionProblem(f"the filter {name} takes {wanted} argument(s), not {count}")
    found.check(arguments)


def run_step(step: Step, source: Path, destination: Path, work: Work) -> None:
    """Run one step; blocks.

    :param destination: an existing, empty directory.
    :raises InstallationProblem: when it cannot be done; the sentence names the step.
    """
    _FILTERS[step.filter].run(step.arguments, source, destination, work)


def _matched(patterns: Sequence[Argument], source: Path) -> list[Path]:
    found = [path for pattern in patterns for path in matches(source, pattern.pattern)]
    if not found:
        raise InstallationProblem(f"nothing matches {' '.join(pattern.text for pattern in patterns)[:200]!r}")
    return found


def _check_globs(arguments: Sequence[Argument]) -> None:
    for argument in arguments:
        checked_name(argument.pattern)


def _check_nothing(arguments: Sequence[Argument]) -> None:
    return None


# cp


def _copy(arguments: Sequence[Argument], source: Path, destination: Path, work: Work) -> None:
    found, target = _matched(arguments[:-1], source), arguments[-1].text
    parts = _parts(target)
    if target.endswith("/"):
        directory = place_directory(destination, parts)
        for path in found:
            _copy_into(path, directory, work)
        return
    if len(found) > 1:
        raise InstallationProblem(f"{len(found)} files match, but {target[:60]!r} is a single file")
    if found[0].is_dir():
        raise InstallationProblem(f"{found[0].name[:60]!r} is a directory, but {target[:60]!r} is a file")
    _copy_file(found[0], destination, parts, work)


def _copy_into(path: Path, directory: Path, work: Work) -> None:
    if not path.is_dir():
        _copy_file(path, directory, (path.name,), work)
        return
    if os.path.lexists(directory / path.name):
        raise InstallationProblem(f"the directory {path.name[:60]!r} exists already")
    _copy_tree(path, directory / path.name, work)


def _copy_tree(source: Path, target: Path, work: Work) -> None:
    work.member()
    target.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.is_dir():
            _copy_tree(entry, target / entry.name, work)
        else:
            _copy_file(entry, target, (entry.name,), work)


def _copy_file(path: Path, root: Path, parts: tuple[str, ...], work: Work) -> None:
    work.member()
    with path.open("rb") as stream:
        place_file(root, parts, stream, work, path.stat().st_mtime)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in checked_name(name).split("/") if part != ".")


def _check_copy(arguments: Sequence[Argument]) -> None:
    _check_globs(arguments[:-1])
    target = arguments[-1].text
    if ".." in target.split("/") or (checked_name(target) == "." and not target.endswith("/")):
        raise DefinitionProblem(f"{target[:60]!r} cannot be the target of a copy")


# unzip, untar, unrar, 7z


def _unpacking(
    unpack: Callable[[Path, Path, Work], None],
) -> Callable[[Sequence[Argument], Path, Path, Work], None]:
    def run(arguments: Sequence[Argument], source: Path, destination: Path, work: Work) -> None:
        for path in _matched(arguments, source):
            if not path.is_file():
                raise InstallationProblem(f"{path.name[:60]!r} is not a file")
            unpack(path, destination, work)

    return run


def _unzip(archive: Path, destination: Path, work: Work) -> None:
    unpack_zip(archive, destination, work.usage)


def _untar(archive: Path, destination: Path, work: Work) -> None:
    unpack_tar(archive, destination, work.usage, drop_dangling_links=True)


def _unrar(archive: Path, destination: Path, work: Work) -> None:
    # the program takes its last argument for a directory only with a slash at its end
    work.unpack_with(("unrar",), "unrar", ["e", "-idq", "-y", str(archive), f"{destination}/"], destination)


def _seven_zip(archive: Path, destination: Path, work: Work) -> None:
    arguments = ["e", "-bd", "-y", f"-o{destination}", str(archive)]
    work.unpack_with(("7zr", "7z", "7zz", "7za"), "7zip or p7zip", arguments, destination)


# unsign


def _unsign(arguments: Sequence[Argument], source: Path, destination: Path, work: Work) -> None:
    found = _matched(arguments[:1], source)
    if len(found) > 1 or not found[0].is_file():
        raise InstallationProblem(f"{arguments[0].text[:60]!r} must match exactly one file")
    parts = _parts(arguments[1].text)
    if not destination.joinpath(*parts[:-1]).is_dir():
        raise InstallationProblem(f"the directory of {arguments[1].text[:60]!r} does not exist")
    with found[0].open("rb") as stream:
        position = stream.read(_SIGNATURE_SIZE).find(_GZIP_MAGIC)
        if position < 0:
            raise InstallationProblem(f"{found[0].name[:60]!r} holds no gzip data in its first {_SIGNATURE_SIZE} bytes")
        stream.seek(position)
        work.member()
        place_file(destination, parts, stream, work, found[0].stat().st_mtime)


def _check_unsign(arguments: Sequence[Argument]) -> None:
    _check_globs(arguments[:1])
    if arguments[1].text.endswith("/") or checked_name(arguments[1].text) == ".":
        raise DefinitionProblem(f"{arguments[1].text[:60]!r} must be the name of a file")


# include, exclude, null


def _include(arguments: Sequence[Argument], source: Path, destination: Path, work: Work) -> None:
    patterns = tuple(argument.pattern for argument in arguments)
    _keep(_entries(source), source, destination, work, lambda name, inherited: inherited or fits(name, patterns))


def _exclude(arguments: Sequence[Argument], source: Path, destination: Path, work: Work) -> None:
    patterns = tuple(argument.pattern for argument in arguments)
    _keep(_entries(source), source, destination, work, lambda name, inherited: not fits(name, patterns))


def _entries(directory: Path) -> Iterator[Path]:
    return iter(sorted(directory.iterdir()))


def _keep(
    entries: Iterator[Path],
    source: Path,
    destination: Path,
    work: Work,
    is_kept: Callable[[str, bool], bool],
    inherited: bool = False,
) -> None:
    for entry in entries:
        relative = entry.relative_to(source)
        if not is_kept(relative.as_posix(), inherited):
            continue
        if entry.is_dir():
            work.member()
            place_directory(destination, relative.parts)
            _keep(_entries(entry), source, destination, work, is_kept, True)
        else:
            _copy_file(entry, destination, relative.parts, work)


def _null(arguments: Sequence[Argument], source: Path, destination: Path, work: Work) -> None:
    return None


def run_all(steps: Sequence[Step], nodes: Mapping[str, Path], work: Work) -> None:
    """Run steps in order; blocks.

    :param nodes: node name -> its directory; those that are written exist and are empty.
    :raises InstallationProblem: naming the step that failed.
    """
    for step in steps:
        work.check()
        try:
            with problems_told():
                run_step(step, nodes[step.source], nodes[step.destination], work)
        except PackageProblem as problem:
            where = f"step {step.source}-{step.destination} ({step.filter})"
            raise InstallationProblem(f"{where}: {problem.sentence}") from problem


_FILTERS: Mapping[str, _Filter] = {
    "cp": _Filter(2, None, _check_copy, _copy),
    "unzip": _Filter(1, 1, _check_globs, _unpacking(_unzip)),
    "untar": _Filter(1, 1, _check_globs, _unpacking(_untar)),
    "unrar": _Filter(1, 1, _check_globs, _unpacking(_unrar)),
    "7z": _Filter(1, 1, _check_globs, _unpacking(_seven_zip)),
    "unsign": _Filter(2, 2, _check_unsign, _unsign),
    "include": _Filter(1, None, _check_nothing, _include),
    "exclude": _Filter(1, None, _check_nothing, _exclude),
    "null": _Filter(0, 0, _check_nothing, _null),
}
