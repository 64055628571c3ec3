"""Each call of the client against a running daemon: once by waiting, once by coroutines."""

from __future__ import annotations

import socket
import ssl
import threading
import urllib.request
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from bench.server import free_port
from tests.support.certificates import certificate
from tests.support.demo_repository import FIRMWARE
from tests.support.demo_server import DemoServer, demo_server
from tests.support.file_server import FileServer
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from provisiond.client import (
    Client,
    Config,
    Device,
    NotFound,
    OperationFailed,
    Protected,
    Refused,
    RowsRefused,
    Tls,
    Unauthorized,
    Unreachable,
)
from provisiond.client.concurrent import AsyncClient
from provisiond.client.devices import Lease
from provisiond.client.errors import ClientError, WrongRequest
from provisiond.client.selection import Selection

MAC, IP = "00:1a:2b:00:00:01", "127.0.3.1"
Scenario = Generator[Any, Any, None]


@frozen
class First:
    """A stream without an end, of which the first is wanted."""

    stream: Any


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    with demo_server(tmp_path_factory.mktemp("client")) as server:
        yield server


def fetch(house: DemoServer, name: str) -> bytes:
    """Fetch a file as the phone does."""
    with urllib.request.urlopen(f"http://127.0.0.1:{house.running.http}/{name}", timeout=30) as answer:
        content: bytes = answer.read()
        return content


def plugins(house: DemoServer, client: Any) -> Scenario:
    """Update, install, look, upgrade, uninstall; firmware too."""
    yield client.operations.wait((yield client.plugins.update()))
    assert set((yield client.plugins.installable())) == {"demo-1", "demo-2"}
    seen: list[str] = []
    done = yield client.operations.wait((yield client.plugins.install("demo-1")), lambda now: seen.append(now.text))
    assert done.text == seen[-1]
    assert done.text.startswith("install|success")
    with pytest.raises(Refused):
        yield client.plugins.install("demo-1")
    assert (yield client.plugins.loaded()) == ["demo-1"]
    assert (yield client.plugins.info("demo-1"))["version"] == "1.0"
    assert (yield client.plugins.problems()) == []
    with pytest.raises(NotFound):
        yield client.plugins.parameters("demo-1")
    with pytest.raises(NotFound):
        yield client.plugins.set_parameter("demo-1", "user", "x")
    house.offer("1.1")
    yield client.operations.wait((yield client.plugins.update()))
    yield client.operations.wait((yield client.plugins.upgrade("demo-1")))
    assert (yield client.plugins.installed())["demo-1"]["version"] == "1.1"
    yield client.plugins.reload("demo-1")
    assert [each["entries"] for each in (yield client.plugins.repositories())] == [2]
    assert "demo-1" in (yield client.plugins.versions())
    with pytest.raises(Refused):
        yield client.plugins.downgrade("demo-1", version="7")
    with pytest.raises(NotFound):
        yield client.plugins.parameter("demo-1", "user")
    yield from packages(house, client)


def packages(house: DemoServer, client: Any) -> Scenario:
    assert set((yield client.packages.installable("demo-1"))) == {"d10-fw", "french", "gone-fw"}
    yield client.operations.wait((yield client.packages.install("demo-1", "d10-fw")))
    yield client.operations.wait((yield client.packages.upgrade("demo-1", "d10-fw")))
    assert list((yield client.packages.installed("demo-1"))) == ["d10-fw"]
    kept = house.running.server.state / "plugins/demo-1/var/tftpboot/firmware/d10.bin"
    assert kept.read_bytes() == FIRMWARE
    operation = yield client.packages.install("demo-1", "gone-fw")
    with pytest.raises(OperationFailed, match="404"):
        yield client.operations.wait(operation)
    assert (yield client.operations.get(operation)).has_ended
    yield client.operations.forget(operation)
    with pytest.raises(NotFound):
        yield client.operations.get(operation)
    yield client.packages.uninstall("demo-1", "d10-fw")
    yield client.operations.wait((yield client.packages.check("demo-1")))
    states = {each["name"]: each["state"] for each in (yield client.packages.checked("demo-1"))["files"]}
    assert states == {"d10.bin": "ok", "fr.txt": "ok", "gone.bin": "dead"}
    assert set((yield client.packages.details("demo-1"))) == {"d10-fw", "french", "gone-fw"}
    with pytest.raises(Refused):
        yield client.packages.bring("demo-1", "gone.bin", b"something else")
    with pytest.raises(OperationFailed, match="gone-fw"):
        yield client.operations.wait((yield client.packages.install_all("demo-1")))
    for package in (yield client.packages.installed("demo-1")):
        yield client.packages.uninstall("demo-1", package)
    assert (yield client.packages.installed("demo-1")) == {}


def configs(house: DemoServer, client: Any) -> Scenario:
    config_id = yield client.configs.create(
        Config({"id": "k", "parent_ids": ["base"], "raw_config": {"ntp_ip": "192.0.2.3"}})
    )
    config = yield client.configs.get(config_id)
    assert (config.parent_ids, config.raw_config, config.deletable) == (("base",), {"ntp_ip": "192.0.2.3"}, True)
    assert (yield client.configs.raw("k"))["ntp_ip"] == "192.0.2.3"
    lines = {"1": {"username": "u1", "password": "secret1"}}
    yield client.configs.replace(config.with_members(raw_config={"sip_lines": lines, "ntp_ip": "192.0.2.4"}))
    made = yield client.configs.autocreate()
    found = yield client.configs.list(Selection(q={"id": {"$in": ["k", made]}}, fields=["parent_ids"], sort="id"))
    assert sorted(each.id for each in found) == sorted(["k", made])
    yield client.configs.delete(made)
    with pytest.raises(Protected):
        yield client.configs.delete("base")
    exported = b"".join((yield client.configs.export("jsonl", {"id": "k"})))
    told = yield client.configs.import_rows(exported, mode="upsert", dry_run=True)
    assert (told.rows, told.unchanged, told.dry_run) == (1, 1, True)


def devices(house: DemoServer, client: Any) -> Scenario:
    members = {
        "id": "d",
        "mac": MAC,
        "vendor": "Demo",
        "model": "D10",
        "plugin": "demo-1",
        "config": "k",
        "ip": "127.0.0.1",
    }
    assert (yield client.devices.create(Device(members))) == "d"
    device = yield client.devices.get("d")
    assert (device.mac, device.configured, device.plugin) == (MAC, True, "demo-1")
    yield client.devices.replace(device.with_members(description="at the door"))
    [found] = yield client.devices.list(Selection(q={"mac": MAC}), recurse=True)
    assert found.members["description"] == "at the door"
    assert [each.id for each in (yield client.devices.each({"vendor": "Demo"}))] == ["d"]
    yield client.devices.reconfigure("d")
    with pytest.raises(OperationFailed, match="cannot synchronize"):
        yield client.operations.wait((yield client.devices.synchronize("d")))
    with pytest.raises(OperationFailed):
        yield client.operations.wait((yield client.devices.synchronize_many(["d"], rate=5)))
    assert isinstance((yield client.devices.synchronization("d")), list)
    yield client.devices.report_lease(Lease(op="release", ip=IP))
    assert (yield client.devices.fitting_plugins("d")) == ("demo-2",)
    with pytest.raises(RowsRefused) as raised:
        yield client.devices.import_rows(b'{"mac": 5}\n')
    assert [row.row for row in raised.value.rows] == [1]
    assert (yield client.devices.import_rows(b"id,mac\nd2,00:1a:2b:00:00:02\n", "csv")).created == 1
    table = b"".join((yield client.devices.export("csv", {"id": "d2"}, recurse=True))).decode()
    assert "00:1a:2b:00:00:02" in table
    yield client.devices.delete("d2")


def inspection(house: DemoServer, client: Any) -> Scenario:
    name = MAC.replace(":", "") + ".cfg"
    assert [each["name"] for each in (yield client.inspection.files("d"))] == [name]
    preview = (yield client.inspection.preview("d", name)).decode()
    assert preview == "ntp = 192.0.2.4\nuser = u1\npassword = secret1\n"
    assert fetch(house, name).decode() == preview
    assert (yield client.inspection.status("d"))["current"] is True
    assert (yield client.inspection.difference("d", name)) == ""
    changed = (yield client.configs.get("k")).with_members(raw_config={"ntp_ip": "192.0.2.9"})
    told = yield client.configs.dry_run(changed, diff=True)
    assert [each["id"] for each in told["devices"]] == ["d"]
    assert "+ntp = 192.0.2.9" in told["devices"][0]["diffs"][name]
    assert (yield client.inspection.journal("d"))[0]["outcome"] == "served"
    behind = yield client.inspection.behind(["true", "false"], limit=5)
    assert [each["id"] for each in behind["devices"]] == ["d"]


def access(house: DemoServer, client: Any) -> Scenario:
    uuid = yield client.tenants.create("shop")
    yield client.tenants.change(uuid, name="store")
    assert (yield client.tenants.get(uuid))["name"] == "store"
    assert uuid in [each["uuid"] for each in (yield client.tenants.list())]
    made = yield client.tokens.create("t", ["provd.status.read"], tenant=uuid)
    assert made.id in [each["id"] for each in (yield client.tokens.list())]
    assert (yield client.tokens.get(made.id))["acl"] == ["provd.status.read"]
    with Client(house.url, made.text) as other:
        assert other.status()["rest_api"] == "ok"
        with pytest.raises(Unauthorized):
            other.devices.list()
    yield client.tokens.revoke(made.id)
    yield client.tenants.delete(uuid)


def server(house: DemoServer, client: Any) -> Scenario:
    assert (yield client.status())["rest_api"] == "ok"
    assert [each.name for each in (yield client.parameters.list())][:1] == ["plugin_server"]
    yield client.parameters.set("NAT", 1)
    assert (yield client.parameters.get("NAT")) == 1
    yield client.parameters.set("NAT", None)
    assert [event.kind for event in (yield First(client.events.follow(["device_changed"])))] == ["begin"]


def away(house: DemoServer, client: Any) -> Scenario:
    """Take everything away that the others made, for the next client."""
    yield client.devices.delete("d")
    yield client.configs.delete("k")
    yield client.plugins.uninstall("demo-1")
    assert (yield client.plugins.loaded()) == []
    house.offer("1.0")


ALL = (plugins, configs, devices, inspection, access, server, away)


def steps(house: DemoServer, client: Any) -> Scenario:
    for scenario in ALL:
        yield from scenario(house, client)


def test_every_call_by_waiting(house: DemoServer) -> None:
    with Client(house.url, house.token) as client:
        scenario, value = steps(house, client), None
        while True:
            try:
                step = scenario.send(value)
            except StopIteration:
                return
            if isinstance(step, First):
                value = [next(step.stream)]
                step.stream.close()
            else:
                value = [*step] if isinstance(step, Iterator) else step


async def value_of(step: Any) -> Any:
    if isinstance(step, First):
        found = [await anext(step.stream)]
        await step.stream.aclose()
        return found
    return [each async for each in step] if isinstance(step, AsyncIterator) else await step


class ByCoroutines(TestCase):
    timeout = 120

    @pytest.fixture(autouse=True)
    def _around(self, house: DemoServer) -> None:
        self.house = house

    async def test_every_call_by_coroutines(self) -> None:
        client = AsyncClient(self.house.url, self.house.token, reactor=reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        scenario, value, error = steps(self.house, client), None, None
        while True:
            try:
                step = scenario.throw(error) if error is not None else scenario.send(value)
            except StopIteration:
                return
            try:
                value, error = await value_of(step), None
            except ClientError as raised:
                error = raised

    async def test_calls_go_side_by_side(self) -> None:
        client = AsyncClient(self.house.url, self.house.token, reactor=reactor)
        found = await gatherResults([Deferred.fromCoroutine(client.status()) for _ in range(20)])
        assert [each["rest_api"] for each in found] == ["ok"] * 20
        await client.close()

    async def test_nobody_answers(self) -> None:
        client = AsyncClient(f"http://127.0.0.1:{free_port()}", "t", reactor=reactor)
        with pytest.raises(Unreachable, match="refused"):
            await client.status()
        await client.close()


class TestOnTheWay:
    def test_nobody_answers(self) -> None:
        with Client(f"http://127.0.0.1:{free_port()}", "t") as client, pytest.raises(Unreachable, match="refused"):
            client.status()

    def test_a_wrong_token_is_told(self, house: DemoServer) -> None:
        with Client(house.url, "wrong") as client, pytest.raises(Unauthorized, match="Unauthorized"):
            client.status()
        with Client(house.url, "a\nb") as client, pytest.raises(WrongRequest):
            client.status()

    def test_a_server_that_says_nothing_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with Client(url, "t", timeout=0.2) as client, pytest.raises(Unreachable, match="too long"):
                client.status()

    def test_a_connection_that_the_server_closed_is_opened_again(self) -> None:
        answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"] * 2
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=answer_once_each, args=(listener, answers))
            thread.start()
            with Client(f"http://127.0.0.1:{listener.getsockname()[1]}", "t") as client:
                assert client.status() == {}
                assert client.status() == {}
            thread.join(30)

    def test_certificates_are_verified(self, tmp_path: Path) -> None:
        public, private = certificate()
        authority, pair = tmp_path / "public.pem", tmp_path / "pair.pem"
        authority.write_bytes(public)
        pair.write_bytes(public + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        server = FileServer()
        server.files["/0.2/status"] = b'{"rest_api":"ok"}'
        server.wrap(context)
        server.start()
        url = f"https://localhost:{server.port}"
        try:
            with Client(url, "t") as client, pytest.raises(Unreachable, match="certificate"):
                client.status()
            with Client(url, "t", tls=Tls(ca_file=authority)) as client:
                assert client.status() == {"rest_api": "ok"}
            with Client(url, "t", tls=Tls(ca_file=tmp_path / "none")) as client, pytest.raises(WrongRequest):
                client.status()
        finally:
            server.stop()


def answer_once_each(listener: socket.socket, answers: list[bytes]) -> None:
    for answer in answers:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
