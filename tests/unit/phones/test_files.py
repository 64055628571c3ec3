"""Which bytes a device gets under a name, and what the pipeline makes of it."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from attrs import frozen

from provisiond.errors import StoreProblem
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.metrics import Metrics
from provisiond.model.device import Device
from provisiond.paths import UnsafeName
from provisiond.phones.access import Access
from provisiond.phones.files import PhoneFiles
from provisiond.phones.journal import PER_DEVICE, Journal
from provisiond.phones.pipeline import Pipeline, verdict
from provisiond.plugins.values import RenderedFile, ServedBy

T = TypeVar("T")
DEVICE = Device({"id": "d", "plugin": "p", "mac": "00:11:22:33:44:55"})
OWN = RenderedFile(name="a/own.cfg", content=b"own", content_type="text/plain", trigger=True)
SHARED = RenderedFile(name="shared.cfg", content=b"shared", content_type="text/plain", sensitive=False)


def run(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise AssertionError("it waited")


class Rendering:
    async def device_file(self, device: Device, name: str) -> RenderedFile | None:
        return OWN if name == OWN.name else None

    async def common_file(self, plugin_id: str, name: str) -> RenderedFile | None:
        return SHARED if name == SHARED.name else None


class Serving:
    """Of a plugin of the older interface whose phones see one directory only."""

    def served_by(self, plugin_id: str, protocol: str) -> ServedBy:
        return ServedBy(kind="files", root="var/tftpboot/a", is_legacy=True)

    async def ask(self, kind: str, plugin_id: str, *arguments: Any) -> tuple[Mapping[str, Any], bytes]:
        raise AssertionError("the server serves the files itself")


@frozen
class Roots:
    root: Path

    def static_root(self, plugin_id: str) -> Path:
        return self.root / plugin_id


@pytest.fixture
def files(tmp_path: Path) -> PhoneFiles:
    root = tmp_path / "p"
    (root / "fw").mkdir(parents=True)
    (root / "fw" / "x.bin").write_bytes(b"firmware")
    (root / ".hidden").write_bytes(b"x")
    (root / "y.bin.tmp").write_bytes(b"x")
    (tmp_path / "p2").mkdir()
    (tmp_path / "p2" / "secret").write_bytes(b"x")
    (root / "out").symlink_to(tmp_path / "p2" / "secret")
    (root / "in").symlink_to("fw/x.bin")
    return PhoneFiles(Rendering(), Roots(tmp_path), now=lambda: 5.0)


class TestFiles:
    @pytest.mark.parametrize("name", ["a/own.cfg", "/a/own.cfg", "//a//own.cfg", "a\\own.cfg", "./a/./own.cfg"])
    def test_the_devices_own_file_in_every_spelling(self, files: PhoneFiles, name: str) -> None:
        content = run(files.find(DEVICE, name))
        assert content is not None
        assert (content.kind, content.data, content.trigger, content.modified) == ("rendered", b"own", True, 5.0)

    def test_shared_and_static_files(self, files: PhoneFiles) -> None:
        shared, static = run(files.find(DEVICE, "shared.cfg")), run(files.find(DEVICE, "fw/x.bin"))
        assert shared is not None
        assert static is not None
        assert (shared.kind, static.kind, static.size) == ("common", "static", 8)
        link = run(files.find(DEVICE, "in"))
        assert link is not None
        assert link.etag == static.etag

    @pytest.mark.parametrize(
        "name", ["", "/", "nothing", "fw", "fw/", ".hidden", "y.bin.tmp", "FW/x.bin", "fw/x.bin/y"]
    )
    def test_what_is_never_served(self, files: PhoneFiles, name: str) -> None:
        if name == "fw/":
            name = "fw"
        assert run(files.find(DEVICE, name)) is None

    @pytest.mark.parametrize(
        "name", ["../p2/secret", "fw/../../p2/secret", "out", "a\0b", "x" * 2000, "..\\p2\\secret"]
    )
    def test_what_would_leave_the_directory(self, files: PhoneFiles, name: str) -> None:
        with pytest.raises(UnsafeName):
            run(files.find(DEVICE, name))


@frozen
class Seen:
    device: Device | None
    reason: str = "known device"


class Contact:
    def __init__(self, device: Device | None, error: Exception | None = None) -> None:
        self.device, self.error = device, error

    async def seen(self, request: PhoneRequest) -> Seen:
        if self.error is not None:
            raise self.error
        return Seen(self.device)

    def seen_again(self, device_id: str, ip: str | None) -> None:
        raise AssertionError("nothing is remembered here")


class Fetched:
    def __init__(self) -> None:
        self.notes: list[tuple[str, str, str]] = []

    def fetched(self, device_id: str, name: str, etag: str) -> None:
        self.notes.append((device_id, name, etag))


def pipeline(files: PhoneFiles, contact: Contact, allow: tuple[str, ...] = ()) -> tuple[Pipeline, Journal, Fetched]:
    journal, fetched = Journal(Metrics()), Fetched()
    access = Access({Protocol.HTTP: allow})
    made = Pipeline(
        contact=contact,
        files=files,
        access=access,
        fetched=fetched,
        journal=journal,
        upload_rules=None,  # type: ignore[arg-type]
        uploads=None,  # type: ignore[arg-type]
        now=lambda: 1.0,
        tick=lambda: 0.0,
    )
    return made, journal, fetched


def request(name: str, method: str = "GET", peer: str = "10.0.0.7") -> PhoneRequest:
    return PhoneRequest(protocol=Protocol.HTTP, method=method, path=name, peer=peer)


class TestPipeline:
    def test_a_served_file_is_one_row_and_noted_as_fetched(self, files: PhoneFiles) -> None:
        line, journal, fetched = pipeline(files, Contact(DEVICE))
        answer = run(line.answer(request("/a/own.cfg"), "/a/own.cfg"))
        assert answer.content is not None
        assert fetched.notes == [("d", "a/own.cfg", OWN.etag)]
        row = journal.of_device("d")[0].row()
        assert (row["outcome"], row["bytes"], row["plugin"], row["reason"]) == (
            "served", 3, "p", "rendered file; known device"
        )  # fmt: skip

    def test_a_file_is_noted_under_its_own_name_wherever_the_plugin_lets_phones_ask_for_it(
        self, tmp_path: Path
    ) -> None:
        files = PhoneFiles(Rendering(), Roots(tmp_path), serving=Serving())
        line, _, fetched = pipeline(files, Contact(DEVICE))
        answer = run(line.answer(request("/own.cfg"), "/own.cfg"))
        assert answer.kept is not None
        assert (answer.kept.name, fetched.notes) == ("a/own.cfg", [("d", "a/own.cfg", OWN.etag)])

    def test_head_is_no_fetch(self, files: PhoneFiles) -> None:
        line, _, fetched = pipeline(files, Contact(DEVICE))
        run(line.answer(request("/a/own.cfg", method="HEAD"), "/a/own.cfg"))
        assert fetched.notes == []

    @pytest.mark.parametrize(
        ("contact", "name", "outcome"),
        [
            (Contact(None), "x", "not-found"),
            (Contact(DEVICE), "nothing", "not-found"),
            (Contact(Device({"id": "e"})), "x", "not-found"),
            (Contact(DEVICE), "../x", "not-found"),
            (Contact(None, StoreProblem("the disk is full")), "x", "error"),
            (Contact(None, ZeroDivisionError()), "x", "error"),
        ],
    )
    def test_every_end_has_an_outcome_and_a_reason(
        self, files: PhoneFiles, contact: Contact, name: str, outcome: str
    ) -> None:
        line, journal, _ = pipeline(files, contact)
        answer = run(line.answer(request(name), name))
        assert (answer.outcome, answer.content) == (outcome, None)
        assert journal.overall()[0].reason

    @pytest.mark.parametrize(
        ("device", "reason"),
        [
            (DEVICE, "p has no such file for this phone"),
            (DEVICE.with_members(configured=False), "p could not make the files of this phone"),
            (Device({"id": "e"}), "no installed plugin serves this phone"),
        ],
    )
    def test_a_known_phone_that_gets_nothing_is_told_why(self, files: PhoneFiles, device: Device, reason: str) -> None:
        line, journal, _ = pipeline(files, Contact(device))
        run(line.answer(request("nothing"), "nothing"))
        assert journal.of_device(device.id)[0].reason == reason

    def test_the_files_of_a_phone_that_was_just_met_are_not_said_to_have_failed(self) -> None:
        met = DEVICE.with_members(configured=False)
        assert verdict(met, None, "first contact") == ("not-found", "p has no such file for this phone")

    def test_networks(self, files: PhoneFiles) -> None:
        line, _, _ = pipeline(files, Contact(DEVICE), allow=("10.0.0.0/24", "2001:db8::/32"))
        for peer, outcome in (
            ("10.0.0.7", "served"),
            ("10.0.1.7", "refused"),
            ("2001:db8::1", "served"),
            ("", "refused"),
        ):
            assert run(line.answer(request("/a/own.cfg", peer=peer), "/a/own.cfg")).outcome == outcome

    def test_the_journal_is_bounded(self, files: PhoneFiles) -> None:
        line, journal, _ = pipeline(files, Contact(DEVICE))
        for _ in range(PER_DEVICE + 5):
            run(line.answer(request("/x"), "/x"))
        assert len(journal.of_device("d")) == PER_DEVICE
