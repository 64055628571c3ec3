"""A new firmware version of a family: what the founding guide does in seven steps by hand."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field

from provisiond.errors import PackageProblem
from provisiond.packages.archives import remove_tree, shown
from provisiond.packages.authoring.build import BUILD_SCRIPT, read_targets
from provisiond.packages.authoring.build_script import function_lines
from provisiond.packages.authoring.check_fw import updated
from provisiond.packages.authoring.sources import family_directory, with_version
from provisiond.packages.firmware.dialect import parse_sections

if TYPE_CHECKING:
    from provisiond.packages.downloads import Downloads

_REWRITTEN = ("entry.py", "plugin-info")
_DEFINITIONS = "pkgs/pkgs.db"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


@define
class BumpReport:
    """What was done.

    :param directory: of the new version.
    :param plugin_id: the plugin it makes.
    :param changed: ids of the files whose size or digest was written.
    :param unchecked: ids of the files whose size and digest are still those of the old version.
    :param mentions: further files of the new directory that name the old version; for the author to look at.
    """

    directory: Path
    plugin_id: str
    changed: list[str] = field(factory=list)
    unchecked: list[str] = field(factory=list)
    mentions: list[str] = field(factory=list)


async def bump(
    source: Path, family: str, old: str, new: str, *, downloads: Downloads | None, local: Path | None = None
) -> BumpReport:
    """Make the directory ``new`` of a family from ``old``, and the target that builds it.

    On failure nothing is changed.

    :param downloads: fetches the new files to learn their sizes and digests; None leaves those of the old version.
    :param local: a directory that is looked into before anything is downloaded.
    :raises PackageProblem: when the old version is not there, the new one is, ``build.py`` has no function for the old
        one, or a file cannot be downloaded.
    """
    root = family_directory(source, family)
    if not (root / old / "plugin-info").is_file():
        raise PackageProblem(f"{root.name} has no version {shown(old)}")
    if new in ("", ".", "..") or "/" in new or new.startswith(".") or not new.isprintable():
        raise PackageProblem(f"{shown(new)} cannot be the name of a version")
    if (root / new).exists():
        raise PackageProblem(f"{root.name} has the version {new} already")
    script, plugin_id = _with_target(root, old, new)
    staging = Path(tempfile.mkdtemp(prefix=".bumping-", dir=root))
    try:
        tree = staging / new
        shutil.copytree(root / old, tree, ignore=_IGNORED, symlinks=True)
        report = BumpReport(root / new, plugin_id)
        _rewrite(tree, old, new)
        await _update_definitions(tree, root / old, report, downloads, local)
        report.mentions = _mentions(tree, old, new)
        tree.rename(root / new)
        _replace_script(root, script, new, plugin_id)
    finally:
        remove_tree(staging)
    return report


def _rewrite(tree: Path, old: str, new: str) -> None:
    for name in (*_REWRITTEN, _DEFINITIONS):
        path = tree / name
        if path.is_file():
            path.write_text(with_version(path.read_text("utf-8"), old, new), "utf-8")


async def _update_definitions(
    tree: Path, before: Path, report: BumpReport, downloads: Downloads | None, local: Path | None
) -> None:
    path = tree / _DEFINITIONS
    if not path.is_file():
        return
    text = path.read_text("utf-8")
    former = parse_sections((before / _DEFINITIONS).read_text("utf-8"), "").options
    touched = [
        section.removeprefix("file_")
        for section, options in parse_sections(text, "").options.items()
        if section.startswith("file_") and options != former.get(section)
    ]
    if downloads is None:
        report.unchecked = touched
        return
    if not touched:
        return
    update = await updated(text, downloads, only=touched, local=local)
    if update.problems:
        raise PackageProblem("; ".join(update.problems))
    path.write_text(update.text, "utf-8")
    report.changed = list(update.changed)
    report.unchecked = list(update.skipped)


def _with_target(root: Path, old: str, new: str) -> tuple[str, str]:
    """Return ``build.py`` with the old version's function repeated for the new one, and the new plugin's id."""
    targets = read_targets(root)
    if old not in targets:
        raise PackageProblem(f"build.py of {root.name} has no target {shown(old)}")
    if new in targets:
        raise PackageProblem(f"build.py of {root.name} has a target {shown(new)} already")
    plugin_id = with_version(targets[old].plugin_id, old, new)
    if plugin_id in {target.plugin_id for target in targets.values()}:
        raise PackageProblem(
            f"the plugin id {targets[old].plugin_id} does not hold the version, so it cannot be raised"
        )
    text = (root / BUILD_SCRIPT).read_text("utf-8")
    lines = text.splitlines(keepends=True)
    first, last = function_lines(text, old, root.name)
    copy = with_version("".join(lines[first:last]), old, new)
    if not copy.endswith("\n"):
        lines[last - 1] += "\n"
        copy += "\n"
    return "".join([*lines[:last], "\n\n", copy, *lines[last:]]), plugin_id


def _replace_script(root: Path, text: str, new: str, plugin_id: str) -> None:
    path = root / BUILD_SCRIPT
    before = path.read_text("utf-8")
    path.write_text(text, "utf-8")
    try:
        if read_targets(root)[new].plugin_id != plugin_id:
            raise PackageProblem(f"build.py of {root.name} cannot be extended; add the target by hand")
    except (PackageProblem, KeyError):
        path.write_text(before, "utf-8")
        remove_tree(root / new)
        raise


def _mentions(tree: Path, old: str, new: str) -> list[str]:
    found = []
    for path in sorted(tree.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if with_version(text, old, new) != text:
            found.append(path.relative_to(tree).as_posix())
    return found
