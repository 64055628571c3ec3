"""HTTP for phones on real sockets: large files, slow and vanishing clients, many connections, nothing left behind."""

from __future__ import annotations

import os
import random
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from bench.phones import fetch_http, fetch_tftp
from tests.support.servers import Running, build_repository, running
from tests.support.waiting import until

SEP = "SEP001B54000005.cnf.xml"
BIG = random.Random(1).randbytes(6_000_001)
SMALL = random.Random(2).randbytes(70_000)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    with running(directory, build_repository(directory)) as server:
        server.install("cisco-sccp-9.0.3")
        root = server.server.state / "plugins" / "cisco-sccp-9.0.3" / "var" / "tftpboot"
        (root / "big.bin").write_bytes(BIG)
        (root / "small.bin").write_bytes(SMALL)
        assert fetch_http(server.http, f"/{SEP}", address="127.0.0.1") is not None
        yield server


def connected(house: Running, receive_buffer: int | None = None) -> socket.socket:
    client = socket.socket()
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(60)
    client.connect(("127.0.0.1", house.http))
    return client


def read_all(client: socket.socket) -> bytes:
    pieces = []
    while piece := client.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def descriptors(house: Running) -> int:
    return len(os.listdir(f"/proc/{house.server.pid}/fd"))


class TestLargeFiles:
    @pytest.mark.parametrize(("name", "content"), [("big.bin", BIG), ("small.bin", SMALL)])
    def test_they_come_whole_and_in_parts(self, house: Running, name: str, content: bytes) -> None:
        url = f"http://127.0.0.1:{house.http}/{name}"
        for part, expected in (("0-", content), ("65000-66000", content[65_000:66_001]), ("-7", content[-7:])):
            done = subprocess.run(["curl", "-s", "-r", part, url], capture_output=True, check=True, timeout=60)
            assert done.stdout == expected
        assert fetch_http(house.http, f"/{name}", address="127.0.0.1") == content

    def test_one_after_the_other_on_one_connection(self, house: Running) -> None:
        request = b"GET /big.bin HTTP/1.1\r\nRange: bytes=%d-\r\n\r\n"
        with connected(house) as client:
            client.sendall(b"".join(request % (len(BIG) - size) for size in (3_000_000, 10, 1_000_000)))
            client.sendall(b"GET /%s HTTP/1.1\r\nConnection: close\r\n\r\n" % SEP.encode())
            received = read_all(client)
        for size in (3_000_000, 10, 1_000_000):
            head, _, received = received.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 206")
            assert received[:size] == BIG[-size:]
            received = received[size:]
        assert b"<device" in received

    def test_to_many_clients_at_once(self, house: Running) -> None:
        request = b"GET /big.bin HTTP/1.1\r\nConnection: close\r\n\r\n"

        def fetch(_: int) -> bytes:
            with connected(house) as client:
                client.sendall(request)
                return read_all(client)

        with ThreadPoolExecutor(8) as pool:
            for answer in pool.map(fetch, range(40)):
                head, _, body = answer.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK")
                assert body == BIG

    def test_to_a_client_that_reads_slowly(self, house: Running) -> None:
        with connected(house, receive_buffer=4096) as client:
            client.sendall(b"GET /big.bin HTTP/1.1\r\nConnection: close\r\n\r\n")
            received = bytearray()
            while len(received) < 300_000:
                received += client.recv(3_000)
            # Meanwhile the others are served.
            assert fetch_http(house.http, "/small.bin", address="127.0.0.1") == SMALL
            received += read_all(client)
        assert bytes(received).partition(b"\r\n\r\n")[2] == BIG

    def test_clients_that_go_away_leave_nothing_open(self, house: Running) -> None:
        before = descriptors(house)
        for _ in range(40):
            with connected(house) as client:
                client.sendall(b"GET /big.bin HTTP/1.1\r\n\r\n")
                client.recv(1000)
        assert until(lambda: descriptors(house) <= before)
        assert fetch_http(house.http, "/small.bin", address="127.0.0.1") == SMALL
        assert "Traceback" not in house.server.log_text()

    def test_a_file_that_is_cut_short_meanwhile_ends_the_connection(self, house: Running) -> None:
        path = house.server.state / "plugins" / "cisco-sccp-9.0.3" / "var" / "tftpboot" / "shrinking.bin"
        path.write_bytes(BIG)
        with connected(house, receive_buffer=4096) as client:
            client.sendall(b"GET /shrinking.bin HTTP/1.1\r\nConnection: close\r\n\r\n")
            received = len(client.recv(1000))
            os.truncate(path, 1000)
            with suppress(ConnectionResetError):
                received += len(read_all(client))
        assert received < len(BIG)
        path.unlink()
        assert fetch_http(house.http, "/small.bin", address="127.0.0.1") == SMALL


class TestManyConnections:
    def test_four_hundred_phones_at_once(self, house: Running) -> None:
        with ExitStack() as open_ones:
            clients = [open_ones.enter_context(connected(house)) for _ in range(400)]
            for _ in range(2):
                for client in clients:
                    client.sendall(b"GET /%s HTTP/1.1\r\n\r\n" % SEP.encode())
                for client in clients:
                    assert client.recv(65_536).startswith(b"HTTP/1.1 200 OK")

    @pytest.mark.parametrize(
        "path",
        [b"/../../config.yml", b"/%2e%2e/%2e%2e/config.yml", b"/..%5c..%5cconfig.yml", b"/.hidden", b"//etc/passwd"],
    )
    def test_no_spelling_leaves_the_root(self, house: Running, path: bytes) -> None:
        for method in (b"GET", b"HEAD", b"get"):
            with connected(house) as client:
                client.sendall(method + b" " + path + b" HTTP/1.1\r\nConnection: close\r\n\r\n")
                assert b" 200 " not in read_all(client).partition(b"\r\n")[0]


class TestSoak:
    def test_memory_and_descriptors_stay_as_they_are(self, house: Running) -> None:
        def work(rounds: int) -> None:
            request = b"GET /%s HTTP/1.1\r\n\r\n" % SEP.encode()
            for _ in range(rounds):
                with connected(house) as client:
                    client.sendall(request * 200 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                    assert read_all(client).count(b"HTTP/1.1 200 OK") == 201
                assert fetch_tftp(house.tftp, SEP, address="127.0.0.1") is not None

        work(10)
        descriptors_before, memory_before = descriptors(house), resident(house)
        work(30)
        assert until(lambda: descriptors(house) <= descriptors_before + 2)
        assert resident(house) - memory_before < 20_000_000


def resident(house: Running) -> int:
    """Return the daemon's memory in bytes."""
    pages = Path(f"/proc/{house.server.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
