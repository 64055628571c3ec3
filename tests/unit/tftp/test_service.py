"""The service on its sockets: bounds, repetitions, queues, ends; with a port for each transfer and with one for all."""

from __future__ import annotations

import errno
import gc
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench.fuzz import Fuzz
from bench.turns import Contents
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from provisiond.tftp import packets
from provisiond.tftp.limits import Bounds
from provisiond.tftp.lines import OwnLine
from provisiond.tftp.options import Limits
from provisiond.tftp.pool import KEPT
from provisiond.tftp.queue import PATIENCE
from provisiond.tftp.service import MAX_UPLOADS, REQUESTS_PER_TURN
from provisiond.tftp.source import TransferResult, Upload

PHONE = random.Random(1).randbytes(2_200)
FIRST = packets.data_head(1)
BUSY = b"\0\5\0\0the server is busy, try again\0"


@pytest.fixture(params=[False, True], ids=["a port each", "a single port"])
def single_port(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def bounds(**members: Any) -> Bounds:
    return Bounds(**{"requests_per_second": 0, **members})


def heard(client: socket.socket) -> bytes | None:
    try:
        return client.recvfrom(70_000)[0]
    except BlockingIOError:
        return None


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 2_200])
def test_every_size_arrives(serve: Callable[..., Any], single_port: bool, size: int) -> None:
    world = serve({"x": PHONE[:size]}, single_port=single_port)
    assert world.fetch("x") == PHONE[:size]
    assert (world.service.transfers, world.service.admitted) == (0, 0)
    assert world.contents.ends == {"done": 1}


def test_answers_come_from_a_port_of_their_own_or_from_the_listening_one(
    serve: Callable[..., Any], single_port: bool
) -> None:
    world = serve({"x": PHONE}, single_port=single_port)
    _, sender = world.answer(world.ask("x"))
    assert (sender == world.address) == single_port


def test_a_repeated_request_joins_the_transfer_that_runs(serve: Callable[..., Any], single_port: bool) -> None:
    world = serve({"x": PHONE}, single_port=single_port)
    client = world.ask("x")
    assert world.answer(client)[0][:4] == FIRST
    world.ask("x", client)
    world.reactor.settle()
    assert heard(client) is None
    assert world.service.transfers == 1


class TestBounds:
    def test_above_all_transfers_there_is_an_error_at_once(self, serve: Callable[..., Any], single_port: bool) -> None:
        world = serve({"x": PHONE}, single_port=single_port, bounds=bounds(transfers=3))
        clients = [world.ask("x") for _ in range(5)]
        world.reactor.settle()
        answers = [client.recvfrom(70_000) for client in clients]
        assert [answer[:4] == FIRST for answer, _ in answers] == [True] * 3 + [False] * 2
        assert [answer for answer, _ in answers[3:]] == [BUSY, BUSY]
        assert world.refused == ["busy", "busy"]
        clients[0].sendto(packets.error(0, "enough"), answers[0][1])
        world.reactor.settle()
        assert world.service.transfers == 2
        assert world.answer(world.ask("x"))[0][:4] == FIRST

    def test_above_one_peers_transfers_others_are_still_served(self, serve: Callable[..., Any]) -> None:
        world = serve({"x": PHONE}, bounds=bounds(transfers_per_peer=2))
        greedy = [world.ask("x", world.client("127.0.0.2")) for _ in range(3)]
        modest = world.ask("x", world.client("127.0.0.3"))
        world.reactor.settle()
        assert [client.recvfrom(600)[0][:4] == FIRST for client in (*greedy, modest)] == [True, True, False, True]
        assert world.refused == ["peer"]

    def test_configurations_find_room_where_firmware_does_not(self, serve: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "fw").write_bytes(bytes(5_000))
        world = serve({"fw": tmp_path / "fw", "x": PHONE}, bounds=bounds(transfers=5, firmware_share=0.4))
        firmware = [world.ask("fw") for _ in range(3)]
        phone = world.ask("x")
        world.reactor.settle()
        answers = [client.recvfrom(600)[0] for client in (*firmware, phone)]
        assert [answer[:4] == FIRST for answer in answers] == [True, True, False, True]
        assert answers[2] == BUSY
        assert world.refused == ["busy"]
        assert world.service.admitted == 3

    def test_so_many_uploads_run_at_once_and_files_are_served_besides(
        self, serve: Callable[..., Any], single_port: bool
    ) -> None:
        world = serve({"x": PHONE}, single_port=single_port, bounds=bounds())
        answers = []
        for number in range(MAX_UPLOADS + 1):
            client = world.client()
            client.sendto(packets.request(True, f"{number}.log", "octet"), world.address)
            answers.append((client, *world.answer(client)))
        assert [answer for _, answer, _ in answers] == [packets.ack(0)] * MAX_UPLOADS + [BUSY]
        assert world.refused == ["busy"]
        assert world.answer(world.ask("x"))[0][:4] == FIRST
        first, _, sender = answers[0]
        first.sendto(packets.data_head(1) + b"line", sender)
        assert world.answer(first)[0] == packets.ack(1)
        last = answers[-1][0]
        last.sendto(packets.request(True, "again.log", "octet"), world.address)
        assert world.answer(last)[0] == packets.ack(0)

    def test_who_asks_too_often_hears_nothing(self, serve: Callable[..., Any]) -> None:
        world = serve({"x": PHONE}, bounds=Bounds(requests_per_second=1.0, burst=2))
        clients = [world.ask("x") for _ in range(3)]
        world.reactor.settle()
        assert [heard(client) is not None for client in clients] == [True, True, False]
        assert world.refused == ["rate"]


class TestCrowd:
    def test_more_than_a_turn_takes_wait_and_are_all_served(self, serve: Callable[..., Any], single_port: bool) -> None:
        world = serve({"x": PHONE}, single_port=single_port, bounds=bounds())
        clients = [world.ask("x") for _ in range(REQUESTS_PER_TURN + 20)]
        world.reactor.turn()
        assert (world.service.transfers, world.service.waiting) == (REQUESTS_PER_TURN, 20)
        world.ask("x", clients[-1])
        world.reactor.settle()
        assert world.service.waiting == 0
        first = [client.recvfrom(600)[0][:4] for client in clients]
        assert first == [FIRST] * len(clients)
        assert [heard(client) for client in clients] == [None] * len(clients)

    def test_those_that_wait_count_for_the_bound(self, serve: Callable[..., Any]) -> None:
        world = serve({"x": PHONE}, bounds=bounds(transfers=REQUESTS_PER_TURN + 5))
        clients = [world.ask("x") for _ in range(REQUESTS_PER_TURN + 8)]
        world.reactor.turn()
        assert [heard(client) for client in clients[-3:]] == [BUSY] * 3
        world.reactor.settle()
        assert world.service.admitted == REQUESTS_PER_TURN + 5

    def test_who_has_left_gives_room_to_who_asks_now(self, serve: Callable[..., Any]) -> None:
        world = serve({"x": PHONE}, bounds=bounds(transfers=REQUESTS_PER_TURN + 2))
        for _ in range(REQUESTS_PER_TURN + 2):
            world.ask("x")
        world.reactor.turn()
        assert world.service.waiting == 2
        world.reactor.rightNow += 2.5
        late = world.ask("x")
        world.reactor.turn_without_calls()
        assert (world.service.waiting, world.refused) == (2, ["gone"])
        assert heard(late) is None
        world.reactor.settle()
        assert heard(late)[:4] == FIRST

    def test_nothing_is_spent_on_those_who_have_left(self, serve: Callable[..., Any]) -> None:
        world = serve({"x": PHONE}, bounds=bounds())
        for _ in range(REQUESTS_PER_TURN + 20):
            world.ask("x")
        world.reactor.turn()
        assert world.service.waiting == 20
        world.reactor.advance(PATIENCE + 0.1)
        assert world.service.waiting == 0
        assert world.refused == ["gone"] * 20

    def test_at_the_end_those_that_wait_are_forgotten(self, serve: Callable[..., Any]) -> None:
        world = serve({"x": PHONE}, bounds=bounds())
        for _ in range(REQUESTS_PER_TURN + 20):
            world.ask("x")
        world.reactor.turn()
        world.close()
        assert world.service.waiting == 0
        assert world.service.transfers == 0


def refusing(number: int) -> Callable[[bytes], int]:
    def transmit(packet: bytes) -> int:
        raise OSError(number, "refused")

    return transmit


def test_the_end_comes_with_the_last_of_several_acknowledgements(serve: Callable[..., Any]) -> None:
    world = serve({"x": b"short"})
    answers = [(client, world.answer(client)[1]) for client in (world.ask("x"), world.ask("x"))]
    ended = Deferred.fromCoroutine(world.service.stop(5))
    for client, sender in answers:
        client.sendto(packets.ack(1), sender)
    with capturedLogs() as lines:
        world.reactor.settle()
    assert ended.called
    assert [line for line in lines if "log_failure" in line] == []


class TestTheNetworkIsGone:
    def test_the_end_waits_for_nobody_who_cannot_be_told(self, serve: Callable[..., Any]) -> None:
        world = serve({"x": PHONE})
        for _ in range(3):
            world.answer(world.ask("x"))
        for running in world.service._transfers:
            running.line.transmit = refusing(errno.ENETUNREACH)
        # Sooner than anything is sent again.
        ended = Deferred.fromCoroutine(world.service.stop(0.5))
        assert not ended.called
        world.reactor.advance(0.6)
        assert ended.called
        assert (world.service.transfers, world.service.admitted) == (0, 0)
        assert world.contents.ends == {"aborted": 3}

    def test_a_packet_that_the_kernel_has_no_memory_for_is_sent_again(self, serve: Callable[..., Any]) -> None:
        world = serve({"x": PHONE})
        client = world.ask("x")
        _, sender = world.answer(client)
        (line,) = [running.line for running in world.service._transfers]
        well, line.transmit = line.transmit, refusing(errno.ENOBUFS)
        client.sendto(packets.ack(1), sender)
        world.reactor.settle()
        world.reactor.advance(8)
        assert heard(client) is None
        assert world.service.transfers == 1
        line.transmit = well
        world.reactor.advance(8)
        assert world.answer(client)[0][:4] == packets.data_head(2)

    def test_who_cannot_be_answered_is_left_alone(self, serve: Callable[..., Any], single_port: bool) -> None:
        world = serve({"x": PHONE}, single_port=single_port)
        (sock,) = world.service._listening
        for name in ("x", "none"):
            request = packets.request(False, name, "octet")
            world.service._datagram(sock, request, ("127.0.0.1", 0), "127.0.0.1", world.reactor.seconds())
            world.reactor.settle()
        assert (world.service.transfers, world.service.admitted) == (0, 0)


class SlowToKeep(Contents):
    """Contents that keep an upload when a test says so."""

    def __init__(self) -> None:
        super().__init__({})
        self.kept: Deferred[None] = Deferred()

    async def uploaded(self, upload: Upload) -> None:
        await self.kept
        await super().uploaded(upload)


class TestTheEndWithAnUpload:
    def uploading(self, serve: Callable[..., Any], single_port: bool) -> tuple[Any, Deferred[None]]:
        world = serve({}, contents=SlowToKeep(), single_port=single_port)
        client = world.client()
        client.sendto(packets.request(True, "x.log", "octet"), world.address)
        _, sender = world.answer(client)
        client.sendto(packets.data_head(1) + b"line", sender)
        assert world.answer(client)[0] == packets.ack(1)
        return world, Deferred.fromCoroutine(world.service.stop(3))

    def test_it_waits_until_what_was_acknowledged_is_kept(self, serve: Callable[..., Any], single_port: bool) -> None:
        world, ended = self.uploading(serve, single_port)
        assert not ended.called
        world.contents.kept.callback(None)
        assert ended.called
        assert [upload.content for upload in world.contents.uploads] == [b"line"]

    def test_it_does_not_wait_for_ever(self, serve: Callable[..., Any], single_port: bool) -> None:
        world, ended = self.uploading(serve, single_port)
        world.reactor.advance(3)
        assert ended.called
        world.contents.kept.errback(ZeroDivisionError())


def test_nothing_is_planned_when_a_lost_client_was_the_last(serve: Callable[..., Any]) -> None:
    world = serve({"x": PHONE})
    world.answer(world.ask("x"))
    ended = Deferred.fromCoroutine(world.service.stop(1_000))
    for _ in range(2_000):
        world.reactor.advance(0.05)
    assert ended.called
    assert world.contents.ends == {"timed-out": 1}
    assert not world.reactor.getDelayedCalls()


def test_an_upload_in_large_blocks_arrives_whole(serve: Callable[..., Any], single_port: bool) -> None:
    world = serve({}, single_port=single_port, limits=Limits(block_size=8_192))
    client = world.client()
    client.sendto(packets.request(True, "x.log", "octet", {"blksize": "8192"}), world.address)
    agreed, sender = world.answer(client)
    assert agreed.startswith(b"\0\6blksize\0")
    size = int(agreed.split(b"\0")[2])
    content = random.Random(2).randbytes(20_000)
    for block in range(1, len(content) // size + 2):
        piece = content[(block - 1) * size : block * size]
        client.sendto(packets.data_head(block) + piece, sender)
        assert world.answer(client)[0] == packets.ack(block)
    assert [upload.content for upload in world.contents.uploads] == [content]


class Told(Contents):
    """Contents that let somebody look around whenever they are asked or told something."""

    def __init__(self, files: dict[str, bytes | Path], look: Callable[[str], None]) -> None:
        super().__init__(files)
        self._look = look

    def at_once(self, filename: str, peer: str) -> bytes | Path | None:
        self._look("asked")
        return super().at_once(filename, peer)

    def ended(self, result: TransferResult) -> None:
        self._look("ended")
        super().ended(result)


class TestTogether:
    """What came in together is read before the first is answered, so that the answers leave one after the other."""

    def test_answers_leave_when_all_that_came_in_has_been_read(self, serve: Callable[..., Any]) -> None:
        seen: list[tuple[str, int]] = []

        def look(what: str) -> None:
            seen.append((what, sum(heard(client) is not None for client in clients)))

        world = serve({"x": PHONE[:600]}, contents=Told({"x": PHONE[:600], "y": b""}, look), bounds=bounds())
        clients = [world.client() for _ in range(4)]
        for client in clients:
            world.ask("x", client)
        last = world.ask("y")
        world.reactor.turn()
        assert seen == [("asked", 0)] * 5
        first = [client.recvfrom(600) for client in clients]
        assert [datagram[:4] for datagram, _ in first] == [FIRST] * 4
        seen.clear()
        for client, (_, sender) in zip(clients, first, strict=True):
            client.sendto(packets.ack(1), sender)
        last.sendto(packets.ack(1), last.recvfrom(600)[1])
        world.reactor.turn()
        assert seen == [("ended", 0)]
        assert [heard(client)[:4] for client in clients] == [packets.data_head(2)] * 4

    def test_those_whose_turn_has_come_are_answered_together_too(self, serve: Callable[..., Any]) -> None:
        answered: list[int] = []
        world = serve(
            {}, contents=Told({"x": PHONE}, lambda _: answered.append(heard(clients[-2]) is not None)), bounds=bounds()
        )
        clients = [world.ask("x") for _ in range(REQUESTS_PER_TURN + 2)]
        world.reactor.turn()
        answered.clear()
        world.reactor.advance(0)
        assert answered == [False, False]
        assert [heard(client)[:4] for client in clients[-2:]] == [FIRST] * 2

    def test_a_transfer_that_another_one_ends_before_it_is_answered_sends_nothing(
        self, serve: Callable[..., Any]
    ) -> None:
        world = serve({"x": PHONE, "y": PHONE[::-1]}, single_port=True)
        client = world.ask("x")
        world.ask("y", client)
        world.reactor.turn()
        assert heard(client) == FIRST + PHONE[::-1][:512]
        assert heard(client) is None
        assert world.contents.ends == {"aborted": 1}

    def test_what_cannot_be_sent_ends_its_transfer_and_no_other(
        self, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = serve({"x": PHONE, "y": PHONE[::-1]})
        put = OwnLine.put

        def fails(line: OwnLine, outgoing: Any) -> None:
            if bytes(outgoing) == FIRST + PHONE[:512]:
                raise OSError("no route to this phone")
            put(line, outgoing)

        monkeypatch.setattr(OwnLine, "put", fails)
        unlucky, lucky = world.ask("x"), world.ask("y")
        world.reactor.turn()
        assert heard(unlucky)[:4] == b"\0\5\0\0"
        assert heard(lucky)[:4] == FIRST
        assert (world.service.transfers, world.service.admitted) == (1, 1)
        assert world.contents.ends == {"aborted": 1}


def test_nothing_of_a_transfer_stays(serve: Callable[..., Any], single_port: bool) -> None:
    world = serve({"x": PHONE}, single_port=single_port, bounds=bounds())
    clients = [world.client() for _ in range(20)]

    def some(count: int) -> tuple[int, int]:
        for number in range(count):
            assert world.fetch("x", clients[number % 20]) == PHONE
        gc.collect()
        return len(gc.get_objects()), world.service.sockets

    some(100)
    objects, sockets = some(100)
    later, sockets_later = some(1_000)
    assert sockets_later == sockets <= KEPT
    assert later - objects < 100
    assert world.service.admitted == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_random_packets_break_nothing(tmp_path: Path, single_port: bool, seed: int) -> None:
    fuzz = Fuzz(seed, tmp_path, single_port=single_port)
    try:
        found = fuzz.run(2_000)
    finally:
        fuzz.close()
    assert (found.packets, found.checks) == (2_000, 2)
    assert found.answers > 200
