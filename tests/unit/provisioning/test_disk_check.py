"""Directories that are full, read-only or gone are told, and are in order again afterwards."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support.provisioning import InlineThreads, run

from provisiond.provisioning import disk_check as module
from provisiond.provisioning.disk_check import MEBIBYTE, directory_trouble, disk_check

NAME = "general.state_dir"


@pytest.fixture(autouse=True)
def _roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    _room(monkeypatch)


def _room(monkeypatch: pytest.MonkeyPatch, free: int = 5_000, total: int = 10_000, files: int = 900) -> None:
    found = SimpleNamespace(f_bavail=free, f_blocks=total, f_frsize=MEBIBYTE, f_files=1_000, f_favail=files)
    monkeypatch.setattr(module.os, "statvfs", lambda path: found)


def test_a_good_directory_is_left_as_it_was(tmp_path: Path) -> None:
    assert run(disk_check(NAME, tmp_path, InlineThreads())()) == ()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("free", "total", "files", "words"),
    [
        (499, 10_000, 900, "499 MiB of 10000 MiB are left"),
        (501, 10_000, 900, None),
        (1_000, 1_000_000, 900, "1000 MiB of 1000000 MiB are left"),
        (1_025, 1_000_000, 900, None),
        (5_000, 10_000, 49, "room for 49 more files only is left"),
    ],
)
def test_little_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, total: int, files: int, words: str | None
) -> None:
    _room(monkeypatch, free, total, files)
    trouble = directory_trouble(NAME, tmp_path)
    assert (trouble is None) if words is None else (trouble is not None and trouble.sentence == f"{NAME}: {words}")


def test_file_systems_without_a_number_of_files_are_not_low_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(f_bavail=5_000, f_blocks=10_000, f_frsize=MEBIBYTE, f_files=0, f_favail=0)
    monkeypatch.setattr(module.os, "statvfs", lambda path: found)
    assert directory_trouble(NAME, tmp_path) is None


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EROFS, "disk-read-only"),
        (errno.EACCES, "directory-unwritable"),
        (errno.EIO, "directory-unwritable"),
        (errno.EMFILE, None),
    ],
)
def test_what_the_system_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str | None
) -> None:
    def refuse(self: Path, data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", refuse)
        trouble = directory_trouble(NAME, tmp_path)
    assert (trouble.code if trouble else None) == code
    assert trouble is None or (str(tmp_path) not in trouble.sentence and NAME in trouble.sentence)
    assert directory_trouble(NAME, tmp_path) is None


def test_a_directory_that_is_gone_and_comes_back(tmp_path: Path) -> None:
    place = tmp_path / "there"
    trouble = directory_trouble(NAME, place)
    assert trouble is not None
    assert trouble.code == "directory-unwritable"
    place.mkdir()
    assert directory_trouble(NAME, place) is None
