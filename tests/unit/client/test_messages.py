"""Requests, answers, errors, addresses and streams of the client, without any connection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.client import Client, Device, Operation
from provisiond.client.bulk import Lines
from provisiond.client.errors import (
    ClientError,
    NotFound,
    OperationFailed,
    Protected,
    Refused,
    RowsRefused,
    ServerFailed,
    Unauthorized,
    Unavailable,
    Unreadable,
    WaitedTooLong,
    WrongRequest,
)
from provisiond.client.events import MAX_LINE, EventLines
from provisiond.client.messages import Answer, Request, checked, path
from provisiond.client.selection import Selection
from provisiond.client.transports import origin_of

WORK = Operation(path="/pg_mgr/install/install/7")


class Told:
    """A transport that gives answers in turn and counts the pauses."""

    def __init__(self, *documents: Any) -> None:
        self.answers = [Answer(status=200, content=json.dumps(each).encode()) for each in documents]
        self.pauses: list[float] = []

    def send(self, request: Request) -> Answer:
        return self.answers.pop(0)

    def open(self, request: Request) -> Any:
        raise AssertionError("nothing is streamed here")

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def close(self) -> None:
        pass


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, Refused),
            (401, Unauthorized),
            (403, Protected),
            (404, NotFound),
            (405, Refused),
            (413, Refused),
            (415, Refused),
            (500, ServerFailed),
            (503, Unavailable),
            (504, ServerFailed),
            (302, Unreadable),
        ],
    )
    def test_each_status_has_its_error_with_sentence_and_advice(self, status: int, kind: type[ClientError]) -> None:
        with pytest.raises(ClientError) as raised:
            checked(
                Answer(status=status, headers={"content-type": "text/plain; charset=utf-8"}, content=b"a sentence\n")
            )
        assert type(raised.value) is kind
        assert (raised.value.sentence, raised.value.status) == ("a sentence", status)
        assert raised.value.advice.endswith(".")

    @pytest.mark.parametrize("content", [b"<html>long page", b"", b"\xff" * 10])
    def test_a_proxys_page_is_not_shown(self, content: bytes) -> None:
        with pytest.raises(ServerFailed, match="the server answered 502"):
            checked(Answer(status=502, headers={"content-type": "text/html"}, content=content))

    @pytest.mark.parametrize(
        ("kind", "content"),
        [("text/html; charset=utf-8", b"<html>not here"), ("text/plain; charset=utf-8", b"file not found")],
    )
    def test_a_404_of_another_server_or_port_does_not_speak_of_ids(self, kind: str, content: bytes) -> None:
        with pytest.raises(Unreadable) as raised:
            checked(Answer(status=404, headers={"content-type": kind}, content=content))
        assert "port 8666" in raised.value.advice

    def test_wrong_rows_are_told_one_by_one(self) -> None:
        rows = [{"row": 3, "id": "x", "message": "mac is wrong"}, {"row": 4, "message": "twice"}, "no row"]
        problem = {"detail": "2 rows are wrong", "rows": rows, "wrong": 2}
        answer = Answer(
            status=400, headers={"content-type": "application/problem+json"}, content=json.dumps(problem).encode()
        )
        with pytest.raises(RowsRefused) as raised:
            checked(answer)
        told = [(each.row, each.id, each.sentence) for each in raised.value.rows]
        assert told == [(3, "x", "mac is wrong"), (4, None, "twice")]
        assert raised.value.wrong == 2

    @pytest.mark.parametrize("content", [b"", b"[]", b"5", b"{", b"[" * 100_000, b"\xff"])
    def test_an_answer_that_is_no_object_is_unreadable(self, content: bytes) -> None:
        with pytest.raises(Unreadable):
            _ = Answer(status=200, content=content).document

    @pytest.mark.parametrize("location", ["", "/other/1", "http://evil/x", "/0.2", "0.2/x"])
    def test_a_location_outside_the_api_is_unreadable(self, location: str) -> None:
        with pytest.raises(Unreadable):
            _ = Answer(status=201, headers={"location": location}).place


class TestRequests:
    @pytest.mark.parametrize("segment", ["", ".", ".."])
    def test_ids_that_would_lead_elsewhere_are_refused(self, segment: str) -> None:
        with pytest.raises(WrongRequest):
            path("a", segment)

    def test_what_is_not_json_is_refused_before_it_is_sent(self) -> None:
        for value in (float("nan"), object(), {1, 2}):
            with pytest.raises(WrongRequest):
                Request(method="POST", path="/x", document={"a": value}).body()

    def test_headers_tell_token_tenant_and_body(self) -> None:
        headers = Request(method="PUT", path="/x", document={}).headers("t", "u", "agent")
        assert (headers["X-Auth-Token"], headers["Wazo-Tenant"]) == ("t", "u")
        assert headers["Content-Type"] == "application/vnd.proformatique.provd+json"
        assert set(Request(method="GET", path="/x").headers(None, None, "agent")) == {"Accept", "User-Agent"}

    def test_a_selection_refuses_negative_numbers_and_what_is_not_json(self) -> None:
        for wrong in (Selection(skip=-1), Selection(limit=-1), Selection(q={"a": {1}})):
            with pytest.raises(WrongRequest):
                wrong.arguments()


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("http://127.0.0.1:8666", "http://127.0.0.1:8666/0.2"),
            ("https://pbx/api/provd/", "https://pbx:443/api/provd/0.2"),
            ("http://h/provd", "http://h:80/provd"),
            ("http://[::1]:1/", "http://[::1]:1/0.2"),
        ],
    )
    def test_the_prefix_follows_from_the_address(self, url: str, expected: str) -> None:
        assert origin_of(url).url == expected

    @pytest.mark.parametrize(
        "url", ["", "h:80", "ftp://h", "http://", "http://u:p@h", "http://h?x", "http://h#x", "http://h:x", "http://["]
    )
    def test_other_addresses_are_refused_without_showing_what_they_hold(self, url: str) -> None:
        with pytest.raises(WrongRequest) as raised:
            Client(url)
        assert "u:p" not in raised.value.sentence


class TestWaiting:
    def test_it_asks_less_and_less_often_and_tells_each_change_once(self) -> None:
        texts = ["waiting", "a|progress;1/2", "a|progress;1/2", *["a|progress;2/2"] * 20, "a|success"]
        transport = Told(*({"status": text} for text in texts))
        seen: list[str] = []
        done = Client("http://h", transport=transport).operations.wait(WORK, lambda now: seen.append(now.text))
        assert done.text == "a|success"
        assert seen == ["waiting", "a|progress;1/2", "a|progress;2/2", "a|success"]
        assert transport.pauses == sorted(transport.pauses)
        assert max(transport.pauses) == 1.0

    def test_a_failure_tells_the_servers_reason(self) -> None:
        with pytest.raises(OperationFailed, match="no such host"):
            Client("http://h", transport=Told({"status": "fail", "error": "no such host"})).operations.wait(WORK)
        with pytest.raises(OperationFailed, match=r"a\|fail"):
            Client("http://h", transport=Told({"status": "a|fail"})).operations.wait(WORK)

    def test_it_ends_when_the_time_is_over(self) -> None:
        transport = Told(*[{"status": "progress"}] * 100)
        with pytest.raises(WaitedTooLong):
            Client("http://h", transport=transport).operations.wait(WORK, seconds=3)
        assert 3 <= sum(transport.pauses) < 4

    @pytest.mark.parametrize("text", ["", "done", "progress(", "a b|progress"])
    def test_a_text_that_is_no_progress_is_unreadable(self, text: str) -> None:
        with pytest.raises(Unreadable):
            Client("http://h", transport=Told({"status": text})).operations.get(WORK)


class TestStreams:
    @given(st.lists(st.dictionaries(st.text(), st.text(), max_size=3), max_size=5), st.integers(1, 40))
    def test_json_lines_come_whole_however_they_are_cut(self, documents: list[dict[str, str]], size: int) -> None:
        data = "\n".join(json.dumps(each) for each in documents).encode()
        lines, found = Lines(), []
        for start in range(0, len(data), size):
            found += lines.feed(data[start : start + size])
        assert [*found, *lines.end()] == documents

    @given(st.integers(1, 30))
    def test_events_come_whole_however_they_are_cut(self, size: int) -> None:
        text = b": hello\r\nretry: 5\nid: 1\nevent: begin\ndata: {}\n\n"
        text += b'data:{"a":\ndata: 1}\r\n\nid: 9\nevent: cut\ndata: {}\n'
        lines, found = EventLines(), []
        for start in range(0, len(text), size):
            found += lines.feed(text[start : start + size])
        assert [(each.kind, each.id, each.data) for each in found] == [("begin", "1", {}), ("message", "1", {"a": 1})]
        assert [*lines.end()] == []

    def test_an_event_without_end_is_refused(self) -> None:
        with pytest.raises(Unreadable):
            list(EventLines().feed(b"data: " + b"x" * MAX_LINE))
        with pytest.raises(Unreadable):
            list(EventLines().feed(b"data: 5\n\n"))


class TestDocuments:
    def test_members_that_nobody_knows_are_kept(self) -> None:
        device = Device({"id": "x", "X_own": [1], "mac": "m"}).with_members(ip="i").without("mac")
        assert device.members == {"id": "x", "X_own": [1], "ip": "i"}
        assert (device.mac, device.ip, device.configured, device.is_new) == (None, "i", False, False)
