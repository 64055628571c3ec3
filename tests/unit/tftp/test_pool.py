"""Sockets that are used again never let a former client in, and never make the epoll spin."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator

import pytest
from twisted.logger import capturedLogs

from provisiond.tftp.image import Run, prepared
from provisiond.tftp.lines import OwnLine, SharedLine
from provisiond.tftp.pool import SocketPool, drained
from provisiond.tftp.sockets import RECEIVE_BUFFER, leaving_from, listening, received, widen

LOCAL = "127.0.0.1"


def client() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((LOCAL, 0))
    sock.settimeout(10)
    return sock


@pytest.fixture
def epoll() -> Iterator[select.epoll]:
    with select.epoll() as watched:
        yield watched


@pytest.fixture
def pool(epoll: select.epoll) -> Iterator[SocketPool]:
    made = SocketPool(epoll, kept=2)
    yield made
    made.close()


def test_a_socket_is_used_again_and_forgets_what_came_for_the_former_client(
    pool: SocketPool, epoll: select.epoll
) -> None:
    with client() as first, client() as second:
        line = pool.take(LOCAL, first.getsockname())
        port = line.sock.getsockname()[1]
        pool.give_back(LOCAL, line)
        first.sendto(b"late", (LOCAL, port))
        again = pool.take(LOCAL, second.getsockname())
        assert again is line
        first.sendto(b"later", (LOCAL, port))
        second.sendto(b"mine", (LOCAL, port))
        assert epoll.poll(10)
        assert again.receive(100) == b"mine"


def test_what_comes_in_on_an_idle_socket_is_dropped(pool: SocketPool, epoll: select.epoll) -> None:
    with client() as phone:
        line = pool.take(LOCAL, phone.getsockname())
        pool.give_back(LOCAL, line)
        for _ in range(10):
            phone.sendto(b"stray", line.sock.getsockname())
        ((fd, _),) = epoll.poll(10)
        pool.drop(fd)
        assert epoll.poll(0) == []


def test_an_icmp_error_on_an_idle_socket_is_cleared(pool: SocketPool, epoll: select.epoll) -> None:
    with client() as phone:
        peer = phone.getsockname()
    line = pool.take(LOCAL, peer)
    line.send([b"to a closed port"])
    pool.give_back(LOCAL, line)
    for fd, _ in epoll.poll(10):
        pool.drop(fd)
    assert epoll.poll(0) == []


def test_an_icmp_error_of_the_former_client_does_not_end_the_next_transfer(pool: SocketPool) -> None:
    with client() as gone:
        peer = gone.getsockname()
    line = pool.take(LOCAL, peer)
    line.send([b"to a closed port"])
    assert line.waits(10_000)
    pool.give_back(LOCAL, line)
    with client() as phone:
        again = pool.take(LOCAL, phone.getsockname())
        assert again is line
        assert not again.waits(0)
        again.send([b"well"])
        assert phone.recv(10) == b"well"


def test_only_so_many_idle_sockets_are_kept(pool: SocketPool) -> None:
    with client() as phone:
        taken = [pool.take(LOCAL, phone.getsockname()) for _ in range(5)]
        assert len(pool) == 5
        for line in taken:
            pool.give_back(LOCAL, line)
        assert len(pool) == 2


def test_ports_stay_in_their_range(epoll: select.epoll) -> None:
    with client() as phone, client() as probe:
        free = probe.getsockname()[1]
        probe.close()
        pool = SocketPool(epoll, ports=(free, free))
        line = pool.take(LOCAL, phone.getsockname())
        assert line.sock.getsockname()[1] == free
        with pytest.raises(OSError, match="in use"):
            pool.take(LOCAL, phone.getsockname())
        pool.close()
        assert len(pool) == 0


def test_a_socket_with_endless_input_is_not_drained() -> None:
    with client() as reader, client() as writer:
        reader.setblocking(False)
        for _ in range(100):
            writer.sendto(b"x", reader.getsockname())
        assert not drained(reader)
        assert drained(reader)


@pytest.mark.parametrize("segmented", [True, False])
@pytest.mark.parametrize(("block_size", "window"), [(8, 3), (512, 16), (1428, 64), (8192, 4), (65464, 2)])
def test_runs_arrive_as_single_datagrams(segmented: bool, block_size: int, window: int) -> None:
    content = bytes(range(256)) * (block_size * window // 256 + 1)
    image = prepared(content[: block_size * window - 1], block_size)
    with client() as phone, client() as ours:
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
        ours.connect(phone.getsockname())
        OwnLine(ours, segmented=segmented).send([image.packets(1, window)])
        got = [phone.recv(70_000) for _ in range(window)]
    assert [len(each) for each in got] == [block_size + 4] * (window - 1) + [block_size + 3]
    assert b"".join(each[4:] for each in got) == content[: block_size * window - 1]


def test_the_next_transfer_of_a_socket_is_not_cut_as_the_former_one(epoll: select.epoll) -> None:
    pool = SocketPool(epoll)
    with client() as first, client() as second:
        line = pool.take(LOCAL, first.getsockname())
        line.put(prepared(bytes(8 * 9), 8).packets(1, 9))
        assert [len(first.recv(100)) for _ in range(9)] == [12] * 9
        pool.give_back(LOCAL, line)
        assert pool.take(LOCAL, second.getsockname()) is line
        line.put(prepared(bytes(1_000), 1_000).packet(1))
        assert len(second.recv(2_000)) == 1_004
        line.put(prepared(bytes(500 * 2), 500).packets(1, 2))
        assert [len(second.recv(2_000)) for _ in range(2)] == [504, 504]
    pool.close()


class OldKernel:
    """A socket of a system that cannot cut what is sent."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.fileno, self.recv, self.send = sock.fileno, sock.recv, sock.send

    def setsockopt(self, *_: int) -> None:
        raise OSError(errno.ENOPROTOOPT, "no such option")


def test_what_cannot_be_sent_at_all_is_an_error() -> None:
    with client() as phone, client() as ours:
        ours.connect(phone.getsockname())
        line = OwnLine(ours)
        for _ in range(2):
            with pytest.raises(OSError, match="too long"):
                line.put(Run(memoryview(bytes(140_000)), 70_000))


def test_where_the_kernel_cannot_cut_packets_go_one_by_one() -> None:
    with client() as phone, client() as ours:
        ours.connect(phone.getsockname())
        line = OwnLine(OldKernel(ours))  # type: ignore[arg-type]
        for _ in range(2):
            line.put(prepared(bytes(8 * 3), 8).packets(1, 3))
            assert [len(phone.recv(100)) for _ in range(3)] == [12] * 3
        line.renew()


def test_a_listening_socket_answers_from_the_address_that_was_asked() -> None:
    with listening("0.0.0.0:0") as server, client() as phone:
        phone.sendto(b"ask", ("127.0.0.5", server.getsockname()[1]))
        select.select([server], [], [], 10)
        _, peer, local = received(server)
        assert local == "127.0.0.5"
        SharedLine(server, peer, leaving_from(local)).send([prepared(bytes(20), 8).packets(1, 3)])
        answers = [phone.recvfrom(100) for _ in range(3)]
    assert {sender for _, sender in answers} == {("127.0.0.5", answers[0][1][1])}
    assert [len(data) for data, _ in answers] == [12, 12, 8]


class Kernel:
    """A socket of a system that grants so many bytes, and more only to the privileged."""

    def __init__(self, most: int, privileged: bool) -> None:
        self.most, self.privileged, self.size = most, privileged, 0

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if option == socket.SO_RCVBUF:
            self.size = 2 * min(value, self.most)
        elif self.privileged:
            self.size = 2 * value
        else:
            raise PermissionError

    def getsockopt(self, level: int, option: int) -> int:
        return self.size


@pytest.mark.parametrize(
    ("most", "privileged", "told"), [(212_992, True, 0), (8_000_000, False, 0), (212_992, False, 1)]
)
def test_a_small_receive_buffer_is_told(most: int, privileged: bool, told: int) -> None:
    kernel = Kernel(most, privileged)
    with capturedLogs() as lines:
        widen(kernel)  # type: ignore[arg-type]
    assert [line["granted"] for line in lines] == [212_992] * told
    assert kernel.size == 2 * (RECEIVE_BUFFER if not told else most)
