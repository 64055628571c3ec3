from __future__ import annotations

import pytest
from tests.support.provisioning import NOW, Gate, MemoryOperations, World, run
from twisted.logger import formatEvent, globalLogPublisher

from provisiond.errors import NotFound, PackageProblem, Unavailable
from provisiond.provisioning.events import Events, OperationChanged
from provisiond.provisioning.operations import Operations

PATH = "/pg_mgr/install/update"


@pytest.fixture
def gate():
    gate = Gate()
    gate.shut()
    return gate


def start(world: World, work, path=PATH, label="update"):
    return run(world.house.operations.start(path, work, label))


def text(world, operation, path=PATH):
    return run(world.house.operations.get(path, operation.id)).progress


def test_progress_can_be_read_while_it_runs_and_after(world, gate):
    async def work(progress):
        part = progress.part("download", end=100)
        part.advance(20)
        await gate()
        part.advance(80)

    operation = start(world, work)
    assert operation.progress == "update|progress(download|progress;20/100)"
    assert (operation.created, operation.ended) == (NOW, None)
    world.clock.advance(5)
    gate.open()
    assert text(world, operation) == "update|success(download|success;100/100)"
    assert run(world.house.operations.get(PATH, operation.id)).ended == NOW + 5


def test_a_failure_keeps_its_sentence(world, gate):
    async def work(progress):
        progress.part("download", end=10)
        await gate()
        raise PackageProblem("the archive is broken")

    operation = start(world, work)
    gate.open()
    ended = run(world.house.operations.get(PATH, operation.id))
    assert (ended.progress, ended.error) == (
        "update|fail(download|fail)",
        "the archive is broken",
    )


def test_what_nobody_foresaw_is_told_blandly(world):
    async def work(progress):
        raise RuntimeError("/secret/path")

    operation = start(world, work)
    assert operation.progress == "update|fail"
    assert operation.error == "the work failed because of a fault of the server, see the log"


def test_what_the_system_refuses_is_told_without_its_path(world):
    async def work(progress):
        raise OSError(30, "Read-only file system", "/secret/path")

    assert start(world, work).error == "the system refused: Read-only file system"


def test_work_that_says_itself_that_it_failed_has_failed(world):
    async def work(progress):
        progress.fail()

    operation = start(world, work, label=None)
    assert (operation.progress, operation.error) == ("fail", "the work failed")


def test_an_operation_belongs_to_its_resource(world, gate):
    operation = start(world, lambda progress: gate())
    for path, number in (("/other", operation.id), (PATH, operation.id + 1)):
        with pytest.raises(NotFound):
            run(world.house.operations.get(path, number))


def test_ids_come_from_one_counter(world):
    async def work(progress):
        return None

    ids = [start(world, work, path).id for path in ("/a", "/b", "/a")]
    assert ids == sorted(set(ids))


def test_deleting_forgets_the_operation_but_not_the_work(world, gate):
    done = []

    async def work(progress):
        await gate()
        done.append(True)

    operation = start(world, work)
    run(world.house.operations.delete(PATH, operation.id))
    with pytest.raises(NotFound):
        run(world.house.operations.get(PATH, operation.id))
    with pytest.raises(NotFound):
        run(world.house.operations.delete(PATH, operation.id))
    gate.open()
    assert done == [True]
    with pytest.raises(NotFound):
        run(world.house.operations.get(PATH, operation.id))


def test_an_ended_operation_is_kept_for_an_hour(world):
    async def work(progress):
        return None

    operation = start(world, work)
    world.clock.advance(3600)
    assert text(world, operation) == "update|success"
    world.clock.advance(1)
    with pytest.raises(NotFound):
        run(world.house.operations.get(PATH, operation.id))


def test_there_is_a_limit(world, gate):
    operations = Operations(MemoryOperations(), world.clock, Events(), max_running=2)
    first = run(operations.start(PATH, lambda progress: gate(), "x"))
    run(operations.start(PATH, lambda progress: gate(), "x"))
    run(operations.delete(PATH, first.id))
    with pytest.raises(Unavailable):
        run(operations.start(PATH, lambda progress: gate(), "x"))
    gate.open()
    run(operations.finished())
    assert run(operations.start(PATH, lambda progress: gate(), "x")).progress == "x|success"


def test_what_ran_when_the_server_ended_is_marked_at_the_start(world):
    assert world.operations.interrupted == [NOW]


def test_states_are_told_to_listeners(world, gate):
    subscription = world.house.events.subscribe()
    operation = start(world, lambda progress: gate())
    gate.open()
    told = [event for event in subscription.pending() if isinstance(event, OperationChanged)]
    assert told == [OperationChanged(PATH, operation.id, state, f"update|{state}") for state in ("progress", "success")]


def test_a_store_that_fails_at_the_end_does_not_keep_the_operation_running(world, gate, monkeypatch):
    async def refuse(*args):
        raise RuntimeError

    operations = world.house.operations
    operation = start(world, lambda progress: gate())
    with monkeypatch.context() as patched:
        patched.setattr(world.operations, "end", refuse)
        gate.open()
        run(operations.finished())
    # What is stored would say for ever that it goes on.
    assert text(world, operation) == "update|success"
    assert run(operations.ended(operation, 5)).ended == NOW
    start(world, lambda progress: gate())
    assert operation.id not in operations._running
    assert text(world, operation) == "update|success"


def test_whoever_reads_a_failure_before_it_is_stored_finds_the_reason(world, gate, monkeypatch):
    async def work(progress):
        progress.fail()
        assert text(world, operation) == "update|progress"
        raise PackageProblem("the archive is broken")

    async def slowly(*args):
        await gate()

    async def later(progress):
        await begin()
        await work(progress)

    begin = Gate()
    begin.shut()
    monkeypatch.setattr(world.operations, "end", slowly)
    operation = start(world, later)
    begin.open()
    ended = run(world.house.operations.get(PATH, operation.id))
    assert (ended.progress, ended.error, ended.ended) == ("update|fail", "the archive is broken", NOW)
    gate.open()


def test_progress_is_logged_now_and_then_and_the_end_always(world, gate):
    said = []

    def observe(event):
        if event.get("log_namespace") == "provisiond.provisioning.operations":
            said.append((event["log_level"].name, formatEvent(event)))

    async def work(progress):
        part = progress.part("download", end=100)
        for _ in range(30):
            world.clock.rightNow += 1
            part.advance(1)
        await gate()
        raise PackageProblem("the disk is full")

    globalLogPublisher.addObserver(observe)
    try:
        start(world, work)
        gate.open()
    finally:
        globalLogPublisher.removeObserver(observe)
    assert said == [
        ("info", "operation 1 of /pg_mgr/install/update: update|progress(download|progress;10/100)"),
        ("info", "operation 1 of /pg_mgr/install/update: update|progress(download|progress;20/100)"),
        ("info", "operation 1 of /pg_mgr/install/update: update|progress(download|progress;30/100)"),
        ("warn", "operation 1 of /pg_mgr/install/update failed: the disk is full"),
        ("info", "operation 1 of /pg_mgr/install/update: update|fail(download|fail;30/100)"),
    ]
