"""What is kept in memory and on disk: directory, sightings, file sets, fetches, changes, background work, events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.provisioning import KNOWLEDGE, Gate, InlineThreads, aastra, begin, run
from twisted.internet.task import Clock

from provisiond.identification.extract import Identifier
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.model.device import Device
from provisiond.plugins.values import RenderedFile
from provisiond.provisioning.background import BackgroundQueue
from provisiond.provisioning.changes import Changes
from provisiond.provisioning.directory import Directory
from provisiond.provisioning.events import DeviceSeen, Events
from provisiond.provisioning.fetches import MAX_FILES
from provisiond.provisioning.file_sets import FileSet, hashed_name, packed, unpacked
from provisiond.provisioning.recognition import Recognition
from provisiond.provisioning.rendered_files import RenderedFiles
from provisiond.provisioning.revisions import device_revision

VALUES = st.sampled_from(["1", "2", None])
DOCUMENTS = st.fixed_dictionaries(
    {"id": st.sampled_from("abcd")},
    optional=dict.fromkeys(("mac", "sn", "uuid", "ip", "plugin", "config", "X_other"), VALUES),
)


@given(st.lists(st.one_of(DOCUMENTS, st.sampled_from("abcd")), max_size=40))
def test_the_directory_finds_what_a_plain_search_finds(steps):
    directory, plain = Directory(), {}
    for step in steps:
        if isinstance(step, str):
            directory.remove(step)
            plain.pop(step, None)
        else:
            directory.put(Device(step))
            plain[step["id"]] = step
    assert {device_id: dict(directory.get(device_id).document) for device_id in directory.ids()} == plain
    assert len(directory) == len(plain)
    for value in "12":
        for name in ("mac", "sn", "uuid", "ip"):
            found = {device.id for device in getattr(directory, f"by_{name}")(value)}
            assert found == {key for key, document in plain.items() if document.get(name) == value}
        assert set(directory.using_config(value)) == {k for k, doc in plain.items() if doc.get("config") == value}
        assert set(directory.using_plugin(value)) == {k for k, doc in plain.items() if doc.get("plugin") == value}
    assert set(directory.using_plugin("")) == {k for k, doc in plain.items() if doc.get("plugin") is None}


def test_the_directory_names_the_device_known_longest_first():
    directory = Directory()
    for device_id in "cab":
        directory.put(Device({"id": device_id, "mac": "m"}))
    assert [device.id for device in directory.by_mac("m")] == ["c", "a", "b"]


def test_the_order_of_members_survives():
    directory = Directory()
    directory.put(Device({"id": "a", "X_b": 1, "X_a": 2}))
    directory.put(Device({"id": "b", "X_a": 1, "X_b": 2}))
    assert list(directory.get("a").document) == ["id", "X_b", "X_a"]
    assert list(directory.get("b").document) == ["id", "X_a", "X_b"]


NAMES = st.text(min_size=1, max_size=20)
FILES = st.builds(
    RenderedFile,
    name=NAMES,
    content=st.binary(max_size=200),
    content_type=st.sampled_from(["text/plain", "text/xml"]),
    sensitive=st.booleans(),
    trigger=st.booleans(),
)
SETS = st.builds(
    FileSet,
    revision=st.text(max_size=70),
    files=st.lists(FILES, max_size=5),
    facts=st.dictionaries(NAMES, st.one_of(st.none(), st.integers(), st.text())),
)


@given(SETS)
def test_a_packed_set_comes_out_the_same(files):
    assert unpacked(packed(files)) == files


@given(SETS, st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_set_is_recognised(files, where, change):
    data = bytearray(packed(files))
    body = data.index(b"\n") + 1
    if body < len(data):
        data[body + where % (len(data) - body)] ^= change
        assert unpacked(bytes(data)) is None
    assert unpacked(bytes(data[: where % body])) is None


@given(st.binary(max_size=300))
def test_garbage_is_no_set(data):
    assert unpacked(data) is None


@given(st.text(max_size=50), st.text(max_size=50))
def test_names_from_outside_become_hex(one, other):
    assert set(hashed_name(one)) <= set("0123456789abcdef/")
    assert (hashed_name(one) == hashed_name(other)) == (one == other)


def some_files(text: str, size: int = 10) -> FileSet:
    file = RenderedFile(name="a.cfg", content=text.encode() * size, content_type="text/plain")
    return FileSet(revision=text, files=[file])


def test_what_was_put_is_there_before_and_after_it_is_written(tmp_path):
    threads = InlineThreads()
    files = RenderedFiles(tmp_path, threads, limit=0)
    threads.gate.shut()
    files.put("k", some_files("one"))
    files.put("k", some_files("two"))
    assert run(files.load("k")).revision == "two"
    waiting = begin(files.written())
    threads.gate.open()
    run(waiting)
    assert run(files.load("k")).revision == "two"
    assert run(RenderedFiles(tmp_path, threads).load("k")).revision == "two"


def test_one_set_that_the_disk_refuses_does_not_keep_others_from_it(tmp_path):
    threads = InlineThreads()
    files = RenderedFiles(tmp_path, threads)
    (tmp_path / hashed_name("b")).mkdir(parents=True)
    threads.gate.shut()
    for key in "abcd":
        files.put(key, FileSet(revision=key))
    files.drop("d")
    threads.gate.open()
    run(files.written())
    assert threads.gate.passed <= 3
    fresh = RenderedFiles(tmp_path, InlineThreads())
    assert [(run(fresh.load(key)) or FileSet(revision="none")).revision for key in "abcd"] == ["a", "none", "c", "none"]
    assert not list(tmp_path.rglob(".new-*"))


def test_threads_that_end_do_not_stop_the_writing_for_ever(tmp_path):
    class Ended(InlineThreads):
        async def run(self, work, *args):
            await self.gate()
            raise RuntimeError("the pool has ended")

    files = RenderedFiles(tmp_path, Ended())
    files.put("a", FileSet(revision="1"))
    run(files.written())
    assert run(files.load("a")).revision == "1"


def test_what_was_dropped_does_not_come_back(tmp_path):
    threads = InlineThreads()
    files = RenderedFiles(tmp_path, threads)
    files.put("k", some_files("one"))
    threads.gate.shut()
    reading = begin(RenderedFiles(tmp_path, threads).load("k"))
    files.drop("k")
    assert run(files.load("k")) is None
    threads.gate.open()
    run(reading)
    assert run(files.load("k")) is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_slow_read_does_not_hide_a_newer_set(tmp_path):
    threads = InlineThreads()
    RenderedFiles(tmp_path, threads).put("k", some_files("old"))
    files = RenderedFiles(tmp_path, threads)
    threads.gate.shut()
    reading = begin(files.load("k"))
    files.put("k", some_files("new"))
    threads.gate.open()
    assert run(reading).revision == "new"
    assert run(files.load("k")).revision == "new"


def test_memory_is_bounded_by_bytes_and_the_oldest_go_first(tmp_path):
    one = some_files("x", 1_000).size
    files = RenderedFiles(tmp_path, InlineThreads(), limit=3 * one)
    for key in "abc":
        files.put(key, some_files(key, 1_000))
    assert files.at_hand("a") is not None
    files.put("d", some_files("d", 1_000))
    assert [key for key in "abcd" if files.at_hand(key) is None] == ["b"]
    assert files.size <= 3 * one
    for _ in range(100):
        files.put("a", some_files("a", 1_000))
    assert files.size <= 3 * one
    for key in "abcd":
        files.drop(key)
    assert files.size == 0


def test_revisions_tell_different_input_apart():
    device = Device({"id": "x", "mac": "m", "ip": "1", "options": {"a": 1}})
    one = device_revision("p", 2026, device, {"a": 1, "b": 2})
    assert one == device_revision("p", 2026, device.with_members(ip="2", X_any=1), {"b": 2, "a": 1})
    others = [
        device_revision("q", 2026, device, {"a": 1, "b": 2}),
        device_revision("p", 2027, device, {"a": 1, "b": 2}),
        device_revision("p", 2026, device, {"a": 1, "b": "2"}),
        device_revision("p", 2026, device, {"a": True, "b": 2}),
        *(
            device_revision("p", 2026, device.with_members(**{name: "other"}), {"a": 1, "b": 2})
            for name in ("plugin", "config", "mac", "uuid", "vendor", "model", "version", "options")
        ),
    ]
    assert len({one, *others}) == len(others) + 1


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=40), st.integers(1, 4))
def test_changes_never_forget_that_something_changed(steps, remembered):
    changes, plain = Changes(remembered), {}
    for number, thing in enumerate(steps, 1):
        changes.note(*thing)
        plain[thing] = number
    assert changes.number >= len(steps)
    for thing, number in plain.items():
        assert changes.newest([thing]) >= number
        assert changes.newest([thing]) <= changes.number
    changes.note_everything()
    assert changes.newest([("c", "new")]) == changes.number


def test_without_loss_of_memory_changes_are_told_apart():
    changes = Changes()
    changes.note("config", "a")
    before = changes.number
    changes.note("config", "b")
    assert changes.newest([("config", "a")]) == before
    assert changes.newest([("config", "c")]) == 0
    assert changes.newest([]) == 0


class TestBackground:
    @pytest.fixture
    def clock(self):
        return Clock()

    def test_an_id_that_waits_is_worked_on_once(self, clock):
        done = []

        async def work(device_id):
            done.append(device_id)

        queue = BackgroundQueue(clock, work)
        queue.add(["a", "b", "a"])
        queue.add(["c"])
        clock.advance(0)
        assert sorted(done) == ["a", "b", "c"]
        assert queue.idle

    def test_only_so_many_at_a_time(self, clock):
        gate = Gate()
        gate.shut()
        queue = BackgroundQueue(clock, lambda device_id: gate(), limit=3)
        queue.add(str(number) for number in range(10))
        clock.advance(0)
        assert gate.waiting == 3
        gate.open()
        clock.advance(0)
        assert gate.passed == 10

    def test_what_comes_next_is_told_and_what_runs_is_counted(self, clock):
        gate, begun = Gate(), []
        gate.shut()

        async def work(device_id):
            begun.append(device_id)
            await gate()

        queue = BackgroundQueue(clock, work, 3)
        queue.add("ab")
        # It is one thing to do however many could run.
        assert len(queue) == 1
        assert not queue.idle
        assert queue.upcoming(5) == []
        queue.add("cdefg")
        clock.advance(0)
        assert begun == ["a", "b", "c"]
        assert queue.upcoming(2) == ["d", "e"]
        assert len(queue) == 3 + len("defg") + 1
        gate.open()
        for _ in range(9):
            clock.advance(0)
        assert sorted(begun) == list("abcdefg")
        assert len(queue) == 0
        assert queue.idle

    def test_a_source_is_read_in_portions(self, clock):
        gate = Gate()
        gate.shut()
        read = []
        queue = BackgroundQueue(clock, lambda device_id: gate(), limit=1)
        queue.add(read.append(number) or str(number) for number in range(10_000))
        assert read == []
        clock.advance(0)
        assert 0 < len(read) < 1_000

    def test_a_failure_does_not_end_the_work(self, clock):
        done = []

        async def work(device_id):
            if device_id == "a":
                raise ValueError
            done.append(device_id)

        queue = BackgroundQueue(clock, work, limit=1)
        queue.add("abc")
        clock.advance(0)
        assert done == ["b", "c"]

    def test_nothing_begins_while_it_is_held(self, clock):
        done = []

        async def work(device_id):
            done.append(device_id)

        queue = BackgroundQueue(clock, work)
        queue.hold()
        queue.hold()
        queue.add("abc")
        clock.advance(1)
        queue.let_go()
        clock.advance(1)
        assert done == []
        drained = begin(queue.drained())
        queue.let_go()
        clock.advance(0)
        assert sorted(done) == ["a", "b", "c"]
        assert drained.called

    def test_stopping_waits_for_what_runs_and_begins_nothing(self, clock):
        gate = Gate()
        gate.shut()
        queue = BackgroundQueue(clock, lambda device_id: gate(), limit=1)
        queue.add("abc")
        clock.advance(0)
        stopping = begin(queue.stop())
        assert not stopping.called
        gate.open()
        clock.advance(0)
        assert stopping.called
        queue.add("d")
        clock.advance(0)
        assert gate.passed == 1


class TestEvents:
    def test_a_slow_listener_loses_the_oldest_and_knows_it(self):
        events = Events()
        subscription = events.subscribe(limit=2)
        for number in range(5):
            events.publish(DeviceSeen(str(number), False, None))
        assert [event.device_id for event in subscription.pending()] == ["3", "4"]
        assert subscription.lost == 3

    def test_waiting_ends_with_the_next_event(self):
        events = Events()
        subscription = events.subscribe()
        waiting = begin(subscription.next())
        assert not waiting.called
        event = DeviceSeen("a", True, None)
        events.publish(event)
        assert run(waiting) is event
        subscription.close()
        subscription.close()
        events.publish(event)
        assert subscription.pending() == ()

    def test_a_listener_that_fails_disturbs_nobody(self):
        events, told = Events(), []
        events.listen(lambda event: 1 / 0)
        events.listen(told.append)
        events.publish(DeviceSeen("a", True, None))
        assert len(told) == 1


class TestSightings:
    def test_what_the_store_refuses_is_tried_again_and_newer_values_win(self, world):
        device = world.device(ip="192.0.2.1")
        world.devices.fails = RuntimeError("the disk is full")
        world.house.sightings.note(device.id, {"ip": "192.0.2.2", "version": "1"})
        world.clock.advance(1)
        world.house.sightings.note(device.id, {"ip": "192.0.2.3"})
        world.devices.fails = None
        world.clock.advance(5)
        assert world.devices.document(device.id)["ip"] == "192.0.2.3"
        assert world.devices.document(device.id)["version"] == "1"

    def test_unknown_devices_are_not_noted(self, world):
        assert world.house.sightings.note("ghost", {"ip": "192.0.2.2"}) is None
        assert world.house.sightings.last_seen("ghost") is None
        assert world.house.sightings.unwritten("ghost") == {}

    def test_what_is_noted_during_a_write_is_written_next(self, world):
        device = world.device()
        world.devices.gate.shut()
        world.house.sightings.note(device.id, {"ip": "192.0.2.2"})
        world.clock.advance(1)
        world.house.sightings.note(device.id, {"ip": "192.0.2.3"})
        assert world.house.sightings.unwritten(device.id) == {"ip": "192.0.2.3"}
        flushing = [begin(world.house.sightings.flush()) for _ in range(3)]
        world.devices.gate.open()
        for each in flushing:
            run(each)
        assert world.devices.document(device.id)["ip"] == "192.0.2.3"


def test_fetches_per_device_are_bounded(world):
    for number in range(MAX_FILES + 10):
        file = RenderedFile(name=f"{number}.cfg", content=b"x", content_type="text/plain")
        world.house.fetches.note("d", file)
        world.clock.advance(0.001)
    world.pump(world.house.fetches.flush())
    names = run(world.house.fetches.of("d")).keys()
    assert len(names) == MAX_FILES
    assert "0.cfg" not in names
    world.house.fetches.forget("d")
    assert run(world.house.fetches.of("d")) == {}


class TestRecognition:
    def test_the_answer_is_that_of_the_identifier(self):
        identifier = Identifier(KNOWLEDGE)
        recognition = Recognition(identifier, remembered=2)
        requests = [
            aastra("00085D000001"),
            aastra("00085D000002"),
            aastra("00085D000001", ip="192.0.2.9"),
            PhoneRequest(protocol=Protocol.TFTP, path="SEP001B54000005.cnf.xml", peer="192.0.2.4"),
            PhoneRequest(protocol=Protocol.DHCP, dhcp={60: "Aastra6731i"}, chaddr="00085d000001", peer="192.0.2.4"),
            PhoneRequest(protocol=Protocol.HTTP, path="/x", query={"mac": "00085d000001"}),
            PhoneRequest(protocol=Protocol.HTTP, path="/x", query={"mac": "00085d000002"}),
            PhoneRequest(protocol=Protocol.HTTP, path="/x" * 3_000),
        ]
        for _ in range(3):
            for request in requests:
                assert recognition.identify(request) == identifier.identify(request)
        assert len(recognition._known) <= 2
