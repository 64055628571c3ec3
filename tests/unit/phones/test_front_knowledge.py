"""What fronts know by themselves: fed by the owner, never older than what was acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from provisiond.errors import PluginProblem
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.rules import Rule, Where
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.metrics import Metrics
from provisiond.model.device import Device
from provisiond.model.inheritance import ConfigGraph
from provisiond.phones.journal import Journal, PhoneEvent
from provisiond.phones.pipeline import Answer
from provisiond.phones.sharing.distant import MAX_ANSWERED, DistantPipeline
from provisiond.phones.sharing.feeding import DEVICES_AT_ONCE, MAX_NAMED, Feeding
from provisiond.phones.sharing.known import KnownFiles, KnownPhones, told_plugin
from provisiond.phones.sharing.own_answers import OwnAnswers
from provisiond.phones.sharing.owner import OwnerEnd
from provisiond.phones.sharing.stamps import SharedStamp
from provisiond.plugins.values import RenderedFile, ServedBy
from provisiond.provisioning.changes import Changes
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.file_sets import FileSet
from provisiond.provisioning.generation import Generation

KNOWLEDGE = Knowledge.shipped()
RULE = Rule(where=Where.USER_AGENT, literal="acme", pattern=r"acme (?P<mac>[0-9a-f]{12})", vendor="Acme")


def device(number: int, **more: Any) -> Device:
    mac = f"00:08:5d:00:{number >> 8:02x}:{number & 255:02x}"
    document = {"id": f"d{number}", "mac": mac, "ip": f"10.0.{number >> 8}.{number & 255}", "vendor": "Acme"}
    return Device({**document, "plugin": "p", "config": f"c{number}", **more})


def request_of(number: int, path: str = "/own.cfg", **more: Any) -> PhoneRequest:
    agent = f"acme 00085d00{number:04x}"
    members = {"peer": f"10.0.{number >> 8}.{number & 255}", "headers": {"User-Agent": agent}, "path": path, **more}
    return PhoneRequest(protocol=members.pop("protocol", Protocol.HTTP), **members)


class Owner:
    """The owner's memory, whose files tell the state that they were made from."""

    def __init__(self) -> None:
        self.generation = Generation()
        self.directory, self.changes = Directory(self.generation), Changes(generation=self.generation)
        self.graph = ConfigGraph()
        self.asked: list[str] = []
        self.again: list[PhoneEvent] = []
        self.gate: Deferred[None] | None = None
        self.broken = False
        self.made = 0
        self.is_legacy, self.asks_all = False, False
        self.allowed: dict[str, list[str]] = {}

    def text(self, device_id: str) -> bytes:
        """Return what the file of a device holds now."""
        found = self.directory.get(device_id)
        things = [("device", device_id), ("base", "")]
        if found is not None:
            things += [("config", each) for each in self.graph.ancestors(found.config or "")]
        return f"{device_id} {self.changes.newest(things)} {found and dict(found.document)}".encode()

    # What feeding needs

    async def device_files(self, found: Device) -> FileSet | None:
        self.made += 1
        content = self.text(found.id)
        if self.gate is not None:
            await self.gate
        if self.broken:
            return None
        file = RenderedFile(name="own.cfg", content=content, content_type="text/plain")
        return FileSet(revision="r", files=[file])

    async def common_files(self, plugin_id: str) -> FileSet:
        if self.broken:
            raise PluginProblem("the plugin is not loaded")
        file = RenderedFile(name="common.cfg", content=b"for all", content_type="text/plain")
        return FileSet(revision="r", files=[file])

    def devices_of(self, config_id: str) -> list[str]:
        return [each for config in self.graph.descendants([config_id]) for each in self.directory.using_config(config)]

    def state(self) -> Mapping[str, Any]:
        served = ServedBy(is_legacy=self.is_legacy)
        told = told_plugin(Path("/nowhere"), served, served, [RULE])
        return {"nat": False, "asks_all": self.asks_all, "allowed": self.allowed, "plugins": {"p": told}}

    # The pipeline

    async def answer(self, request: PhoneRequest, name: str, key: object = None) -> Answer:
        self.asked.append(request.path)
        return Answer(outcome="not-found")

    def note_again(self, event: PhoneEvent, name: str, kind: str, etag: str) -> None:
        self.again.append(event)


class Link:
    """An owner and a front that it feeds, joined by hand."""

    def __init__(self, owner: Owner) -> None:
        self.owner, self.clock, self.stamp, self.metrics = owner, Clock(), SharedStamp(), Metrics()
        owner.generation.listen(self.stamp.write)
        self.journal = Journal(self.metrics)
        self.feeding = Feeding(
            directory=owner.directory,
            changes=owner.changes,
            generation=owner.generation,
            rendering=owner,
            devices_of=owner.devices_of,
            state=owner.state,
            clock=self.clock,
        )
        self.end = OwnerEnd(
            owner,  # type: ignore[arg-type]
            self.journal,
            self.metrics,
            self.stamp.read,
            lambda: {"number": 2},
            lambda: None,
            feeding=self.feeding,
        )
        self.front = DistantPipeline(self.stamp, self.clock, self._begun, lambda: None, tick=self.clock.seconds)
        self.to_front, self.to_owner = StringTransport(), StringTransport()
        self.front.makeConnection(self.to_owner)  # type: ignore[arg-type]
        self.end.makeConnection(self.to_front)  # type: ignore[arg-type]

    def _begun(self, header: dict[str, Any]) -> None:
        self.files = KnownFiles(self.front.ask, tick=self.clock.seconds)
        self.known = KnownPhones(KNOWLEDGE, self.files)
        self.front.own = OwnAnswers(self.known, self.files, self.front.answered, tick=self.clock.seconds)

    def carry(self) -> None:
        """Let everything arrive that is under way."""
        self.clock.advance(0)
        while self.to_front.value() or self.to_owner.value():
            for transport, end in ((self.to_front, self.front), (self.to_owner, self.end)):
                data = transport.value()
                transport.clear()
                end.dataReceived(data)
            self.clock.advance(0)

    def asked(self, request: PhoneRequest, key: object = None) -> Answer:
        """Return what the front answers; what the owner wants to tell by itself does not arrive meanwhile."""
        found: list[Answer] = []
        Deferred.fromCoroutine(self.front.answer(request, request.path, key)).addCallback(found.append)
        while not found:
            for transport, end in ((self.to_owner, self.end), (self.to_front, self.front)):
                data = transport.value()
                transport.clear()
                end.dataReceived(data)
        return found[0]

    def check(self, number: int) -> None:
        """Check that what the front says by itself is right."""
        self.owner.asked.clear()
        answer = self.asked(request_of(number))
        if not self.owner.asked:
            assert content(answer) == self.owner.text(f"d{number}")

    def check_all(self) -> None:
        """Check it for all devices."""
        for number in range(5):
            self.check(number)


@pytest.fixture
def link() -> Link:
    owner = Owner()
    for number in range(3):
        owner.directory.put(device(number))
    made = Link(owner)
    made.carry()
    return made


def content(answer: Answer) -> bytes:
    assert answer.content is not None
    assert answer.content.data is not None
    return answer.content.data


@pytest.mark.parametrize("protocol", [Protocol.HTTP, Protocol.TFTP])
def test_a_front_answers_known_phones_without_asking_about_them(link: Link, protocol: Protocol) -> None:
    method = "GET" if protocol is Protocol.HTTP else "RRQ"
    link.owner.is_legacy = False
    request = request_of(1, protocol=protocol, method=method)
    assert content(link.asked(request)) == link.owner.text("d1")
    assert content(link.asked(request_of(1, "/common.cfg"))) == b"for all"
    assert link.asked(request_of(1, "/not-there.cfg")).outcome == "not-found"
    assert link.owner.asked == []
    assert link.owner.made == 1


def test_the_owner_is_told_of_what_a_front_has_answered(link: Link) -> None:
    for path in ("/own.cfg", "/not-there.cfg"):
        link.asked(request_of(1, path))
    link.clock.advance(1)
    link.carry()
    assert [(each.device, each.outcome) for each in link.owner.again] == [("d1", "served"), ("d1", "not-found")]
    assert [each.path for each in link.journal.of_device("d1")] == ["/not-there.cfg", "/own.cfg"]


def test_many_answers_are_told_at_once(link: Link) -> None:
    for _ in range(MAX_ANSWERED):
        link.asked(request_of(1))
    link.carry()
    assert len(link.owner.again) == MAX_ANSWERED


@pytest.mark.parametrize(
    "request_",
    [
        request_of(9),
        request_of(1, peer="10.0.0.77"),
        request_of(1, peer="10.0.0.2"),
        request_of(1, path="/../own.cfg"),
    ],
    ids=["unknown", "new address", "address of another", "hostile name"],
)
def test_whatever_is_new_is_for_the_owner(link: Link, request_: PhoneRequest) -> None:
    link.asked(request_)
    assert link.owner.asked == [request_.path]


@pytest.mark.parametrize("member", ["plugin", "config"])
def test_a_device_that_lacks_something_is_for_the_owner(link: Link, member: str) -> None:
    link.owner.directory.put(device(1, **{member: None}))
    link.carry()
    link.asked(request_of(1))
    assert link.owner.asked == ["/own.cfg"]


def test_plugins_that_want_to_be_asked_networks_and_keys_are_for_the_owner(link: Link) -> None:
    owner = link.owner
    for change in ({"is_legacy": True}, {"asks_all": True}, {"allowed": {"http": ["192.0.2.0/24"]}}):
        former = {name: getattr(owner, name) for name in change}
        for name, value in change.items():
            setattr(owner, name, value)
        owner.generation.advance()
        link.carry()
        owner.asked.clear()
        link.asked(request_of(1))
        assert owner.asked == ["/own.cfg"], change
        for name, value in former.items():
            setattr(owner, name, value)
    link.feeding.state_changed()
    link.carry()
    owner.asked.clear()
    assert content(link.asked(request_of(1))) == owner.text("d1")
    assert owner.asked == []


def test_before_a_change_has_arrived_the_owner_is_asked(link: Link) -> None:
    assert content(link.asked(request_of(1)))
    link.owner.changes.note("config", "c1")
    link.asked(request_of(1))
    assert link.owner.asked == ["/own.cfg"]
    link.carry()
    link.owner.graph.put("c1", ())
    assert content(link.asked(request_of(1))) == link.owner.text("d1")
    assert link.owner.asked == ["/own.cfg"]


def test_files_that_were_under_way_when_they_changed_are_not_kept(link: Link) -> None:
    link.owner.gate = Deferred()
    found: list[Answer] = []
    Deferred.fromCoroutine(link.front.answer(request_of(1), "/own.cfg", None)).addCallback(found.append)
    link.carry()
    old = link.owner.text("d1")
    link.owner.changes.note("device", "d1")
    link.carry()
    opened, link.owner.gate = link.owner.gate, None
    assert content(link.asked(request_of(1))) == link.owner.text("d1") != old
    opened.callback(None)
    link.carry()
    assert content(found[0]) == old
    assert content(link.asked(request_of(1))) == link.owner.text("d1")
    assert link.owner.asked == []


def test_what_the_owner_cannot_make_is_for_the_owner_to_tell(link: Link) -> None:
    link.owner.broken = True
    assert link.asked(request_of(1)).outcome == "not-found"
    assert link.owner.asked == ["/own.cfg"]


def test_files_are_asked_for_again_after_a_while_and_do_not_fill_the_memory(link: Link) -> None:
    link.asked(request_of(1))
    link.clock.advance(601)
    link.carry()
    link.asked(request_of(1))
    assert link.owner.made == 2
    link.files._limit = 10
    link.asked(request_of(2))
    link.asked(request_of(2))
    assert link.owner.made == 4


def test_a_front_is_filled_in_pieces_and_may_leave_meanwhile() -> None:
    owner = Owner()
    for number in range(DEVICES_AT_ONCE * 2 + 1):
        owner.directory.put(device(number))
    link = Link(owner)
    first = link.to_front.value()
    assert len(first) < 200 * DEVICES_AT_ONCE
    link.asked(request_of(1))
    assert owner.asked == ["/own.cfg"]
    owner.directory.remove("d400")
    owner.directory.put(device(399, sn="new"))
    link.carry()
    assert sorted(link.known.directory.ids()) == sorted(owner.directory.ids())
    assert link.known.directory.get("d399") == owner.directory.get("d399")
    assert link.known.knows(owner.generation.number)
    link.end.connectionLost()
    owner.directory.put(device(1, sn="unheard"))
    link.clock.advance(1)
    assert link.to_front.value() == b""


def test_a_change_of_very_many_devices_costs_no_more_than_one_of_all(link: Link) -> None:
    for number in range(MAX_NAMED + 10):
        link.owner.directory.put(device(number, config="shared"))
    link.carry()
    link.owner.graph.put("shared", ())
    assert content(link.asked(request_of(5))) == link.owner.text("d5")
    link.owner.changes.note("config", "shared")
    link.clock.advance(0)
    assert b'"stale": true' in link.to_front.value()
    link.carry()
    assert content(link.asked(request_of(5))) == link.owner.text("d5")


STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 4), st.integers(0, 3)),
    st.tuples(st.just("remove"), st.integers(0, 4), st.just(0)),
    st.tuples(st.sampled_from(["device", "config", "base", "plugin", "advance"]), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("carry"), st.just(0), st.just(0)),
    st.tuples(st.just("ask"), st.integers(0, 4), st.just(0)),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_a_front_never_gives_anything_older_than_what_was_acknowledged(steps: list[tuple[str, int, int]]) -> None:
    owner = Owner()
    for number in range(4):
        owner.graph.put(f"c{number}", () if number == 0 else ("c0",))
        owner.directory.put(device(number))
    link = Link(owner)
    link.carry()
    link.check_all()
    for what, number, other in steps:
        if what == "put":
            owner.directory.put(device(number, config=f"c{other}"))
            owner.changes.note("device", f"d{number}")
        elif what == "remove":
            owner.directory.remove(f"d{number}")
        elif what == "advance":
            owner.generation.advance()
        elif what == "carry":
            link.carry()
        elif what == "ask":
            link.check(number)
        else:
            names = {"device": f"d{number}", "config": f"c{number}", "base": "", "plugin": "p"}
            owner.changes.note(what, names[what])
    link.carry()
    assert link.known.knows(owner.generation.number)
    assert {each: link.known.directory.get(each) for each in link.known.directory.ids()} == {
        each: owner.directory.get(each) for each in owner.directory.ids()
    }
    link.check_all()
