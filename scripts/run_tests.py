#!/usr/bin/env python3
"""Runs the whole test suite in pieces, as many at once as there are processors, and tells the sum.

Usage: run_tests.py [TEST FILE OR DIRECTORY ...]

The suite spends most of its time in servers that it starts; one process after the other leaves all processors but one
idle. Each piece is one `pytest` of its own under `coverage`; what a piece with failures printed is shown whole, and the
last line is the sum of all pieces in pytest's own form.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
PIECES = 16
AT_ONCE = min(os.cpu_count() or 1, 4)
PATIENCE = 45 * 60.0
WEIGHTS = {"integration": 10, "contract": 3}
KINDS = ("failures", "errors", "skipped")
WORDS = {"failures": "failed", "passed": "passed", "skipped": "skipped", "errors": "errors"}


@dataclass(frozen=True)
class Outcome:
    """What one piece of the suite came to: how many tests of each outcome, and what it printed."""

    name: str
    good: bool
    counts: dict[str, int]
    printed: str
    seconds: float


def test_files(places: Iterable[Path]) -> list[Path]:
    """Every test file of these files and directories, in order.

    Args:
        places: files and directories.
    """
    return [file for place in places for file in (sorted(place.rglob("test_*.py")) if place.is_dir() else [place])]


def weight(file: Path) -> int:
    """How long a file's tests take, roughly: its lines, more for those that start servers.

    Args:
        file: a test file.
    """
    kind = file.resolve().relative_to(ROOT / "tests").parts[0]
    return len(file.read_bytes().splitlines()) * WEIGHTS.get(kind, 1)


def pieces(files: Sequence[Path], count: int) -> list[list[Path]]:
    """The files in at most `count` pieces of neighbours that take about as long as each other, the longest first.

    Args:
        files: the test files; no piece is empty, each file is in exactly one.
        count: 1 or more.
    """
    total = sum(map(weight, files))
    cut: list[list[Path]] = []
    done = 0
    for file in files:
        if not cut or done * count >= total * len(cut):
            cut.append([])
        cut[-1].append(file)
        done += weight(file)
    return sorted(cut, key=lambda piece: -sum(map(weight, piece)))


def counted(report: Path) -> dict[str, int]:
    """How many tests of each outcome pytest's own report tells; nothing when there is none.

    Args:
        report: where pytest wrote its JUnit report.
    """
    if not report.exists():
        return {}
    suite = ElementTree.parse(report).getroot().find("testsuite")  # noqa: S314  (pytest wrote it)
    told = {kind: int(suite.get(kind, "0")) for kind in KINDS} if suite is not None else {}
    tests = int(suite.get("tests", "0")) if suite is not None else 0
    return {**told, "passed": tests - sum(told.values())}


def run(piece: Sequence[Path], number: int, scratch: Path) -> Outcome:
    """Runs one piece to its end, and prints a line about it.

    Args:
        piece: its test files.
        number: which piece it is.
        scratch: a directory for its report.
    """
    report, began = scratch / f"{number}.xml", time.monotonic()
    command = [sys.executable, "-m", "coverage", "run", "--parallel-mode", "-m", "pytest", f"--junitxml={report}"]
    command += ["-o", f"cache_dir={scratch / f'cache-{number}'}", *(os.path.relpath(file, ROOT) for file in piece)]
    name = f"{os.path.relpath(piece[0], ROOT)} … {piece[-1].name} ({len(piece)} files)"
    try:
        ended = subprocess.run(  # noqa: S603
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE
        )
        printed, good = ended.stdout, ended.returncode == 0
    except subprocess.TimeoutExpired as late:
        printed, good = f"{(late.output or b'').decode(errors='replace')}\ntook more than {PATIENCE:.0f} s\n", False
    counts, seconds = counted(report), time.monotonic() - began
    print(f"{name}: {told(counts)} in {seconds:.0f} s", flush=True)
    return Outcome(name, good, counts, printed, seconds)


def told(counts: dict[str, int]) -> str:
    """The counts in pytest's words.

    Args:
        counts: of each outcome.
    """
    return ", ".join(f"{counts[kind]} {word}" for kind, word in WORDS.items() if counts.get(kind)) or "no report"


def main(arguments: Sequence[str]) -> int:
    """Runs everything, tells the sum; 0 when every piece was good.

    Args:
        arguments: test files and directories; none: the whole suite.
    """
    files = test_files([Path(text).resolve() for text in arguments] or [ROOT / "tests"])
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(AT_ONCE) as at_once:
        cut = pieces(files, PIECES)
        outcomes = list(at_once.map(run, cut, range(len(cut)), [Path(scratch)] * len(cut)))
    failed = [outcome for outcome in outcomes if not outcome.good]
    for outcome in failed:
        print(f"\n######## {outcome.name}\n{outcome.printed}", flush=True)
    subprocess.run([sys.executable, "-m", "coverage", "combine", "--quiet"], cwd=ROOT, check=False)
    counts = {kind: sum(outcome.counts.get(kind, 0) for outcome in outcomes) for kind in WORDS}
    seconds = time.monotonic() - began
    clock = f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"
    print(f"{f' {told(counts)} in {seconds:.2f}s ({clock}) ':=^100}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
