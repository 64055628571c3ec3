"""Lines for a reader that may be slow, hang, or be gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from queue import Queue

import pytest

from provisiond.line_writing import LineWriting

SOON = 60


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    ends = list(os.pipe())
    yield ends
    for fd in ends:
        os.close(fd)


def read(fd: int, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += os.read(fd, size - len(got))
    return got


def filled(fd: int) -> int:
    """Write until there is no room; return how much it was."""
    os.set_blocking(fd, False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            count += os.write(fd, b"y" * 4_096)
    os.set_blocking(fd, True)
    return count


@pytest.mark.parametrize("blocking", [True, False])
def test_all_lines_arrive_in_their_order(pipe: list[int], blocking: bool) -> None:
    os.set_blocking(pipe[1], blocking)
    lines = LineWriting(pipe[1], lambda count: None)
    written = [f"line {number} \u00fc\n" for number in range(3_000)]
    for line in written:
        lines.write(line)
    expected = "".join(written).encode()
    assert read(pipe[0], len(expected)) == expected
    assert lines.finish(SOON)


def test_nobody_waits_for_a_reader_that_hangs_and_it_is_told_what_it_missed(pipe: list[int]) -> None:
    told: Queue[int] = Queue()
    full = filled(pipe[1])
    lines = LineWriting(pipe[1], told.put, most=100)
    for _ in range(1_000):
        lines.write("x" * 999 + "\n")
    assert not lines.finish(0.01)
    # It reads again.
    read(pipe[0], full)
    left_out = told.get(timeout=SOON)
    # One piece was being written, and 100 lines waited.
    assert 896 <= left_out <= 900
    read(pipe[0], (1_000 - left_out) * 1_000)
    assert lines.finish(SOON)
    lines.write("and on\n")
    assert read(pipe[0], 7) == b"and on\n"


def test_a_reader_that_is_gone_costs_nothing(pipe: list[int]) -> None:
    lines = LineWriting(pipe[1], lambda count: None)
    os.close(pipe[0])
    pipe[0] = os.open(os.devnull, os.O_RDONLY)
    for _ in range(100):
        lines.write("nobody\n")
    assert lines.finish(SOON)


PROGRAM = """
import sys
from twisted.logger import Logger
from provisiond.logs import start_logging
start_logging(sys.stderr, level="info", form="text")
for number in range(int(sys.argv[1])):
    Logger("provisiond.x").info("line {number} " + 500 * "x", number=number)
"""


def test_a_program_that_ends_has_written_its_last_line() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, "1000"], capture_output=True, check=True, timeout=SOON)
    assert [line.split()[3:5] for line in done.stderr.splitlines()] == [
        [b"line", str(number).encode()] for number in range(1_000)
    ]


def test_a_program_whose_lines_nobody_reads_ends_all_the_same() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, "1000"], stderr=subprocess.PIPE) as program:
        assert program.wait(SOON) == 0
