"""Was a version raised wherever a plugin changed? Servers cache archives by file name."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from provisiond.errors import PackageProblem
from provisiond.model.versions import version_key
from provisiond.packages.authoring.build import BUILD_SCRIPT, families
from provisiond.packages.authoring.build_script import is_target, target_functions
from provisiond.packages.authoring.git import git
from provisiond.packages.authoring.sources import version_directories
from provisiond.packages.packing import is_left_out
from provisiond.packages.plugin_archive import INFO_NAME

_SHARED = "common"
_SHOWN = 3


def lint(source: Path, revision: str) -> list[str]:
    """Return one sentence for each plugin that changed since a revision without a greater version.

    Files that are not committed count as well; files that never go into an archive don't.

    :param source: directory of the families, inside a git work tree.
    :param revision: what git takes for a commit.
    :raises PackageProblem: when git is missing, or does not know the revision.
    """
    # a revision that begins with a hyphen would be an option of git
    if not revision or revision.startswith("-"):
        raise PackageProblem("the revision must be one that git knows, such as main or a tag")
    git(source, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    changed = _changed(source, revision)
    problems: list[str] = []
    for family in families(source):
        paths = [path for path in changed if path.parts[0] == family]
        for directory in version_directories(source / family):
            own = [path for path in paths if _concerns(source, revision, path, directory.name)]
            if own:
                problems += _unraised(source, directory, revision, own)
    return problems


def _concerns(source: Path, revision: str, path: PurePosixPath, version: str) -> bool:
    """Tell whether a changed file, relative to the sources, changes the plugin of a version directory."""
    inside = path.parts[1:]
    if inside == (BUILD_SCRIPT,):
        return _is_built_otherwise(source, revision, path, version)
    if inside[0] not in (version, _SHARED):
        return False
    last = len(inside) - 1
    return not any(is_left_out(part, is_directory=number < last) for number, part in enumerate(inside))


def _is_built_otherwise(source: Path, revision: str, script: PurePosixPath, version: str) -> bool:
    """Tell whether a changed build script makes a version in another way; targets added for others do not count."""
    try:
        before = ast.parse(git(source, "show", f"{revision}:./{script}"))
        now = ast.parse((source / script).read_bytes())
    except (PackageProblem, OSError, SyntaxError, ValueError):
        return True
    return _recipe(before, version) != _recipe(now, version)


def _recipe(script: ast.Module, version: str) -> list[str]:
    others = [
        function
        for function in target_functions(script)
        if not any(is_target(decorator, version) for decorator in function.decorator_list)
    ]
    return [ast.dump(node) for node in script.body if node not in others]


def _unraised(source: Path, directory: Path, revision: str, paths: Sequence[PurePosixPath]) -> list[str]:
    name = directory.relative_to(source).as_posix()
    before = _version_then(source, f"{name}/{INFO_NAME}", revision)
    if before is None:
        return []
    try:
        now = str(json.loads((directory / INFO_NAME).read_bytes())["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{name}: plugin-info holds no version"]
    if version_key(now) > version_key(before):
        return []
    listed = ", ".join(path.as_posix() for path in paths[:_SHOWN]) + (" …" if len(paths) > _SHOWN else "")
    compared = "still" if version_key(now) == version_key(before) else f"lower than {before}:"
    return [f"{name}: {listed} changed since {revision}, but the version is {compared} {now}"]


def _version_then(source: Path, name: str, revision: str) -> str | None:
    """Return the version that a ``plugin-info`` held, or None when it was not there."""
    try:
        text = git(source, "show", f"{revision}:./{name}")
        return str(json.loads(text)["version"])
    except (PackageProblem, ValueError, KeyError, TypeError):
        return None


def _changed(source: Path, revision: str) -> list[PurePosixPath]:
    differing = git(source, "diff", "--name-only", "--relative", "--no-renames", "-z", revision, "--", ".")
    untracked = git(source, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    return sorted(set(_paths(differing)) | set(_paths(untracked)))


def _paths(output: str) -> Iterable[PurePosixPath]:
    return (path for path in map(PurePosixPath, filter(None, output.split("\0"))) if len(path.parts) > 1)
