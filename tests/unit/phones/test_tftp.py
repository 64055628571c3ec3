"""TFTP for phones: the pipeline as a source of content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.metrics import Metrics
from provisiond.phones.content import Content
from provisiond.phones.pipeline import Answer
from provisiond.phones.remembered import Kept
from provisiond.phones.tftp import TftpFiles
from provisiond.tftp.packets import ErrorCode
from provisiond.tftp.source import ReadRequest, Refusal, TransferResult

ASKED = ReadRequest(filename="/x.cfg", mode="octet", peer="10.0.0.7", local="10.0.0.1")


class FakePipeline:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[tuple[PhoneRequest, str]] = []

        self.kept: Kept | None = None

    def again(self, *key: object) -> Kept | None:
        assert key == (("/x.cfg", "10.0.0.7"), "tftp", "RRQ")
        return self.kept

    async def answer(self, request: PhoneRequest, name: str, key: object = None) -> Answer:
        self.asked.append((request, name))
        return self._answer


def read(answer: Answer) -> tuple[Any, FakePipeline]:
    pipeline = FakePipeline(answer)
    work = TftpFiles(pipeline, Metrics()).read(ASKED)  # type: ignore[arg-type]
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value, pipeline
    raise AssertionError("it waited")


def content(**members: Any) -> Content:
    return Content(size=3, etag='"x"', modified=0.0, content_type="text/plain", kind="static", **members)


def test_bytes_and_files_are_handed_on() -> None:
    found, pipeline = read(Answer(outcome="served", content=content(data=b"abc")))
    assert found == b"abc"
    request, name = pipeline.asked[0]
    assert (request.protocol, request.method, request.path, request.peer) == (
        Protocol.TFTP,
        "RRQ",
        "/x.cfg",
        "10.0.0.7",
    )
    assert name == "/x.cfg"
    path = Path("/firmware")
    assert read(Answer(outcome="served", content=content(path=path)))[0] == path


def test_an_address_of_ipv4_counts_as_one_on_a_socket_for_both_families() -> None:
    pipeline = FakePipeline(Answer(outcome="served", content=content(data=b"abc")))
    asked = ReadRequest(filename="/x.cfg", mode="octet", peer="::ffff:10.0.0.7", local="::ffff:10.0.0.1")
    with pytest.raises(StopIteration):
        TftpFiles(pipeline, Metrics()).read(asked).send(None)  # type: ignore[arg-type]
    assert pipeline.asked[0][0].peer == "10.0.0.7"


def test_what_was_answered_a_moment_ago_lies_ready() -> None:
    pipeline = FakePipeline(Answer(outcome="x"))
    files = TftpFiles(pipeline, Metrics())  # type: ignore[arg-type]
    assert files.at_once("/x.cfg", "10.0.0.7") is None
    pipeline.kept = Kept(None, content(data=b"abc"))  # type: ignore[arg-type]
    assert files.at_once("/x.cfg", "10.0.0.7") == b"abc"
    pipeline.kept = Kept(None, content(path=Path("/firmware")))  # type: ignore[arg-type]
    assert files.at_once("/x.cfg", "10.0.0.7") == Path("/firmware")


@pytest.mark.parametrize(
    ("outcome", "number"),
    [("not-found", ErrorCode.NOT_FOUND), ("refused", ErrorCode.NOT_FOUND), ("error", ErrorCode.UNDEFINED)],
)
def test_every_other_end_is_an_error_packet(outcome: str, number: ErrorCode) -> None:
    with pytest.raises(Refusal) as raised:
        read(Answer(outcome=outcome))
    assert raised.value.number == number


def test_transfers_are_counted() -> None:
    metrics = Metrics()
    files = TftpFiles(FakePipeline(Answer(outcome="x")), metrics)  # type: ignore[arg-type]
    files.ended(
        TransferResult(
            filename="x",
            peer="p",
            bytes=3,
            blocks=1,
            block_size=512,
            window_size=1,
            retransmissions=2,
            seconds=0.1,
            round_trip=None,
            outcome="done",
        )
    )
    assert b'provisiond_tftp_transfers_total{outcome="done"} 1.0' in metrics.exposition()
    assert b"provisiond_tftp_retransmissions_total 2.0" in metrics.exposition()
