"""Building plugins: running the ``build.py`` of each family."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from provisiond.errors import PackageProblem
from provisiond.packages.archives import remove_tree, shown
from provisiond.packages.authoring.git import committed_time
from provisiond.packages.packing import source_time
from provisiond.packages.plugin_archive import is_plugin_id

BUILD_SCRIPT = "build.py"
STANDARD_DIRECTORIES = ("var", "var/cache", "var/installed", "var/templates", "var/tftpboot")
_STAGING = ".building-"

BuildFunction = Callable[[str], object]


@frozen
class Target:
    """One plugin that a family can build.

    :param id: name of the target within its family.
    :param plugin_id: the plugin it makes.
    :param standard_directories: whether ``var/`` and what belongs into it are made.
    :param function: fills the directory whose absolute path it gets.
    """

    id: str
    plugin_id: str
    standard_directories: bool
    function: BuildFunction


@define
class BuildReport:
    """What a build gave.

    :param built: ids of the plugins that were built, in order.
    :param problems: one sentence for each target or family that failed; it left no output.
    """

    built: list[str] = field(factory=list)
    problems: list[str] = field(factory=list)


def families(source: Path) -> tuple[str, ...]:
    """Return the names of the plugin families below ``source``, sorted."""
    return tuple(sorted(script.parent.name for script in source.glob(f"[!.]*/{BUILD_SCRIPT}")))


def read_targets(family: Path) -> dict[str, Target]:
    """Return the targets that a family's ``build.py`` declares, in its order.

    :param family: the family's directory. Its script runs with this as the current directory.
    :raises PackageProblem: when the script raises, declares a target twice, or names an impossible plugin id.
    """
    targets: dict[str, Target] = {}

    def target(target_id: str, plugin_id: str, std_dirs: bool = True) -> Callable[[BuildFunction], BuildFunction]:
        def register(function: BuildFunction) -> BuildFunction:
            if target_id in targets:
                raise PackageProblem(f"{family.name}: the target {shown(target_id)} is declared twice")
            if not is_plugin_id(plugin_id):
                raise PackageProblem(f"{family.name}: {shown(plugin_id)} cannot be the id of a plugin")
            targets[target_id] = Target(target_id, plugin_id, std_dirs, function)
            return function

        return register

    script = family / BUILD_SCRIPT
    namespace: dict[str, Any] = {"__name__": "build", "__file__": str(script), "target": target}
    try:
        code = compile(script.read_bytes(), str(script), "exec")
        with contextlib.chdir(family):
            exec(code, namespace)  # noqa: S102
    except PackageProblem:
        raise
    except Exception as error:
        raise PackageProblem(f"{family.name}: build.py raises {_told(error)}") from error
    return targets


def build(source: Path, destination: Path, family: str | None = None, targets: Sequence[str] = ()) -> BuildReport:
    """Build plugins, each into a directory of its own name.

    Targets that fail leave no output and do not stop the others. A build of everything also removes plugins that no
    family makes any more.

    :param source: directory of the families.
    :param destination: made if missing.
    :param family: build this family only; all when None.
    :param targets: ids of the targets of ``family`` to build; all when empty.
    :raises PackageProblem: when ``source`` holds no family, or an unknown one or an unknown target is asked for.
    """
    known = families(source)
    if not known:
        raise PackageProblem(f"{source} holds no plugin family (a directory with {BUILD_SCRIPT})")
    if family is not None and family.rstrip("/") not in known:
        raise PackageProblem(f"there is no plugin family {shown(family)} in {source}")
    destination.mkdir(parents=True, exist_ok=True)
    for leftover in destination.glob(f"{_STAGING}*"):
        remove_tree(leftover)
    report = BuildReport()
    for name in known if family is None else (family.rstrip("/"),):
        _build_family(source.absolute() / name, destination.absolute(), targets, report)
    if family is None and not report.problems:
        _remove_foreign(destination, report.built)
    return report


def _build_family(family: Path, destination: Path, wanted: Sequence[str], report: BuildReport) -> None:
    try:
        targets = read_targets(family)
    except PackageProblem as problem:
        report.problems.append(problem.sentence)
        return
    unknown = [target for target in wanted if target not in targets]
    if unknown:
        raise PackageProblem(
            f"{family.name} has no target {', '.join(map(shown, unknown))}; it has {', '.join(targets)}"
        )
    time = _time_of(family)
    for target_id in wanted or targets:
        target = targets[target_id]
        try:
            if target.plugin_id in report.built:
                raise PackageProblem(f"the plugin {target.plugin_id} is made twice")
            build_target(family, target, destination, time)
        except PackageProblem as problem:
            report.problems.append(f"{family.name}, target {target_id}: {problem.sentence}")
        else:
            report.built.append(target.plugin_id)


def _time_of(family: Path) -> int:
    """Return the time of the last commit where all is committed, so that two clones give the same bytes."""
    committed = None if os.environ.get("SOURCE_DATE_EPOCH") else committed_time(family)
    return source_time(family) if committed is None else committed


def build_target(family: Path, target: Target, destination: Path, time: int) -> Path:
    """Build one plugin and return its directory, which is replaced as a whole.

    :param time: seconds since 1970 that every file gets, so that packing is reproducible.
    :raises PackageProblem: when the target's function raises; then there is no output, not even of an earlier build.
    """
    output = destination / target.plugin_id
    remove_tree(output)
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=destination) as staging:
        directory = Path(staging, target.plugin_id)
        directory.mkdir()
        try:
            with contextlib.chdir(family):
                target.function(str(directory))
        except Exception as error:
            raise PackageProblem(f"the build function raises {_told(error)}") from error
        if target.standard_directories:
            for name in STANDARD_DIRECTORIES:
                (directory / name).mkdir(exist_ok=True)
        if not (directory / "plugin-info").is_file():
            raise PackageProblem("the build function made no plugin-info")
        _stamp(directory, time)
        directory.rename(output)
    return output


def _stamp(root: Path, time: int) -> None:
    for directory, directories, files in os.walk(root):
        for name in [*directories, *files]:
            os.utime(Path(directory, name), (time, time), follow_symlinks=False)


def _remove_foreign(destination: Path, built: Iterable[str]) -> None:
    kept = set(built)
    for path in destination.iterdir():
        if path.name not in kept and (path / "plugin-info").is_file():
            shutil.rmtree(path)


def _told(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
