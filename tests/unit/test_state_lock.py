from __future__ import annotations

from pathlib import Path

import pytest

from provisiond.errors import StartProblem
from provisiond.state_lock import StateLock


def test_one_server_for_one_directory(tmp_path: Path) -> None:
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.take()
    with pytest.raises(StartProblem, match="another provisiond uses"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_releasing_what_was_never_taken_is_nothing(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    lock.release()
    lock.take()
    lock.release()
    lock.release()


def test_a_directory_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(StartProblem, match="cannot be locked"):
            StateLock(wrong).take()
