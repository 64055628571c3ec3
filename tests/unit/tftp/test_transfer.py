"""Transfers on paper: sizes, duplicates, losses, roll-over, and a network that does its worst."""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.tftp import packets
from provisiond.tftp.image import Outgoing, datagrams, prepared
from provisiond.tftp.options import Agreement
from provisiond.tftp.packets import Ack, Data, PeerError
from provisiond.tftp.receiving import MAX_UPLOAD, WriteTransfer
from provisiond.tftp.rtt import CEILING, FLOOR, RetransmissionTimer
from provisiond.tftp.transfer import MAX_TRIES, Outcome, ReadTransfer, Tick


def transfer(content: bytes, **members: object) -> ReadTransfer:
    agreement = Agreement(**members)  # type: ignore[arg-type]
    return ReadTransfer(prepared(content, agreement.block_size), agreement)


def blocks(sent: list[Outgoing]) -> list[int]:
    found = []
    for datagram in datagrams(sent):
        packet = packets.parse(datagram)
        assert isinstance(packet, Data)
        found.append(packet.block)
    return found


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1023, 1024, 1025, 5120])
@pytest.mark.parametrize("window", [1, 4])
def test_every_size_ends_with_a_short_block(size: int, window: int) -> None:
    content = bytes(number % 251 for number in range(size))
    machine = transfer(content, window_size=window)
    received: dict[int, bytes] = {}
    sent = machine.start(0.0)
    for _ in range(50):
        if machine.outcome is not None:
            break
        for datagram in datagrams(sent):
            packet = packets.parse(datagram)
            assert isinstance(packet, Data)
            received[packet.block] = packet.payload
        sent = machine.handle(Ack(max(received)), 0.01)
    assert machine.outcome is Outcome.DONE
    assert b"".join(received[number] for number in sorted(received)) == content
    assert len(received[max(received)]) < 512
    assert machine.bytes_acknowledged == size


class TestLockStep:
    def test_a_duplicate_acknowledgement_sends_nothing(self) -> None:
        machine = transfer(b"x" * 2000)
        machine.start(0.0)
        assert blocks(machine.handle(Ack(1), 0.1)) == [2]
        for _ in range(10):
            assert machine.handle(Ack(1), 0.1) == []
            assert machine.handle(Ack(0), 0.1) == []

    def test_acknowledgements_of_the_future_are_ignored(self) -> None:
        machine = transfer(b"x" * 2000)
        machine.start(0.0)
        for number in (2, 3, 40_000, 65_535):
            assert machine.handle(Ack(number), 0.1) == []
        assert machine.outcome is None

    def test_a_finished_transfer_answers_nothing(self) -> None:
        machine = transfer(b"")
        machine.start(0.0)
        assert machine.handle(Ack(1), 0.1) == []
        assert machine.outcome is Outcome.DONE
        for event in (Ack(1), Ack(2), Tick(), PeerError(0, "x"), Data(1, b"")):
            assert machine.handle(event, 99.0) == []

    def test_a_client_may_refuse(self) -> None:
        machine = transfer(b"x")
        machine.start(0.0)
        assert machine.handle(PeerError(0, "no"), 0.1) == []
        assert machine.outcome is Outcome.REFUSED_BY_CLIENT

    def test_losses_are_sent_again_ever_later_and_then_given_up(self) -> None:
        machine = transfer(b"x")
        machine.start(0.0)
        now, pauses = 0.0, []
        while machine.outcome is None:
            assert machine.handle(Tick(), machine.deadline - 0.001) == []
            pauses.append(machine.deadline - now)
            now = machine.deadline
            machine.handle(Tick(), now)
        assert machine.outcome is Outcome.TIMED_OUT
        assert len(pauses) == MAX_TRIES
        assert pauses == sorted(pauses)
        assert max(pauses) <= CEILING

    def test_a_phone_that_erases_its_flash_for_ten_seconds_is_waited_for(self) -> None:
        machine = transfer(bytes(512 * 100))
        now = 0.0
        machine.start(now)
        for number in range(1, 51):
            now += 0.002
            machine.handle(Ack(number), now)
        while machine.deadline < now + 10:
            machine.handle(Tick(), machine.deadline)
        assert machine.outcome is None
        assert blocks(machine.handle(Ack(51), now + 10)) == [52]

    def test_block_numbers_roll_over(self) -> None:
        machine = transfer(b"12345678" * 66_000, block_size=8)
        sent = machine.start(0.0)
        for number in range(1, 66_001):
            assert blocks(sent) == [number & 0xFFFF]
            sent = machine.handle(Ack(number & 0xFFFF), 0.0)
        assert blocks(sent) == [66_001 & 0xFFFF]
        machine.handle(Ack(66_001 & 0xFFFF), 0.0)
        assert machine.outcome is Outcome.DONE


class TestOptions:
    def test_the_oack_comes_first_and_again_until_it_is_acknowledged(self) -> None:
        machine = transfer(b"abc", block_size=1024, acknowledged={"blksize": "1024"})
        assert machine.start(0.0) == [b"\0\6blksize\x001024\0"]
        assert machine.handle(Tick(), 1.0) == [b"\0\6blksize\x001024\0"]
        assert blocks(machine.handle(Ack(0), 1.1)) == [1]
        assert machine.handle(Ack(0), 1.2) == []

    def test_a_window_rolls_back_once_for_a_repeat(self) -> None:
        machine = transfer(b"x" * 512 * 10, window_size=4)
        assert blocks(machine.start(0.0)) == [1, 2, 3, 4]
        assert blocks(machine.handle(Ack(2), 0.1)) == [3, 4, 5, 6]
        assert blocks(machine.handle(Ack(2), 0.2)) == [3, 4, 5, 6]
        assert machine.handle(Ack(2), 0.3) == []
        assert blocks(machine.handle(Ack(6), 0.4)) == [7, 8, 9, 10]


class TestTimer:
    def test_it_follows_the_round_trip_and_has_a_floor(self) -> None:
        timer = RetransmissionTimer()
        assert timer.value == 1.0
        for _ in range(50):
            timer.measured(0.001)
        assert timer.value == FLOOR
        for _ in range(50):
            timer.measured(1.5)
        assert 1.5 < timer.value < 3.0

    def test_a_doubled_timeout_stays_until_something_was_measured(self) -> None:
        machine = transfer(b"x" * 2000)
        machine.start(0.0)
        machine.handle(Ack(1), 0.01)
        assert machine.deadline == pytest.approx(0.01 + FLOOR)
        assert blocks(machine.handle(Tick(), 0.2)) == [2]
        machine.handle(Ack(2), 0.3)  # of the first or of the second? Nobody knows.
        assert machine.deadline == pytest.approx(0.3 + 2 * FLOOR)
        machine.handle(Ack(3), 0.31)
        assert machine.deadline == pytest.approx(0.31 + FLOOR)

    @pytest.mark.parametrize("pause", [0.05, 0.15, 0.3, 0.9, 2.5])
    def test_a_phone_that_becomes_slow_is_not_sent_everything_twice(self, pause: float) -> None:
        machine = transfer(bytes(512 * 400))
        now, sent = 0.0, machine.start(0.0)
        for number in range(1, 401):
            answered = now + (0.001 if number <= 100 else pause)
            while machine.deadline < answered:
                machine.handle(Tick(), machine.deadline)
            now = answered
            assert sent or number == 401
            sent = machine.handle(Ack(number), now)
        assert machine.outcome is None
        assert machine.retransmissions <= 12

    def test_an_agreed_timeout_is_start_and_ceiling(self) -> None:
        timer = RetransmissionTimer(3)
        timer.measured(0.001)
        timer.backed_off()
        assert timer.value == 3.0


class Client:
    """A client written from the RFCs: acknowledges whole windows, and the last good block at a gap.

    It tells of a gap once for each time that the window is sent, not once for each block behind it.
    """

    def __init__(self, block_size: int, window: int) -> None:
        self.block_size, self.window = block_size, window
        self.content = bytearray()
        self.expected, self.since_ack = 1, 0
        self.beyond: int | None = None
        self.done = False

    def take(self, datagram: bytes) -> list[bytes]:
        if datagram[:2] == b"\0\6":
            return [packets.ack(0)] if self.expected == 1 else []
        packet = packets.parse(datagram)
        if not isinstance(packet, Data):
            return []
        if packet.block == self.expected & 0xFFFF and not self.done:
            self.content += packet.payload
            self.expected += 1
            self.since_ack += 1
            self.beyond = None
            self.done = len(packet.payload) < self.block_size
            if self.done or self.since_ack >= self.window:
                self.since_ack = 0
                return [packets.ack(self.expected - 1)]
            return []
        again = self.beyond is None or packet.block <= self.beyond
        self.beyond = packet.block
        if self.done or self.window == 1 or again:
            self.since_ack = 0
            return [packets.ack(self.expected - 1)]
        return []


def simulate(
    content: bytes, agreement: Agreement, seed: int, loss: float, *, doubled: float = 0.1, delay: float = 0.1
) -> tuple[ReadTransfer, Client, int, float]:
    """Play a transfer over a network that loses, doubles, delays and so reorders datagrams; the last is its time."""
    chance = random.Random(seed)
    machine = ReadTransfer(prepared(content, agreement.block_size), agreement)
    client = Client(agreement.block_size, agreement.window_size)
    queue: list[tuple[float, int, bool, bytes]] = []
    sends = order = 0

    def put(sent: list[bytes], now: float, to_client: bool) -> None:
        nonlocal order
        for datagram in sent:
            for _ in range(1 + (chance.random() < doubled)):
                if chance.random() >= loss:
                    order += 1
                    heapq.heappush(queue, (now + 0.0005 + chance.random() * delay, order, to_client, datagram))

    first = datagrams(machine.start(0.0))
    sends += len(first)
    put(first, 0.0, True)
    now = client_deadline = 0.0
    while machine.outcome is None and now < 3600:
        if queue and queue[0][0] <= machine.deadline:
            now, _, to_client, datagram = heapq.heappop(queue)
            if to_client:
                put(client.take(datagram), now, False)
                client_deadline = now + 1.0
                continue
            sent = datagrams(machine.handle(packets.parse(datagram), now))
        else:
            now = max(now, machine.deadline)
            sent = datagrams(machine.handle(Tick(), now))
        sends += len(sent)
        put(sent, now, True)
    assert client_deadline >= 0
    return machine, client, sends, now


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4000), st.sampled_from([1, 2, 7, 16]), st.integers(0, 2**32), st.booleans(), st.booleans())
def test_a_bad_network_never_damages_content_nor_multiplies_it(
    size: int, window: int, seed: int, options: bool, lossy: bool
) -> None:
    content = random.Random(size).randbytes(size)
    acknowledged = {"blksize": "64"} if options else {}
    agreement = Agreement(block_size=64, window_size=window, acknowledged=acknowledged)
    machine, client, sends, _ = simulate(content, agreement, seed, 0.15 if lossy else 0.0)
    assert content.startswith(bytes(client.content))
    if machine.outcome is Outcome.DONE:
        assert bytes(client.content) == content
    else:
        # Only the very last acknowledgement may stay unheard for ever: a client that is done goes away.
        assert machine.outcome is Outcome.TIMED_OUT
    number = size // 64 + 1
    assert sends <= 40 + number * (4 if lossy else 2) * (window if window > 1 else 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4000), st.integers(0, 2**32))
def test_lock_step_without_loss_ends_well_whatever_is_doubled(size: int, seed: int) -> None:
    machine, client, sends, _ = simulate(bytes(size), Agreement(block_size=64), seed, 0.0)
    assert machine.outcome is Outcome.DONE
    assert len(client.content) == size
    assert sends <= 2 * (size // 64 + 1) + 10


@pytest.mark.parametrize(("window", "most"), [(1, 3.0), (16, 0.4)])
def test_a_lossy_network_costs_little_time(window: int, most: float) -> None:
    agreement = Agreement(block_size=1428, window_size=window)
    times = []
    for seed in range(31):
        machine, _client, _sends, seconds = simulate(bytes(256_000), agreement, seed, 0.05, doubled=0, delay=0)
        # A client that is done and goes away leaves the very last acknowledgement unheard at times.
        assert machine.outcome is not None
        times.append(seconds)
    assert sorted(times)[15] < most


class TestUploads:
    def send(self, content: bytes, block_size: int = 512) -> WriteTransfer:
        machine = WriteTransfer(Agreement(block_size=block_size))
        assert machine.start(0.0) == [packets.ack(0)]
        for number in range(len(content) // block_size + 1):
            payload = content[number * block_size : (number + 1) * block_size]
            assert machine.handle(Data((number + 1) & 0xFFFF, payload), 0.1) == [packets.ack(number + 1)]
        return machine

    @pytest.mark.parametrize("size", [0, 1, 512, 1000, 5120])
    def test_every_size(self, size: int) -> None:
        machine = self.send(bytes(size))
        assert (machine.outcome, len(machine.content)) == (Outcome.DONE, size)

    def test_repeats_are_acknowledged_again_and_strays_ignored(self) -> None:
        machine = WriteTransfer(Agreement())
        machine.start(0.0)
        machine.handle(Data(1, bytes(512)), 0.1)
        assert machine.handle(Data(1, bytes(512)), 0.2) == [packets.ack(1)]
        assert machine.handle(Data(9, bytes(512)), 0.2) == []
        assert machine.bytes_acknowledged == 512

    def test_too_much_is_refused(self) -> None:
        machine = WriteTransfer(Agreement(block_size=65464))
        machine.start(0.0)
        for number in range(1, MAX_UPLOAD // 65464 + 2):
            sent = machine.handle(Data(number, bytes(65464)), 0.1)
        assert machine.outcome is Outcome.ABORTED
        assert datagrams(sent)[0][:4] == b"\0\5\0\3"

    def test_silence_ends_it(self) -> None:
        machine = WriteTransfer(Agreement())
        machine.start(0.0)
        while machine.outcome is None:
            machine.handle(Tick(), machine.deadline)
        assert machine.outcome is Outcome.TIMED_OUT
