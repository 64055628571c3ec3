"""Large files that are open: what waits for a thread, what does not, and what is closed in the end."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from provisiond.phones.content import Content
from provisiond.phones.open_files import AHEAD, STEP, OpenFiles
from provisiond.phones.remembered import static_etag

SIZE = 3 * AHEAD


class Threads:
    """Notes what would have waited."""

    def __init__(self) -> None:
        self.waited: list[str] = []

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        self.waited.append(work.__name__)
        return work(*args)


def run(work: Coroutine[Any, Any, None]) -> None:
    with pytest.raises(StopIteration):
        work.send(None)


@pytest.fixture
def content(tmp_path: Path) -> Content:
    path = tmp_path / "fw"
    path.write_bytes(b"")
    os.truncate(path, SIZE)
    return Content(size=SIZE, etag=static_etag(path.stat()), modified=1.0, content_type="x/y", kind="static", path=path)


def in_memory(monkeypatch: pytest.MonkeyPatch, error: int | None) -> list[int]:
    """Let the system say that what is asked for is in memory, or fail otherwise; return where it was asked."""
    asked: list[int] = []

    def preadv(fd: int, buffers: list[bytearray], at: int, flags: int) -> int:
        assert flags == os.RWF_NOWAIT
        asked.append(at)
        if error is not None and at:
            raise OSError(error, os.strerror(error))
        return 1

    monkeypatch.setattr(os, "preadv", preadv)
    return asked


def test_what_is_in_memory_waits_for_no_thread(monkeypatch: pytest.MonkeyPatch, content: Content) -> None:
    asked, threads = in_memory(monkeypatch, None), Threads()
    files = OpenFiles(threads)

    async def work() -> None:
        async with files.opened(content, 1_000, SIZE - 1_000) as fd:
            assert os.pread(fd, 4, 0) == bytes(4)
            assert len(files) == 1
        async with files.opened(content, SIZE - 10, 10):
            pass

    run(work())
    assert not threads.waited
    assert len(files) == 0
    assert (min(asked), max(asked)) == (1_000, SIZE - 10)
    assert AHEAD - STEP <= max(asked[:-1]) < AHEAD + 1_000


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EOPNOTSUPP])
def test_what_may_not_be_is_read_ahead_in_a_thread_once(
    monkeypatch: pytest.MonkeyPatch, content: Content, error: int
) -> None:
    in_memory(monkeypatch, error)
    threads = Threads()
    files = OpenFiles(threads)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(files.opened(content, 0, SIZE))
            assert await stack.enter_async_context(files.opened(content, 5, 5)) == first

    run(work())
    assert len(threads.waited) == 1
    assert len(files) == 0


def test_what_cannot_be_read_ahead_is_closed(monkeypatch: pytest.MonkeyPatch, content: Content) -> None:
    in_memory(monkeypatch, errno.EAGAIN)

    def refuse(fd: int, *args: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "posix_fadvise", refuse)
    files = OpenFiles(Threads())

    async def work() -> None:
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(OSError, match="broken"):
            async with files.opened(content, 0, SIZE):
                raise AssertionError("it is not open")
        assert len(os.listdir("/proc/self/fd")) == before

    run(work())
    assert len(files) == 0


def test_a_pipe_in_the_place_of_the_file_holds_nobody_up(content: Content) -> None:
    assert content.path is not None
    content.path.unlink()
    os.mkfifo(content.path)
    files = OpenFiles(Threads())

    async def work() -> None:
        with pytest.raises(OSError, match="Illegal seek"):
            async with files.opened(content, 0, SIZE):
                raise AssertionError("it is not open")

    run(work())
    assert len(files) == 0
