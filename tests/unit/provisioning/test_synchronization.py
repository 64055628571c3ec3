"""Telling phones to fetch: one, many, and how far each got."""

import pytest
from tests.support.provisioning import run
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from provisiond.errors import InvalidInput, NotFound, ProvisiondError, Unavailable
from provisiond.model.operation import OperationProgress, format_progress
from provisiond.plugins.values import RenderedFile
from provisiond.provisioning.events import DeviceSynchronized, Events
from provisiond.provisioning.sync_steps import WATCHED_SECONDS, SyncSteps
from provisiond.provisioning.sync_waves import Pace, Waves, pace_of
from provisiond.sdk import HttpAction, NotSupported, SccpReset, SipNotify


class Phones:
    """Reaches every phone, or none."""

    def __init__(self, refusal: str | None = None) -> None:
        self.told: list[tuple[str, object, object]] = []
        self.refusal = refusal

    async def perform(self, device, action, raw_config) -> str:
        self.told.append((device.id, action, raw_config))
        if self.refusal:
            raise Unavailable(self.refusal)
        return "the phone answered 200"


class TestOne:
    PATH = "/dev_mgr/synchronize"

    def synchronized(self, world, device):
        operation = run(world.house.synchronization.start(device.id, world.scope))
        return run(world.house.operations.get(self.PATH, operation.id))

    def steps(self, world, device):
        return [(each["step"], each["sentence"]) for each in world.house.synchronization.steps(device.id, world.scope)]

    def test_a_configured_device_is_told(self, make_world):
        phones = Phones()
        world = make_world(notifier=phones)
        device = world.device()
        assert self.synchronized(world, device).progress == "success"
        ((told, action, raw_config),) = phones.told
        assert (told, action) == (device.id, SipNotify("check-sync"))
        assert raw_config["http_base_url"]
        assert self.steps(world, device) == [
            ("sent", 'the event "check-sync" is sent'),
            ("answered", "the phone answered 200"),
        ]

    @pytest.mark.parametrize(
        ("action", "sentence"),
        [
            (HttpAction("/x"), "a request to the phone itself is sent"),
            (SccpReset("SEP001B54000005"), "Asterisk is asked to reset the phone"),
            (SccpReset("SEP001B54000005", restart=True), "Asterisk is asked to restart the phone"),
        ],
    )
    def test_other_actions(self, make_world, action, sentence):
        world = make_world(notifier=Phones())
        world.host.action = action
        device = world.device()
        assert self.synchronized(world, device).progress == "success"
        assert self.steps(world, device)[0] == ("sent", sentence)

    def test_the_phones_fetch_is_the_last_step(self, make_world):
        world = make_world(notifier=Phones())
        device = world.device()
        self.synchronized(world, device)
        files = run(world.house.rendering.device_files(device))
        (file,) = [each for each in files.files.values() if each.trigger] or list(files.files.values())[:1]
        world.house.fetches.note("another", file)
        assert len(self.steps(world, device)) == 2
        world.house.fetches.note(device.id, file)
        assert self.steps(world, device)[-1] == ("fetched", f"the phone fetched {file.name}")
        world.house.fetches.note(device.id, file)
        assert len(self.steps(world, device)) == 3

    @pytest.mark.parametrize(
        ("members", "action", "reason"),
        [
            ({"plugin": None}, None, "the device is not configured: no plugin serves this device"),
            ({}, NotSupported("this phone cannot be told"), "this phone cannot be told"),
        ],
    )
    def test_what_cannot_be_told_ends_with_the_reason(self, make_world, members, action, reason):
        world = make_world(notifier=Phones())
        world.host.action = action or world.host.action
        device = world.device(**members)
        ended = self.synchronized(world, device)
        assert (ended.progress, ended.error) == ("fail", reason)
        assert self.steps(world, device) == [("failed", reason)]

    def test_a_refusal_is_the_last_step_and_a_later_fetch_none(self, make_world):
        world = make_world(notifier=Phones("the phone did not answer"))
        device = world.device()
        assert self.synchronized(world, device).error == "the phone did not answer"
        files = run(world.house.rendering.device_files(device))
        world.house.fetches.note(device.id, next(iter(files.files.values())))
        assert [step for step, _ in self.steps(world, device)] == ["sent", "failed"]

    def test_without_a_way_to_phones_it_fails(self, world):
        assert self.synchronized(world, world.device()).error == "this server has no way to reach phones"

    def test_unknown_devices_are_refused(self, world):
        with pytest.raises(NotFound):
            run(world.house.synchronization.start("ghost", world.scope))
        with pytest.raises(NotFound):
            world.house.synchronization.steps("ghost", world.scope)
        with pytest.raises(NotFound):
            run(world.house.synchronization.start_many([world.device().id, "ghost"], world.scope, Pace()))


class FakeFetches:
    """Remembers who is watched."""

    def __init__(self) -> None:
        self.expected: dict = {}

    def expect(self, device_id, told) -> None:
        if told is None:
            self.expected.pop(device_id, None)
        else:
            self.expected[device_id] = told


class Fetched:
    """A fetch at a time."""

    def __init__(self, name: str, at: float) -> None:
        self.file = RenderedFile(name=name, content=b"", content_type="text/plain")
        self.at = at


class TestSteps:
    def steps(self, clock, **limits):
        fetches, events = FakeFetches(), Events()
        return SyncSteps(fetches, events, clock, **limits), fetches, events

    def test_memory_is_bounded(self):
        steps, fetches, _ = self.steps(Clock(), max_devices=2)
        for device_id in ("a", "b", "a", "c"):
            steps.begin(device_id, "told", ["x.cfg"])
        assert set(fetches.expected) == {"a", "c"}
        assert steps.of("b") == ()
        assert len(steps.of("a")) == 1

    def test_only_files_that_tell_count_and_only_for_a_while(self):
        clock = Clock()
        steps, fetches, events = self.steps(clock)
        heard = events.subscribe()
        steps.begin("a", "told", ["x.cfg"])
        fetches.expected["a"](Fetched("firmware.bin", 1.0))
        assert len(steps.of("a")) == 1
        fetches.expected["a"](Fetched("x.cfg", WATCHED_SECONDS + 1))
        assert len(steps.of("a")) == 1
        assert fetches.expected == {}
        assert heard.pending() == (DeviceSynchronized("a", "sent", "told"),)


class TestPace:
    def test_defaults(self):
        assert pace_of(None, None, None) == Pace(rate=10.0, window=20, max_failures=10)

    @pytest.mark.parametrize("given", [(0, None, None), (1e9, None, None), (None, 0, None), (None, None, 0)])
    def test_out_of_range(self, given):
        with pytest.raises(InvalidInput):
            pace_of(*given)


class TestWaves:
    def begun(self, ids, work, **pace):
        clock, progress, results = Clock(), OperationProgress(), []
        Deferred.fromCoroutine(Waves(clock).run(ids, work, Pace(**pace), progress)).addBoth(results.append)
        return clock, progress, results

    def test_the_rate_holds(self):
        told = []

        async def work(device_id):
            told.append(device_id)

        clock, progress, results = self.begun(list("abcd"), work, rate=2.0)
        assert told == ["a"]
        clock.advance(0.5)
        assert told == ["a", "b"]
        clock.pump([0.5, 0.5])
        assert results == [None]
        assert format_progress(progress.snapshot()) == "progress;4/4"

    def test_the_window_holds(self):
        waiting = []

        async def work(device_id):
            waiting.append(Deferred())
            await waiting[-1]

        clock, _, results = self.begun(list("abcd"), work, rate=1000.0, window=2)
        clock.pump([0.1] * 10)
        assert len(waiting) == 2
        waiting[0].callback(None)
        clock.pump([0.1] * 10)
        assert len(waiting) == 3
        for each in waiting[1:]:
            each.callback(None)
        clock.pump([0.1] * 10)
        waiting[-1].callback(None)
        clock.pump([0.1] * 10)
        assert results == [None]

    def test_failures_in_a_row_stop_it(self):
        told = []

        async def work(device_id):
            told.append(device_id)
            raise Unavailable("no answer")

        clock, _, results = self.begun([str(n) for n in range(100)], work, rate=1000.0, max_failures=3)
        clock.pump([0.1] * 200)
        assert len(told) == 3
        sentence = results[0].value.sentence
        assert sentence.startswith("3 of 100 failed; stopped after 3 failures in a row, 97 were not told: 0: no answer")

    def test_some_failures_are_named_at_the_end(self):
        async def work(device_id):
            if device_id in "bd":
                raise ProvisiondError(f"no {device_id}")

        clock, _, results = self.begun(list("abcde"), work, rate=1000.0, max_failures=2)
        clock.pump([0.1] * 10)
        assert results[0].value.sentence == "2 of 5 failed: b: no b; d: no d"

    def test_nothing_to_do(self):
        async def work(device_id):
            raise AssertionError

        _, _, results = self.begun([], work)
        assert results == [None]
