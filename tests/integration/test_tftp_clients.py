"""TFTP with clients that nobody here wrote, and with datagrams that no client would send."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tftp
from bench.phones import fetch_atftp, fetch_tftp
from tests.support.lossy_relay import lossy_relay
from tests.support.servers import Running, build_repository, prepared

SEP = "SEP001B54000005.cnf.xml"
BIG = random.Random(1).randbytes(3_000_000)
FILES = {
    "big.bin": BIG,
    "middle.bin": BIG[:90_001],
    "zero.bin": b"",
    "exact.bin": b"x" * 1024,
    "text.txt": b"a\nb\rc\r\n",
}


@pytest.fixture(scope="module", params=["a port for each transfer", "a single port"])
def house(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    server = prepared(directory, build_repository(directory))
    settings = server.server.settings
    text = settings.read_text().replace(
        f"- 127.0.0.1:{server.tftp}", f"- 127.0.0.1:{server.tftp}\n  - '[::1]:{server.tftp}'"
    )
    single = request.param == "a single port"
    settings.write_text(text.replace("tftp:\n", f"tftp:\n  single_port: {str(single).lower()}\n  image_memory: 8\n"))
    server.server.start()
    try:
        server.install("cisco-sccp-9.0.3")
        assert fetch_tftp(server.tftp, SEP, address="127.0.0.1") is not None
        root = server.server.state / "plugins" / "cisco-sccp-9.0.3" / "var" / "tftpboot"
        for name, content in FILES.items():
            (root / name).write_bytes(content)
        yield server
    finally:
        server.server.stop()


def ask(house: Running, datagram: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(datagram, ("127.0.0.1", house.tftp))
        return client.recvfrom(70_000)[0]


@pytest.mark.parametrize("name", ["big.bin", "zero.bin", "exact.bin"])
class TestClients:
    def test_tftpy(self, house: Running, tmp_path: Path, name: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tftpy

            tftpy.TftpClient("127.0.0.1", house.tftp, {"blksize": 1428}).download(name, str(tmp_path / "x"))
        assert (tmp_path / "x").read_bytes() == FILES[name]

    def test_busybox(self, house: Running, tmp_path: Path, name: str) -> None:
        command = ["busybox", "tftp", "-g", "-b", "1428", "-r", name, "-l", str(tmp_path / "x")]
        subprocess.run([*command, "127.0.0.1", str(house.tftp)], check=True, capture_output=True, timeout=60)
        assert (tmp_path / "x").read_bytes() == FILES[name]

    def test_curl_over_ipv6(self, house: Running, name: str) -> None:
        # The phone is known by its IPv4 address; what it may have over IPv6 is the file that names it.
        command = ["curl", "-s", "-g", f"tftp://[::1]:{house.tftp}/{SEP}"]
        done = subprocess.run(command, check=True, capture_output=True, timeout=60)
        assert done.stdout == fetch_tftp(house.tftp, SEP, address="127.0.0.1")

    @pytest.mark.parametrize("window", [1, 16])
    def test_atftp_with_windows(self, house: Running, tmp_path: Path, name: str, window: int) -> None:
        fetch_atftp(house.tftp, SEP, tmp_path / "own")
        options = ["--option", "blksize 1428", "--option", f"windowsize {window}", "--option", "tsize 0"]
        command = ["atftp", *options, "-g", "-r", name, "-l", str(tmp_path / "x"), "127.0.0.1", str(house.tftp)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        assert (tmp_path / "x").read_bytes() == FILES[name]


class TestTheTftpPackage:
    """The ``tftp`` package of the Python index speaks every option."""

    @pytest.mark.parametrize("name", ["big.bin", "zero.bin", "exact.bin"])
    @pytest.mark.parametrize("options", [{"blksize": None}, {"windowsize": 16}, {"blksize": 1024, "windowsize": 3}])
    def test_every_option(self, house: Running, tmp_path: Path, name: str, options: dict[str, Any]) -> None:
        fetch_atftp(house.tftp, SEP, tmp_path / "own")
        client = tftp.TFTPClient("127.0.0.1", house.tftp, timeout_option=True, **options)
        assert client.get(name) == FILES[name]


COMMANDS = {
    "tftp-hpa": ["tftp", "-m", "binary", "{host}", "{port}", "-c", "get", "{name}", "{target}"],
    "atftp": ["atftp", "--option", "blksize 1024", "-g", "-r", "{name}", "-l", "{target}", "{host}", "{port}"],
    "atftp with windows": [
        *("atftp", "--option", "blksize 1024", "--option", "windowsize 8"),
        *("-g", "-r", "{name}", "-l", "{target}", "{host}", "{port}"),
    ],
    "busybox": ["busybox", "tftp", "-g", "-b", "1024", "-r", "{name}", "-l", "{target}", "{host}", "{port}"],
    "curl": ["curl", "-sS", "-g", "--tftp-blksize", "1024", "-o", "{target}", "tftp://{url_host}:{port}/{name}"],
}


def fetched(client: str, target: Path, host: str, port: int, name: str) -> bytes:
    """Return what a client gets."""
    values = {"host": host, "url_host": f"[{host}]" if ":" in host else host, "port": port, "name": name}
    command = [part.format(target=target, **values) for part in COMMANDS[client]]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return target.read_bytes()


class TestBadLines:
    def test_every_client_gets_its_file_over_a_line_that_loses_repeats_and_swaps(
        self, house: Running, tmp_path: Path
    ) -> None:
        assert fetch_tftp(house.tftp, SEP, address="127.0.0.1") is not None
        with lossy_relay(("127.0.0.1", house.tftp), address="127.0.0.1", loss=0.04) as relay:

            def fetch(client: str) -> bytes:
                return fetched(client, tmp_path / client, "127.0.0.1", relay.port, "middle.bin")

            with ThreadPoolExecutor(len(COMMANDS)) as pool:
                assert [got == FILES["middle.bin"] for got in pool.map(fetch, COMMANDS)] == [True] * len(COMMANDS)
        assert relay.lost > 5
        assert "Traceback" not in house.server.log_text()

    @pytest.mark.parametrize("client", COMMANDS)
    def test_every_client_over_ipv6(self, house: Running, tmp_path: Path, client: str) -> None:
        own = fetch_tftp(house.tftp, SEP, address="127.0.0.1")
        assert fetched(client, tmp_path / "x", "::1", house.tftp, SEP) == own

    def test_a_reload_disturbs_no_transfer(self, house: Running) -> None:
        fetch_tftp(house.tftp, SEP, address="127.0.0.1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(30)
            client.sendto(b"\0\1big.bin\0octet\0blksize\x001428\0", ("127.0.0.1", house.tftp))
            _, transfer = client.recvfrom(2_000)
            content = b""
            for block in range(300):
                if block == 100:
                    os.kill(house.server.pid, signal.SIGHUP)
                client.sendto(b"\0\4" + block.to_bytes(2, "big"), transfer)
                datagram, sender = client.recvfrom(2_000)
                assert (datagram[:4], sender) == (b"\0\3" + (block + 1).to_bytes(2, "big"), transfer)
                content += datagram[4:]
            client.sendto(b"\0\5\0\0enough\0", transfer)
        assert content == BIG[: len(content)]

    def test_a_port_that_asks_again_gets_what_it_asks_for_last(self, house: Running) -> None:
        fetch_tftp(house.tftp, SEP, address="127.0.0.1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(30)
            for name in (b"middle.bin", b"exact.bin", b"middle.bin"):
                client.sendto(b"\0\1%s\0octet\0" % name, ("127.0.0.1", house.tftp))
                # What belongs to the former file may come once more.
                while (datagram := client.recv(2_000))[4:] != FILES[name.decode()][:512]:
                    assert datagram[:4] == b"\0\3\0\1"


class TestOnTheWire:
    def test_netascii(self, house: Running) -> None:
        fetch_tftp(house.tftp, SEP, address="127.0.0.1")
        assert ask(house, b"\0\1text.txt\0netascii\0")[4:] == b"a\r\nb\r\0c\r\0\r\n"

    def test_options_are_acknowledged_only_as_asked(self, house: Running) -> None:
        fetch_tftp(house.tftp, SEP, address="127.0.0.1")
        answer = ask(house, b"\0\1exact.bin\0octet\0TSIZE\x000\0blksize\x0065464\0odd\x001\0timeout\0x\0")
        assert answer == b"\0\6tsize\x001024\0blksize\x001428\0"

    @pytest.mark.parametrize(
        ("datagram", "expected"),
        [
            (b"\0\2up.txt\0octet\0", b"\0\5\0\2uploads are not accepted\0"),
            (b"\0\1\xff\xfe\0octet\0", b"\0\5\0\1file not found\0"),
            (b"\0\1nothing.cfg\0octet\0", b"\0\5\0\1file not found\0"),
            (b"\0\1x\0mail\0", b"\0\5\0\4this mode is not supported\0"),
        ],
    )
    def test_refusals_are_error_packets_never_silence(self, house: Running, datagram: bytes, expected: bytes) -> None:
        assert ask(house, datagram) == expected

    def test_floods_and_garbage_cost_nothing(self, house: Running) -> None:
        reference = fetch_tftp(house.tftp, SEP, address="127.0.0.1")
        chance = random.Random(2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.sendto(b"\0\1zero.bin\0octet\0", ("127.0.0.1", house.tftp))
            _, finished = client.recvfrom(600)
            for _ in range(5_000):
                client.sendto(b"\0\4\0\1", finished)
            for _ in range(5_000):
                client.sendto(chance.randbytes(chance.randrange(60)), ("127.0.0.1", house.tftp))
        assert fetch_tftp(house.tftp, SEP, address="127.0.0.1") == reference
        assert "Traceback" not in house.server.log_text()

    def test_a_stranger_cannot_touch_a_transfer(self, house: Running) -> None:
        fetch_tftp(house.tftp, SEP, address="127.0.0.1")
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        ):
            client.settimeout(10)
            client.sendto(b"\0\1exact.bin\0octet\0", ("127.0.0.1", house.tftp))
            first, transfer = client.recvfrom(600)
            assert first[:4] == b"\0\3\0\1"
            stranger.sendto(b"\0\4\0\1", transfer)
            stranger.sendto(b"\0\5\0\0stop\0", transfer)
            client.sendto(b"\0\4\0\1", transfer)
            assert client.recvfrom(600)[0][:4] == b"\0\3\0\2"


def test_a_plugin_may_accept_uploads(house: Running, tmp_path: Path) -> None:
    fetch_atftp(house.tftp, SEP, tmp_path / "own")
    entry = house.server.state / "plugins" / "cisco-sccp-9.0.3" / "entry.py"
    text = entry.read_text()
    entry.write_text(text + "\nPLUGIN.accepts_upload = lambda self, name: name.endswith('.log')\n")
    house.rest.call("POST", "/pg_mgr/reload", {"id": "cisco-sccp-9.0.3"})
    content = BIG[:100_000]
    (tmp_path / "phone.log").write_bytes(content)
    try:
        command = ["curl", "-s", "-T", str(tmp_path / "phone.log"), f"tftp://127.0.0.1:{house.tftp}/phone.log"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        refused = subprocess.run([*command[:-1], f"tftp://127.0.0.1:{house.tftp}/phone.cfg"], check=False, timeout=60)
        assert refused.returncode != 0
        http = [*command[:-1], f"http://127.0.0.1:{house.http}/web.log", "-w", "%{http_code}", "-o", "-"]
        done = subprocess.run(http, check=True, capture_output=True, timeout=60)
        assert done.stdout.endswith(b"201")
    finally:
        entry.write_text(text)
        house.rest.call("POST", "/pg_mgr/reload", {"id": "cisco-sccp-9.0.3"})
    kept = {path.name: path.read_bytes() for path in (house.server.state / "uploads").glob("*/*.log")}
    assert kept == {"phone.log": content, "web.log": content}
