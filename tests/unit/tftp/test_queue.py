"""Requests that wait: each once, first come first served, and the living before the dead when there are too many."""

from __future__ import annotations

import socket
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from provisiond.tftp import packets
from provisiond.tftp.queue import Asked, RequestQueue
from provisiond.tftp.running import Key


def key(number: int) -> Key:
    return Key(("10.0.0.7", number), "x.cfg", False)


def asked(number: int, at: float) -> Asked:
    sock: Any = socket.socket
    return Asked(sock, key(number), packets.Request(False, "x.cfg", "octet"), "10.0.0.1", at)


def taken(queue: RequestQueue, now: float) -> int | None:
    found, _ = queue.taken(now)
    return None if found is None else int(found.key.peer[1])


def filled(*times: float) -> RequestQueue:
    queue = RequestQueue()
    for number, at in enumerate(times):
        queue.add(asked(number, at))
    return queue


def test_who_came_first_is_first_while_nobody_waits_long() -> None:
    queue = filled(0.0, 0.1, 0.2)
    assert [taken(queue, 0.9) for _ in range(4)] == [0, 1, 2, None]


def test_who_asked_last_is_first_when_somebody_waits_long() -> None:
    queue = filled(0.0, 0.1, 0.2)
    assert [taken(queue, 1.5) for _ in range(3)] == [2, 1, 0]


def test_who_asks_again_waits_once_and_comes_to_the_front() -> None:
    queue = filled(0.0, 0.1, 0.2)
    assert queue.again(key(0), 1.0)
    assert not queue.again(key(9), 1.0)
    assert len(queue) == 3
    assert taken(queue, 1.5) == 0


def test_who_has_not_asked_again_for_long_has_gone() -> None:
    queue = filled(0.0, 0.1, 3.0)
    found, gone = queue.taken(7.0)
    assert found is not None
    assert (found.key, gone) == (key(2), 2)
    assert queue.taken(7.0) == (None, 0)


def test_the_one_that_has_not_asked_for_longest_makes_room() -> None:
    queue = filled(0.0, 0.1, 2.0)
    assert not queue.made_room(2.0)
    queue.again(key(0), 2.0)
    assert queue.made_room(2.2)
    assert not queue.made_room(2.2)
    assert {taken(queue, 2.2), taken(queue, 2.2)} == {0, 2}
    assert not queue.made_room(99.0)


def test_all_can_be_forgotten() -> None:
    queue = filled(0.0)
    queue.clear()
    assert len(queue) == 0
    assert taken(queue, 0.0) is None


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0, 3), st.booleans()), max_size=80))
def test_nobody_is_served_twice_or_lost(steps: list[tuple[int, float, bool]]) -> None:
    queue, now, waiting = RequestQueue(), 0.0, dict[int, float]()
    for number, pause, takes in steps:
        now += pause
        if takes:
            found, gone = queue.taken(now)
            stale = [each for each, at in waiting.items() if now - at > 6.0]
            assert gone == len(stale)
            for each in stale:
                del waiting[each]
            assert (found is None) == (not waiting)
            if found is not None:
                assert waiting.pop(found.key.peer[1]) == found.at
        elif queue.again(key(number), now):
            assert number in waiting
            waiting[number] = now
        else:
            assert number not in waiting
            queue.add(asked(number, now))
            waiting[number] = now
    assert len(queue) == len(waiting)
