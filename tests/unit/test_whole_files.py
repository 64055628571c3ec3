from __future__ import annotations

import os
from pathlib import Path

import pytest

from provisiond.whole_files import write_json, write_whole


def test_a_file_is_written_and_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "note"
    for content in (b"first", b"second", b""):
        write_whole(path, content)
        assert path.read_bytes() == content
    write_json(path, {"a": ["é", None]})
    assert path.read_text() == '{"a": ["\\u00e9", null]}'
    assert os.listdir(tmp_path) == ["note"]


@pytest.mark.parametrize("mask", [0o000, 0o027, 0o077])
def test_permissions_are_those_wanted_whatever_was_there(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        for mode, found in ((0o600, 0o600), (0o644, 0o644), (None, 0o666 & ~mask)):
            write_whole(tmp_path / "note", b"x", mode)
            assert (tmp_path / "note").stat().st_mode & 0o777 == found
    finally:
        os.umask(before)


@pytest.mark.parametrize("failing", ["fsync", "fchmod"])
def test_what_fails_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    def refused(*_: object) -> None:
        assert (tmp_path / "note").read_bytes() == b"old"
        raise OSError(28, "No space left on device")

    (tmp_path / "note").write_bytes(b"old")
    monkeypatch.setattr(os, failing, refused)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "note", b"new", 0o600)
    assert (tmp_path / "note").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["note"]


def test_a_document_that_is_none_touches_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(tmp_path / "note", {"a": object()})
    assert os.listdir(tmp_path) == []


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "note", b"x")
