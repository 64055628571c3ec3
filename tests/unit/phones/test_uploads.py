"""What phones send: wanted by a plugin or refused, kept bounded, never served."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs

from provisiond.errors import PluginProblem, StoreProblem, Unavailable
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.metrics import Metrics
from provisiond.model.device import Device
from provisiond.phones.access import Access
from provisiond.phones.complete_connections import MAX_BODY, PhoneSite
from provisiond.phones.http import PhoneFilesResource
from provisiond.phones.journal import Journal
from provisiond.phones.pipeline import Pipeline
from provisiond.phones.tftp import TftpFiles
from provisiond.phones.uploads import Uploads
from provisiond.tftp.source import ReadRequest, Upload

DEVICE = Device({"id": "d", "plugin": "p"})


class Threads:
    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        return work(*args)


def run(work: Any) -> Any:
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waited")


@frozen
class Seen:
    device: Device | None
    reason: str = ""


class Contact:
    def __init__(self, device: Device | None) -> None:
        self.device = device

    async def seen(self, request: PhoneRequest) -> Seen:
        return Seen(self.device)


class Rules:
    async def accepts_upload(self, plugin_id: str, name: str) -> bool:
        if name == "raises.log":
            raise PluginProblem("the plugin raised")
        return name.endswith(".log")


def line(tmp_path: Path, device: Device | None = DEVICE, allow: tuple[str, ...] = ()) -> tuple[Pipeline, Journal]:
    journal = Journal(Metrics())
    made = Pipeline(
        contact=Contact(device),
        files=None,  # type: ignore[arg-type]
        access=Access({Protocol.HTTP: allow, Protocol.TFTP: allow}),
        fetched=None,  # type: ignore[arg-type]
        journal=journal,
        upload_rules=Rules(),
        uploads=Uploads(tmp_path / "uploads", Threads()),
    )
    return made, journal


class TestUploads:
    def test_the_newest_of_a_name_is_kept(self, tmp_path: Path) -> None:
        uploads = Uploads(tmp_path, Threads())
        for content in (b"1", b"2"):
            run(uploads.keep("d", "logs/app.log", content))
        assert {path.name: path.read_bytes() for path in (tmp_path / "d").iterdir()} == {"logs_app.log": b"2"}

    def test_the_oldest_go(self, tmp_path: Path) -> None:
        uploads = Uploads(tmp_path, Threads(), kept=3)
        for number in range(6):
            run(uploads.keep("d", f"{number}.log", b"x"))
            os.utime(tmp_path / "d" / f"{number}.log", ns=(number, number))
        assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["3.log", "4.log", "5.log"]

    @pytest.mark.parametrize("name", [".hidden", "x" * 500, "a b", "é", "\udcff", "-x"])
    def test_odd_names_become_plain_ones(self, tmp_path: Path, name: str) -> None:
        run(Uploads(tmp_path, Threads()).keep(name, name, b"x"))
        ((path,),) = [list(directory.iterdir()) for directory in tmp_path.iterdir()]
        assert len(path.name) == len(path.parent.name) == 64

    def test_a_full_disk_is_a_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / "d").write_bytes(b"in the way")
        with pytest.raises(StoreProblem, match="cannot be kept"):
            run(Uploads(tmp_path, Threads()).keep("d", "x.log", b"x"))


class TestPipeline:
    @pytest.mark.parametrize(
        ("device", "name", "outcome"),
        [
            (DEVICE, "app.log", "upload"),
            (DEVICE, "boot.cfg", "refused"),
            (DEVICE, "raises.log", "refused"),
            (DEVICE, "../app.log", "refused"),
            (None, "app.log", "refused"),
            (Device({"id": "e"}), "app.log", "refused"),
        ],
    )
    def test_only_what_a_plugin_wants(self, tmp_path: Path, device: Device | None, name: str, outcome: str) -> None:
        pipeline, journal = line(tmp_path, device)
        request = PhoneRequest(protocol=Protocol.HTTP, method="PUT", path=name, peer="10.0.0.1")
        assert (run(pipeline.may_upload(request, name)) is not None) == (outcome == "upload")
        assert journal.overall()[0].outcome == outcome

    def test_not_from_a_network_that_may_not_fetch(self, tmp_path: Path) -> None:
        pipeline, _ = line(tmp_path, allow=("192.0.2.0/24",))
        request = PhoneRequest(protocol=Protocol.HTTP, method="PUT", path="app.log", peer="10.0.0.1")
        assert run(pipeline.may_upload(request, "app.log")) is None


def put(tmp_path: Path, path: str, body: bytes, method: str = "PUT") -> bytes:
    pipeline, _ = line(tmp_path)
    protocol: Any = PhoneSite(
        PhoneFilesResource(pipeline, Threads(), trusted_proxies=0),  # type: ignore[arg-type]
        MemoryReactorClock(),
    ).buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return transport.value().partition(b"\r\n")[0]


class TestOverHttp:
    @pytest.mark.parametrize("method", ["PUT", "POST"])
    def test_a_wanted_file_is_kept(self, tmp_path: Path, method: str) -> None:
        assert put(tmp_path, "/logs//app.log", b"line", method).startswith(b"HTTP/1.1 201 ")
        assert (tmp_path / "uploads/d/logs_app.log").read_bytes() == b"line"

    def test_what_nobody_can_decide_now_is_to_be_tried_again(self) -> None:
        class Away:
            async def may_upload(self, request: PhoneRequest, name: str) -> None:
                raise Unavailable("the owner of this process does not answer")

        protocol: Any = PhoneSite(
            PhoneFilesResource(Away(), Threads(), trusted_proxies=0),  # type: ignore[arg-type]
            MemoryReactorClock(),
        ).buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        with capturedLogs() as lines:
            protocol.dataReceived(b"PUT /app.log HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        head = transport.value().partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5" in head
        assert [line for line in lines if "log_failure" in line] == []

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/boot.cfg", b"x", b"405"),
            ("/%2e%2e/app.log", b"x", b"405"),
            ("/app.log", bytes(MAX_BODY + 1), b"413"),
        ],
    )
    def test_the_rest_is_refused_and_leaves_nothing(
        self, tmp_path: Path, path: str, body: bytes, status: bytes
    ) -> None:
        assert put(tmp_path, path, body).split(b" ")[1] == status
        assert not (tmp_path / "uploads").exists()


class TestOverTftp:
    def test_a_wanted_file_is_kept(self, tmp_path: Path) -> None:
        pipeline, _ = line(tmp_path)
        files = TftpFiles(pipeline, Metrics())
        asked = ReadRequest(filename="app.log", mode="octet", peer="10.0.0.7", local="10.0.0.1")
        assert run(files.accepts(asked)) is True
        run(files.uploaded(Upload(filename="app.log", peer="10.0.0.7", content=b"line")))
        assert (tmp_path / "uploads/d/app.log").read_bytes() == b"line"

    def test_another_is_not_accepted(self, tmp_path: Path) -> None:
        pipeline, _ = line(tmp_path)
        files = TftpFiles(pipeline, Metrics())
        asked = ReadRequest(filename="boot.cfg", mode="octet", peer="10.0.0.7", local="10.0.0.1")
        assert run(files.accepts(asked)) is False
        run(files.uploaded(Upload(filename="boot.cfg", peer="10.0.0.7", content=b"line")))
        assert not (tmp_path / "uploads").exists()
