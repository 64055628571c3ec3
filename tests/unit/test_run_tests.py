"""The runner of the whole suite: every file once, in pieces of about equal length, and failures told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts import run_tests

FILES = run_tests.test_files([run_tests.ROOT / "tests"])


@given(count=st.integers(1, 40), first=st.integers(0, 20), last=st.integers(21, 200))
def test_each_file_is_in_one_piece(count: int, first: int, last: int) -> None:
    files = FILES[first:last]
    cut = run_tests.pieces(files, count)
    assert sorted(file for piece in cut for file in piece) == sorted(files)
    assert all(cut)
    assert len(cut) <= count


def test_the_longest_pieces_come_first() -> None:
    weights = [sum(map(run_tests.weight, piece)) for piece in run_tests.pieces(FILES, run_tests.PIECES)]
    assert weights == sorted(weights, reverse=True)


def test_no_piece_is_much_longer_than_another() -> None:
    weights = [sum(map(run_tests.weight, piece)) for piece in run_tests.pieces(FILES, 8)]
    assert max(weights) < 2 * sum(weights) / len(weights)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ('<testsuites><testsuite tests="7" failures="1" errors="2" skipped="1"/></testsuites>',
         "1 failed, 3 passed, 1 skipped, 2 errors"),
        ('<testsuites><testsuite tests="3" failures="0" errors="0" skipped="0"/></testsuites>', "3 passed"),
        (None, "no report"),
    ],
)  # fmt: skip
def test_outcomes_are_told_in_words(tmp_path: Path, report: str | None, words: str) -> None:
    if report is not None:
        (tmp_path / "x.xml").write_text(report)
    assert run_tests.told(run_tests.counted(tmp_path / "x.xml")) == words


@pytest.mark.parametrize(("body", "status"), [("assert True", 0), ("assert False, 'why it fails'", 1)])
def test_a_failure_is_shown_and_is_the_exit_status(tmp_path: Path, body: str, status: int) -> None:
    for name in ("bench", "scripts"):
        (tmp_path / name).mkdir()
    script = tmp_path / "scripts" / "run_tests.py"
    script.write_bytes(Path(run_tests.__file__).read_bytes())
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "tests" / "unit" / "test_one.py").write_text(f"def test_one():\n    {body}\n")
    (tmp_path / "tests" / "unit" / "test_other.py").write_text("def test_other():\n    pass\n")
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert ("why it fails" in ran.stdout) == bool(status)
    last = ran.stdout.rstrip().splitlines()[-1]
    assert last.startswith("=")
    assert ("1 failed, 1 passed" if status else "2 passed") in last
