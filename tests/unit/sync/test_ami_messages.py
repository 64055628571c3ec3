"""Messages of Asterisk's manager interface."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.errors import Unavailable
from provisiond.sync.ami_messages import MAX_LINE, AmiStream, challenge_key, encoded

GREETING = b"Asterisk Call Manager/9.0.0\r\n"


def test_messages_are_cut_at_empty_lines() -> None:
    stream = AmiStream()
    data = GREETING + b"Response: Success\r\nActionID: 1\r\nMessage: a: b\r\n\r\n"
    data += b"Event: X\r\nVariable: a\r\nVariable: b\r\n\r\n"
    first, second = stream.feed(data)
    assert stream.greeting == "Asterisk Call Manager/9.0.0"
    assert first.succeeded
    assert first.get("message") == "a: b"
    assert not second.succeeded
    assert [value for key, value in second.lines if key == "Variable"] == ["a", "b"]


@given(st.lists(st.integers(1, 9), max_size=60))
def test_however_the_bytes_are_cut(cuts: list[int]) -> None:
    data = GREETING + b"Response: Error\r\nActionID: 7\r\n\r\n" * 3
    stream, found, position = AmiStream(), [], 0
    for cut in [*cuts, len(data)]:
        found += list(stream.feed(data[position : position + cut]))
        position += cut
    assert [each.get("ActionID") for each in found] == ["7"] * 3


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_read(data: bytes) -> None:
    stream = AmiStream()
    list(stream.feed(GREETING))
    list(stream.feed(data))


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"x" * (MAX_LINE + 1),
        GREETING + b"x" * (MAX_LINE + 1),
        GREETING + b"x" * (MAX_LINE + 1) + b"\r\n",
        GREETING + b"a: b\r\n" * 5_000,
    ],
)
def test_what_is_not_sane_is_refused(data: bytes) -> None:
    with pytest.raises(Unavailable):
        list(AmiStream().feed(data))


def test_actions_are_lines_and_hold_no_line_breaks() -> None:
    assert encoded([("Action", "Ping"), ("ActionID", "1")]) == b"Action: Ping\r\nActionID: 1\r\n\r\n"
    for wrong in ("a\r\nAction: Command", "a\nb", "\r"):
        with pytest.raises(ValueError, match="line break"):
            encoded([("Action", wrong)])


def test_the_key_of_a_challenge() -> None:
    # What md5sum says of "142692537mysecret".
    assert challenge_key("142692537", "mysecret") == "e32f12c7b4097cd089842e0efa02adcd"
