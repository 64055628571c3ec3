"""Source trees of extensions: which form, which metadata, and nothing in them that leads out."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from provisiond.errors import InvalidInput
from provisiond.extensions.metadata import Metadata, parse_metadata
from provisiond.extensions.problems import ExtensionProblem, InvalidMetadata
from provisiond.paths import contained

RULES_METADATA: Final = "wazo/plugin.yml"
RULES: Final = "wazo/rules"
MAKE_METADATA: Final = ("package.yml", "plugin.yml")
# in the order in which make looks for them
MAKEFILES: Final = ("GNUmakefile", "makefile", "Makefile")
MAX_MEMBERS: Final = 20_000
MAX_BYTES: Final = 1 << 30
_MAX_METADATA: Final = 64 * 1024 + 1
_MAX_MAKEFILE: Final = 1 << 20
_INCLUDE: Final = re.compile(r"^ *(?:-include|s?include)\s", re.MULTILINE)
_TARGET: Final = r"^(?:[^\t#\n=:]*\s)?{name}(?:\s[^\t#\n=:]*)?\s*::?(?!=)"
_RULE: Final = re.compile(r"^[^\s#=:][^=:]*::?(?!=)")


@frozen
class Tree:
    """A source tree that was read."""

    path: Path
    metadata: Metadata


def subdirectory_of(root: Path, name: str | None) -> Path:
    """Return a directory of a tree.

    :raises ExtensionProblem: when it is not there, or not inside the tree.
    """
    if not name:
        return root
    try:
        path = contained(root, name)
    except InvalidInput:
        raise ExtensionProblem("the subdirectory leads out of the tree") from None
    if name.startswith("/") or not path.is_dir():
        raise ExtensionProblem("there is no such subdirectory")
    return path


def read_tree(path: Path) -> Tree:
    """Return what a directory holds; ``wazo/plugin.yml`` wins over ``package.yml``. Blocks.

    :raises ExtensionProblem: when it is no source tree of an extension.
    """
    if (path / RULES_METADATA).is_file():
        return Tree(path, parse_metadata(_read(path / RULES_METADATA, _MAX_METADATA), "rules"))
    metadata = next((path / name for name in MAKE_METADATA if (path / name).is_file()), None)
    if metadata is None or makefile_of(path) is None:
        raise ExtensionProblem(
            "there is no metadata: the tree must hold package.yml and a Makefile, or wazo/plugin.yml and wazo/rules"
        )
    return Tree(path, parse_metadata(_read(metadata, _MAX_METADATA), "make"))


def identity_of(files: Mapping[str, bytes]) -> tuple[str, str]:
    """Return id in the package API and version, from the metadata files of a package by name.

    :raises ExtensionProblem: when they break a rule.
    """
    if RULES_METADATA in files:
        found = parse_metadata(files[RULES_METADATA], "rules")
    else:
        found = parse_metadata(next(files[name] for name in MAKE_METADATA if name in files), "make")
    return found.package_id, found.version


def makefile_of(path: Path) -> Path | None:
    """Return the file that make would read."""
    return next((path / name for name in MAKEFILES if (path / name).is_file()), None)


def check_commands(tree: Tree) -> None:
    """Refuse a tree whose commands cannot work, before anything is run. Blocks.

    :raises InvalidMetadata: naming the file.
    """
    if tree.metadata.form == "rules":
        rules = tree.path / RULES
        if rules.is_symlink() or not rules.is_file() or not os.access(rules, os.X_OK):
            raise InvalidMetadata(RULES, "must be an executable file", "type", "file")
        return
    makefile = makefile_of(tree.path)
    assert makefile is not None
    check_makefile(_read(makefile, _MAX_MAKEFILE).decode("utf-8", "replace"))


def check_makefile(text: str) -> None:
    """Refuse a Makefile without the targets, or with blanks before its recipes.

    :raises InvalidMetadata: on ``Makefile``.
    """
    for number, line in _spaced_recipes(text):
        raise InvalidMetadata("Makefile", f"line {number} begins with blanks instead of a tab", "tabs", line[:80])
    if _INCLUDE.search(text):
        return
    for name in ("install", "uninstall"):
        if not re.search(_TARGET.format(name=name), text, re.MULTILINE):
            raise InvalidMetadata("Makefile", f"there is no target {name}", "targets", ["install", "uninstall"])


def _spaced_recipes(text: str) -> list[tuple[int, str]]:
    found, inside, continued = [], False, False
    for number, line in enumerate(text.splitlines(), start=1):
        if inside and not continued and line.startswith(" ") and line.strip() and not line.lstrip().startswith("#"):
            found.append((number, line))
        elif not continued and line and not line[0].isspace() and not line.startswith("#"):
            inside = _RULE.match(line) is not None
        continued = line.endswith("\\")
    return found


def check_tree(root: Path) -> None:
    """Refuse a tree that holds anything but files, directories and links that stay inside. Blocks.

    :raises ExtensionProblem: naming the first thing that is not allowed.
    """
    top, members, size = root.resolve(), 0, 0
    for directory, directories, files in os.walk(root):
        for name in [*directories, *files]:
            path = Path(directory, name)
            status = path.lstat()
            members, size = members + 1, size + status.st_size
            if not _is_allowed(path, status.st_mode, top):
                raise ExtensionProblem(
                    f"{ascii(str(path.relative_to(root))[:80])[1:-1]} is not allowed in an extension"
                )
            if members > MAX_MEMBERS or size > MAX_BYTES:
                raise ExtensionProblem("the tree holds more than 20,000 entries or 1 GiB")


def _is_allowed(path: Path, mode: int, top: Path) -> bool:
    if stat.S_ISLNK(mode):
        target = os.readlink(path)
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError):
            return False
        return not target.startswith("/") and (resolved == top or top in resolved.parents)
    return stat.S_ISDIR(mode) or (stat.S_ISREG(mode) and not mode & (stat.S_ISUID | stat.S_ISGID))


def copy_tree(source: Path, target: Path) -> None:
    """Copy a directory as it is; what is not allowed is refused before. Blocks.

    :raises ExtensionProblem: when it cannot be read, or is refused.
    """
    try:
        check_tree(source)
        shutil.copytree(source, target, symlinks=True)
    except (OSError, shutil.Error):
        raise ExtensionProblem(
            "the directory cannot be copied: it is not there, or the server may not read it"
        ) from None


def only_directory(root: Path) -> Path:
    """Return the one directory that an archive holds, or its root when it holds more or has metadata at the top."""
    entries = [path for path in root.iterdir() if path.name not in ("info.json", "icon.png")]
    alone = len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink()
    return entries[0] if alone and entries[0].name != "wazo" else root


def remover(path: Path) -> Callable[[], None]:
    """Return what removes a tree, whatever it holds."""

    def remove() -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    return remove


def _read(path: Path, limit: int) -> bytes:
    if path.is_symlink():
        raise ExtensionProblem(f"{path.name} must not be a link")
    with path.open("rb") as stream:
        return stream.read(limit)
