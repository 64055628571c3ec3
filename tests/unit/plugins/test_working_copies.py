"""Copies that plugins run from, and the signatures that tell when a source changed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisiond.plugins.revisions import revision_of, static_state
from provisiond.plugins.working_copies import WorkingCopies, signature_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    plugin = tmp_path / "plugins" / "demo-1.0"
    for name in ("entry.py", "plugin-info", "templates/a.tpl", "var/templates/b.tpl", "sub/more.py"):
        put(plugin / name, name)
    for name in ("var/tftpboot/fw.bin", "var/installed/x", "pkgs/pkgs.db", "tests/t.py", ".git/x", "__pycache__/x.pyc"):
        put(plugin / name, name)
    return plugin


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def files(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_a_copy_holds_what_runs_and_keeps_it(source: Path, tmp_path: Path) -> None:
    copies = WorkingCopies(tmp_path / "copies")
    copy, revision = copies.take(source, 2026)
    assert copy.name == "demo-1.0"
    assert files(copy) == ["entry.py", "plugin-info", "sub/more.py", "templates/a.tpl", "var/templates/b.tpl"]
    assert revision == revision_of(source, 2026) == revision_of(copy, 2026)
    (source / "entry.py").write_text("edited")
    assert (copy / "entry.py").read_text() == "entry.py"
    assert copies.take(source, 2026)[1] != revision
    (source / "entry.py").write_text("entry.py")
    assert copies.take(source, 2026) == (copy, revision)


def test_copies_of_other_revisions_go(source: Path, tmp_path: Path) -> None:
    copies = WorkingCopies(tmp_path / "copies")
    first, _ = copies.take(source, 2026)
    other, _ = copies.take(source.rename(source.with_name("demo-1.0.1")), 2026)
    (other.parents[2] / "plugins/demo-1.0.1").rename(source)
    (source / "entry.py").write_text("edited")
    second, _ = copies.take(source, 2026)
    copies.keep_only("demo-1.0", second)
    assert [path.is_dir() for path in (first, second, other)] == [False, True, True]
    copies.keep_only("demo-1.0", None)
    assert [path.is_dir() for path in (second, other)] == [False, True]
    copies.clear()
    assert not (tmp_path / "copies").exists()
    copies.clear()


def test_a_source_that_is_gone_cannot_be_copied(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="demo"):
        WorkingCopies(tmp_path / "copies").take(tmp_path / "demo", 2026)
    assert list((tmp_path / "copies").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["entry.py", "templates/a.tpl", "var/templates/b.tpl", "sub/more.py", "new.py", "x/new.py"]
)
def test_the_signature_follows_code_and_templates(source: Path, name: str) -> None:
    before = signature_of(source)
    assert before == signature_of(source)
    status = os.stat(source / name) if (source / name).exists() else None
    put(source / name, "x" * len(name))
    if status is not None:
        # an editor, or rsync, that keeps the times
        os.utime(source / name, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = signature_of(source)
    assert after != before
    (source / name).unlink()
    assert signature_of(source) not in (after, None)


@pytest.mark.parametrize(
    "name", ["var/tftpboot/fw.bin", "var/installed/y", "pkgs/pkgs.db", "tests/t.py", ".x.swp", "__pycache__/y.pyc"]
)
def test_the_signature_ignores_everything_else(source: Path, name: str) -> None:
    before = signature_of(source)
    put(source / name, "something else")
    assert signature_of(source) == before


def test_a_file_that_may_not_be_looked_at_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("templates/a.tpl", "var/tftpboot/a"):
        put(tmp_path / name, "1")
        put(tmp_path / f"{name}-locked", "1")
    for word in ("stat", "lstat"):
        monkeypatch.setattr(os, word, refusing(getattr(os, word)))
    states = signature_of(tmp_path), static_state(tmp_path)
    for name in ("templates/a.tpl", "var/tftpboot/a"):
        put(tmp_path / name, "22")
    assert not set(states) & {signature_of(tmp_path), static_state(tmp_path)}


def refusing(look: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    def looked(path: Any, **more: Any) -> os.stat_result:
        if str(path).endswith("-locked"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return look(path, **more)

    return looked


def test_there_is_no_signature_of_nothing(tmp_path: Path) -> None:
    assert signature_of(tmp_path / "demo") is None
