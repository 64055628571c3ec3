"""Every check of the contract has a test, and the table of them is right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
LAST = 49
ROW = re.compile(r"(\d+) \| ([\w/]+\.py)(\*?): ([\w ]+)")
MARK = 'pytestmark = pytest.mark.usefixtures("import_name")'


def rows() -> Iterator[tuple[int, str, bool, list[str]]]:
    for line in (TESTS / "data" / "legacy-checks.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            found = ROW.fullmatch(line)
            assert found is not None, line
            yield int(found[1]), found[2], bool(found[3]), found[4].split()


def test_every_check_has_a_test() -> None:
    assert {number for number, *_ in rows()} == set(range(1, LAST + 1))


@pytest.mark.parametrize("file", sorted({file for _, file, _, _ in rows()}))
def test_the_tests_of_the_table_are_there(file: str) -> None:
    text = (TESTS / file).read_text()
    defined = set(re.findall(r"^ *def (test_\w+)", text, re.MULTILINE))
    for _, name, _, tests in rows():
        if name == file:
            assert set(tests) <= defined


def test_files_that_run_under_both_names_are_marked_so() -> None:
    for _, file, both, _ in rows():
        assert (MARK in (TESTS / file).read_text()) is both, file


@pytest.mark.parametrize("file", sorted({file for _, file, _, _ in rows() if "legacy" in file}))
def test_tests_that_name_a_check_are_in_the_table(file: str) -> None:
    listed = {test for _, name, _, tests in rows() if name == file for test in tests}
    numbered = set(re.findall(r"^ *def (test_\d+_\w+)", (TESTS / file).read_text(), re.MULTILINE))
    unlisted = {name for name in numbered if not any(name.split("_")[1] == test.split("_")[1] for test in listed)}
    assert not unlisted
