"""Files that come in pieces."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tests.support.api import run
from twisted.internet.task import Clock

from provisiond.errors import InvalidInput, NotFound, Unavailable
from provisiond.provisioning.received import AT_ONCE, KEPT_SECONDS, ReceivedFiles


class Inline:
    async def run(self, work, *args):  # type: ignore[no-untyped-def]
        return work(*args)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def received(tmp_path: Path, clock: Clock) -> ReceivedFiles:
    return ReceivedFiles(tmp_path / "received", Inline(), clock)


def test_pieces_make_a_file(received: ReceivedFiles) -> None:
    file_id = run(received.begin())
    assert run(received.add(file_id, 0, io.BytesIO(b"abc"))) == 3
    assert run(received.add(file_id, 3, io.BytesIO(b"def"))) == 6
    assert received.size(file_id) == 6
    path = received.take(file_id)
    assert path.read_bytes() == b"abcdef"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_piece_may_come_twice_but_none_may_be_missing(received: ReceivedFiles) -> None:
    file_id = run(received.begin())
    run(received.add(file_id, 0, io.BytesIO(b"abc")))
    assert run(received.add(file_id, 0, io.BytesIO(b"abcd"))) == 4
    with pytest.raises(InvalidInput, match="begins at 4, not at 9"):
        run(received.add(file_id, 9, io.BytesIO(b"x")))


def test_a_file_that_is_used_takes_no_more_pieces(received: ReceivedFiles) -> None:
    file_id = run(received.begin())
    received.take(file_id)
    with pytest.raises(InvalidInput, match="being worked on"):
        run(received.add(file_id, 0, io.BytesIO(b"x")))
    with pytest.raises(InvalidInput, match="being worked on"):
        received.take(file_id)
    received.give_back(file_id)
    assert run(received.add(file_id, 0, io.BytesIO(b"x"))) == 1


def test_forgotten_files_are_gone(received: ReceivedFiles) -> None:
    file_id = run(received.begin())
    path = received.take(file_id)
    run(received.forget(file_id))
    assert not path.exists()
    for ask in (received.size, received.take):
        with pytest.raises(NotFound):
            ask(file_id)
    received.give_back(file_id)


def test_few_come_at_a_time_and_old_ones_make_room(received: ReceivedFiles, clock: Clock) -> None:
    first = run(received.begin())
    run(received.add(first, 0, io.BytesIO(b"x")))
    used = run(received.begin())
    received.take(used)
    for _ in range(AT_ONCE - 2):
        run(received.add(run(received.begin()), 0, io.BytesIO(b"x")))
    with pytest.raises(Unavailable, match="too many"):
        run(received.begin())
    clock.advance(KEPT_SECONDS + 1)
    run(received.begin())
    with pytest.raises(NotFound):
        received.size(first)
    assert received.size(used) == 0


def test_one_of_which_nothing_has_come_makes_room(received: ReceivedFiles) -> None:
    begun = [run(received.begin()) for _ in range(AT_ONCE)]
    newest = run(received.begin())
    with pytest.raises(NotFound):
        received.size(begun[0])
    assert [received.size(each) for each in (*begun[1:], newest)] == [0] * AT_ONCE
