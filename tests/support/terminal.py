"""provisionctl as a process: on a pseudo-terminal of a given size, or without one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pexpect
import pyte
from attrs import define

COMMAND = [sys.executable, "-m", "provisiond.cli.provisionctl"]
SECONDS = 60


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment without settings of whoever runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", **more}


def _heeds_ctrl_c() -> None:
    """Undo what a shell does to what it starts in the background, the suite itself for one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@define
class Shown:
    """What a command left on the screen, and how it ended."""

    lines: list[str]
    status: int | None
    raw: str

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Terminal:
    """A running command on a pseudo-terminal."""

    def __init__(self, words: list[str], around: Mapping[str, str], columns: int = 80, rows: int = 40) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self.child = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *words],
            env=dict(around),
            dimensions=(rows, columns),
            timeout=SECONDS,
            encoding="utf-8",
            preexec_fn=_heeds_ctrl_c,
        )
        self._raw: list[str] = []

    def until(self, pattern: str) -> str:
        """Wait until a pattern is written and return what was written up to it."""
        self.child.expect(pattern)
        text = str(self.child.before) + str(self.child.after)
        self._take(text)
        return text

    def press(self, text: str) -> None:
        """Type something."""
        self.child.send(text)

    def ended(self) -> Shown:
        """Wait for the end and return the screen."""
        self.child.expect(pexpect.EOF)
        self._take(str(self.child.before))
        self.child.close()
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return Shown(lines, self.child.exitstatus, "".join(self._raw))

    def _take(self, text: str) -> None:
        self._raw.append(text)
        self._stream.feed(text)


def piped(words: list[str], around: Mapping[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command without any terminal."""
    return subprocess.run(
        [*COMMAND, *words], env=dict(around), input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False
    )
