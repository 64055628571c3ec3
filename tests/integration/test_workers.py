"""Several processes that serve phones: fresh files whichever answers, and kill -9 without losing anything."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import yaml
from bench.phones import fetch_http, fetch_tftp
from bench.programs import cpu_seconds
from tests.support.servers import Running, build_repository, prepared
from tests.support.waiting import until

SEP = "SEP001B54000005.cnf.xml"


def served(house: Running) -> int:
    """Return how many processes have told that they serve phones, those before included."""
    # What is told of one that has ended sounds alike.
    return len(re.findall(r"process \d+ serves phones", house.server.log_text()))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    server = prepared(directory, build_repository(directory))
    document = yaml.safe_load(server.server.settings.read_text())
    document["general"]["workers"] = 3
    document["tftp"].update(requests_per_peer=0)
    server.server.settings.write_text(yaml.safe_dump(document))
    server.server.start()
    try:
        server.install("cisco-sccp-9.0.3")
        assert until(lambda: served(server) == 2)
        assert fetch_tftp(server.tftp, SEP, address="127.0.3.1") is not None
        yield server
    finally:
        server.server.stop()


def device_config(house: Running) -> str:
    """Return the config of the phone, with one call manager."""
    device = house.rest.get("/dev_mgr/devices?q=%7B%22mac%22:%2200:1b:54:00:00:05%22%7D")["devices"][0]
    return str(device["config"])


def put_call_manager(house: Running, config: str, address: str) -> None:
    document = house.rest.get(f"/cfg_mgr/configs/{config}")["config"]
    document["raw_config"] = {"protocol": "SCCP", "sccp_call_managers": {"1": {"ip": address}}}
    house.rest.call("PUT", f"/cfg_mgr/configs/{config}", {"config": document})


def test_every_process_answers(house: Running) -> None:
    pids = house.server.fronts()
    assert len(pids) == 2
    before = {pid: cpu_seconds(pid) for pid in pids}

    def all_have_worked() -> bool:
        for _ in range(60):
            assert fetch_tftp(house.tftp, SEP, address="127.0.3.1") is not None
            assert fetch_http(house.http, f"/{SEP}", address="127.0.3.1") is not None
        return all(cpu_seconds(pid) > before[pid] + 0.02 for pid in pids)

    assert until(all_have_worked)


def metrics(house: Running) -> bytes:
    token = (house.server.state / "admin-token").read_text().strip()
    command = ["curl", "-s", "-H", f"X-Auth-Token: {token}", f"http://127.0.0.1:{house.rest_port}/metrics"]
    return subprocess.run(command, capture_output=True, check=True, timeout=30).stdout


def count(text: bytes) -> float:
    """Return how many requests over HTTP were answered with a file, as the metrics tell."""
    wanted = b'provisiond_phone_requests_total{outcome="served",protocol="http"}'
    return float(next(line for line in text.splitlines() if line.startswith(wanted)).split()[-1])


def test_what_fronts_answer_is_in_the_journal_and_the_metrics_of_the_owner(house: Running) -> None:
    assert fetch_http(house.http, f"/{SEP}", address="127.0.3.1") is not None
    time_to_tell = until(lambda: b'outcome="served",protocol="http"' in metrics(house))
    assert time_to_tell
    before = count(metrics(house))
    for _ in range(100):
        assert fetch_http(house.http, f"/{SEP}", address="127.0.3.1") is not None
    assert until(lambda: count(metrics(house)) >= before + 100)


def test_a_front_that_ends_tells_the_last_that_it_answered(house: Running) -> None:
    assert fetch_http(house.http, f"/{SEP}", address="127.0.3.1") is not None
    assert until(lambda: b'outcome="served",protocol="http"' in metrics(house))
    begun, before = served(house), count(metrics(house))
    for _ in range(200):
        assert fetch_http(house.http, f"/{SEP}", address="127.0.3.1") is not None
    for pid in house.server.fronts():
        os.kill(pid, signal.SIGTERM)
    assert until(lambda: served(house) == begun + 2)
    assert count(metrics(house)) >= before + 200


def test_after_an_answer_of_the_api_every_process_gives_the_new_file(house: Running) -> None:
    config = device_config(house)
    for number in range(1, 16):
        address = f"192.0.2.{number}"
        put_call_manager(house, config, address)
        expected = f"<processNodeName>{address}</processNodeName>".encode()
        # Each request comes from a port of its own, so another process may get it.
        for _ in range(4):
            over_tftp = fetch_tftp(house.tftp, SEP, address="127.0.3.1")
            over_http = fetch_http(house.http, f"/{SEP}", address="127.0.3.1")
            assert over_tftp is not None
            assert expected in over_tftp
            assert over_http == over_tftp


@contextmanager
def load(house: Running) -> Iterator[list[int]]:
    """Let phones ask all the time; yields how often they were answered, and checks that each got a whole file."""
    answered, over = [0], threading.Event()
    wrong: list[bytes] = []

    def ask() -> None:
        while not over.is_set():
            connection = http.client.HTTPConnection(
                "127.0.0.1", house.http, timeout=60, source_address=("127.0.3.1", 0)
            )
            # A connection to a process that is killed breaks; the phone tries again.
            with suppress(OSError, http.client.HTTPException):
                while not over.is_set():
                    connection.request("GET", f"/{SEP}")
                    answer = connection.getresponse()
                    body = answer.read()
                    if answer.status != 200 or not body.rstrip().endswith(b"</device>"):
                        wrong.append(body[-100:])
                    answered[0] += 1
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not wrong


def test_kill_9_in_a_loop_under_load_loses_nothing_that_was_acknowledged(house: Running) -> None:
    with load(house) as answered:
        _kill_in_a_loop(house)
    assert answered[0] > 50


def _kill_in_a_loop(house: Running) -> None:
    config = device_config(house)
    for number in range(1, 3):
        assert until(lambda: len(house.server.fronts()) == 2)
        began = served(house)
        victims = house.server.fronts()
        address = f"198.51.100.{number}"
        put_call_manager(house, config, address)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        # Phones try again; requests that waited in a dead process' sockets are answered by its successor.
        content = fetch_http(house.http, f"/{SEP}", address="127.0.3.1")
        assert content is not None
        assert address.encode() in content
        assert until(lambda began=began, victims=victims: served(house) >= began + len(victims))  # type: ignore[misc]
        content = fetch_tftp(house.tftp, SEP, address="127.0.3.1")
        assert content is not None
        assert address.encode() in content
    assert until(lambda: len(house.server.fronts()) == 2)


def statuses(house: Running, count: int) -> set[int]:
    """Return what phones get that come from ports of their own, so that each process answers some of them."""
    found = set()
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", house.http, timeout=60, source_address=("127.0.3.1", 0))
        with closing(connection):
            connection.request("GET", f"/{SEP}")
            found.add(connection.getresponse().status)
    return found


def test_while_the_owner_is_away_known_phones_are_served(house: Running) -> None:
    pids = house.server.fronts()
    assert len(pids) == 2
    # Whoever has just begun has much to do, and does not know everything yet.
    for _ in range(5):
        before = {pid: cpu_seconds(pid) for pid in pids}
        assert until(lambda: statuses(house, 30) == {200} and all(cpu_seconds(pid) > before[pid] for pid in pids))  # noqa: B023
    os.kill(house.server.pid, signal.SIGSTOP)
    try:
        assert until(lambda: Path(f"/proc/{house.server.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        assert statuses(house, 40) == {200}
    finally:
        os.kill(house.server.pid, signal.SIGCONT)
    # What it was told late is not lost, and nobody was replaced.
    assert house.rest.get("/status")["rest_api"] == "ok"
    assert house.server.fronts() == pids


def test_networks_that_are_shut_out_are_shut_out_of_every_process(house: Running) -> None:
    text = house.server.settings.read_text()
    document = yaml.safe_load(text)
    document["http"]["allow"] = ["192.0.2.0/24"]
    try:
        house.server.settings.write_text(yaml.safe_dump(document))
        os.kill(house.server.pid, signal.SIGHUP)
        assert until(lambda: statuses(house, 1) == {403})
        assert statuses(house, 30) == {403}
    finally:
        house.server.settings.write_text(text)
        os.kill(house.server.pid, signal.SIGHUP)
    assert until(lambda: statuses(house, 1) == {200})
    assert statuses(house, 30) == {200}


def test_a_device_that_was_removed_is_known_to_no_process(house: Running) -> None:
    config = device_config(house)
    put_call_manager(house, config, "203.0.113.77")
    assert b"203.0.113.77" in (fetch_http(house.http, f"/{SEP}", address="127.0.3.1") or b"")
    device = house.rest.get("/dev_mgr/devices?q=%7B%22mac%22:%2200:1b:54:00:00:05%22%7D")["devices"][0]
    house.rest.call("DELETE", f"/dev_mgr/devices/{device['id']}")
    # The phone is a new one, which has nothing of the other's.
    for _ in range(20):
        content = fetch_http(house.http, f"/{SEP}", address="127.0.3.1")
        assert content is not None
        assert b"203.0.113.77" not in content
    assert until(lambda: device_config(house) is not None)


def test_kill_9_of_the_owner_loses_nothing_that_was_acknowledged(house: Running) -> None:
    pids, began = house.server.fronts(), served(house)
    put_call_manager(house, device_config(house), "203.0.113.1")
    client = http.client.HTTPConnection("127.0.0.1", house.http, timeout=60, source_address=("127.0.3.1", 0))
    with closing(client):
        client.request("GET", f"/{SEP}")
        assert client.getresponse().read()
        house.server.kill()
        # Nobody serves old files for an owner that is gone, and nobody holds its ports.
        house.server.start()
        assert until(lambda: served(house) >= began + 2)
        assert until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])
    for fetch, port, name in ((fetch_http, house.http, f"/{SEP}"), (fetch_tftp, house.tftp, SEP)):
        for _ in range(8):
            assert b"203.0.113.1" in (fetch(port, name, address="127.0.3.1") or b"")


def test_a_waiting_request_survives_the_process_that_should_have_answered_it(house: Running) -> None:
    pids = house.server.fronts()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        clients = []
        for _ in range(24):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            client.settimeout(60)
            client.bind(("127.0.3.1", 0))
            client.sendto(b"\0\1%s\0octet\0" % SEP.encode(), ("127.0.0.1", house.tftp))
            clients.append(client)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    for client in clients:
        with client:
            assert client.recvfrom(600)[0][:4] == b"\0\3\0\1"


def test_transfers_of_every_process_go_on_to_their_ends_while_the_server_ends(house: Running) -> None:
    begun = served(house)
    house.server.stop()
    house.server.start()
    assert until(lambda: served(house) == begun + 2)
    whole = fetch_tftp(house.tftp, SEP, address="127.0.3.1")
    assert whole is not None
    clients = []
    for _ in range(12):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(30)
        client.bind(("127.0.3.1", 0))
        client.sendto(b"\0\1%s\0octet\0" % SEP.encode(), ("127.0.0.1", house.tftp))
        clients.append((client, *client.recvfrom(600)))
    offset = len(house.server.log_text().encode())
    os.kill(house.server.pid, signal.SIGTERM)
    assert until(lambda: house.server.log_text(offset).count("stopping in order") == 3)
    for client, packet, sender in clients:
        content, block = packet[4:], 1
        with client:
            while len(packet) == 516:
                client.sendto(b"\0\4" + block.to_bytes(2, "big"), sender)
                packet, block = client.recvfrom(600)[0], block + 1
                content += packet[4:]
            client.sendto(b"\0\4" + block.to_bytes(2, "big"), sender)
        assert content == whole
    assert house.server.wait() == 0
    assert "did not stop in order" not in house.server.log_text(offset)
    house.server.start()


def test_the_end_leaves_no_process_however_often_it_is_asked_for(house: Running) -> None:
    assert until(lambda: len(house.server.fronts()) == 2)
    pids = [house.server.pid, *house.server.fronts()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        # a transfer that does not go on holds the end up
        client.bind(("127.0.3.9", 0))
        client.settimeout(30)
        client.sendto(b"\0\1%s\0octet\0" % SEP.encode(), ("127.0.0.1", house.tftp))
        client.recvfrom(600)
        for number, told in ((signal.SIGTERM, "stopping in order"), (signal.SIGINT, "stopping already")):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            assert until(lambda told=told: told in house.server.log_text())  # type: ignore[misc]
        assert house.server.wait() == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert "Traceback" not in house.server.log_text()
    house.server.start()
