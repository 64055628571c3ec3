"""Phones told to fetch, from REST to the wire: SIPp plays the phone, a scripted manager interface plays Asterisk."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bench.changes import ChangedPhone, show
from bench.phones import Phone, fetch_http
from bench.server import RestError, free_port
from rich.console import Console
from tests.support.scripted_ami import scripted_ami
from tests.support.servers import Running, build_repository, prepared
from tests.support.sipp import phone
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from provisiond.errors import Unavailable
from provisiond.sdk import HttpAction
from provisiond.sync.http_action import HttpActions

ADDRESS = "127.0.2.7"
MAC = "00:04:13:92:00:07"
FILE = "/snomD785-000413920007.htm"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_repository(tmp_path_factory.mktemp("build"))


def server(directory: Path, repository: Path, **settings: Any) -> Running:
    house = prepared(directory, repository)
    conf = directory / "conf.d"
    conf.mkdir(exist_ok=True)
    (conf / "sync.yml").write_text(yaml.safe_dump(settings))
    house.server.start()
    house.install("snom-10.1.184.15")
    line = {"username": "1001", "password": "x", "display_name": "A", "number": "1001"}
    raw = {"sip_lines": {"1": line}, "ntp_enabled": False}
    house.rest.call("POST", "/cfg_mgr/configs", {"config": {"id": "c", "parent_ids": ["base"], "raw_config": raw}})
    device = {"id": "phone", "mac": MAC, "plugin": "snom-10.1.184.15", "config": "c", "vendor": "Snom", "model": "D785"}
    house.rest.call("POST", "/dev_mgr/devices", {"device": device})
    assert fetch_http(house.http, FILE, address=ADDRESS)
    return house


@pytest.fixture(scope="module")
def port() -> int:
    return free_port(socket.SOCK_DGRAM)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, repository: Path, port: int) -> Iterator[Running]:
    settings = {"sip_sync": {"port": port, "username": "server", "password": "sesame"}}
    started = server(tmp_path_factory.mktemp("server"), repository, **settings)
    yield started
    started.server.stop()


def steps(house: Running) -> list[tuple[str, str]]:
    document = house.rest.get("/dev_mgr/devices/phone/synchronization")
    return [(each["step"], each["sentence"]) for each in document["steps"]]


def synchronized(house: Running) -> None:
    house.rest.finish("/dev_mgr/synchronize", {"id": "phone"})


def refused(house: Running) -> str:
    with pytest.raises(RestError) as caught:
        synchronized(house)
    return str(caught.value)


class TestSip:
    def test_a_phone_answers_and_fetches(self, house: Running, port: int, tmp_path: Path) -> None:
        with phone("answers-200", ADDRESS, port, tmp_path):
            synchronized(house)
        assert steps(house) == [
            ("sent", 'the event "check-sync;reboot=false" is sent'),
            ("answered", "the phone answered 200"),
        ]
        assert fetch_http(house.http, FILE, address=ADDRESS)
        assert steps(house)[2] == ("fetched", f"the phone fetched {FILE[1:]}")

    def test_a_phone_that_wants_to_know_who_asks(self, house: Running, port: int, tmp_path: Path) -> None:
        with phone("asks-who", ADDRESS, port, tmp_path):
            synchronized(house)
        assert steps(house)[-1] == ("answered", "the phone answered 200")

    def test_a_phone_that_does_not_know_the_event(self, house: Running, port: int, tmp_path: Path) -> None:
        with phone("bad-event", ADDRESS, port, tmp_path):
            sentence = refused(house)
        assert 'does not know the event "check-sync;reboot=false"' in sentence

    def test_a_phone_that_is_not_there(self, house: Running) -> None:
        assert "nothing listens on that port" in refused(house)
        assert steps(house)[-1][0] == "failed"

    def test_many_at_a_pace(self, house: Running, port: int, tmp_path: Path) -> None:
        with phone("answers-200", ADDRESS, port, tmp_path):
            house.rest.finish("/dev_mgr/synchronize_many", {"ids": ["phone"], "rate": 100})
        with pytest.raises(RestError, match="1 of 1 failed"):
            house.rest.finish("/dev_mgr/synchronize_many", {"ids": ["phone", "phone"], "max_failures": 1})
        for body in ({"ids": ["phone"], "rate": 0}, {"ids": "phone"}, {"ids": ["phone"], "window": 10**9}):
            with pytest.raises(RestError, match="400"):
                house.rest.call("POST", "/dev_mgr/synchronize_many", body)
        with pytest.raises(RestError, match="404"):
            house.rest.call("POST", "/dev_mgr/synchronize_many", {"ids": ["phone", "ghost"]})


def test_over_tcp(tmp_path: Path, repository: Path) -> None:
    port = free_port()
    house = server(tmp_path / "server", repository, sip_sync={"port": port, "transport": "tcp"})
    try:
        with phone("answers-200", ADDRESS, port, tmp_path, "-t", "t1"):
            synchronized(house)
        assert steps(house)[-1] == ("answered", "the phone answered 200")
        assert "cannot be reached over TCP" in refused(house)
    finally:
        house.server.stop()


def test_through_a_proxy_with_the_account_as_target(tmp_path: Path, repository: Path) -> None:
    port, proxy = free_port(socket.SOCK_DGRAM), "127.0.2.99"
    house = server(tmp_path / "server", repository, sip_sync={"port": port, "proxy": proxy})
    try:
        line = {"username": "1001", "password": "x", "registrar_ip": "192.0.2.5"}
        config = {"id": "c", "parent_ids": ["base"], "raw_config": {"sip_lines": {"1": line}, "ntp_enabled": False}}
        house.rest.call("PUT", "/cfg_mgr/configs/c", {"config": config})
        with phone("proxy", proxy, port, tmp_path):
            synchronized(house)
        assert steps(house)[-1] == ("answered", "the phone answered 200")
    finally:
        house.server.stop()


def test_a_change_as_the_demo_shows_it(tmp_path: Path, repository: Path) -> None:
    values = {"model": "D785", "version": "10.1.184.15"}
    dave = Phone(name="Snom D785", sequence="snom-desk-v10", mac=MAC, address=ADDRESS, values=values)
    changed = ChangedPhone(dave, http=0, tftp=0)
    house = server(tmp_path / "server", repository, sip_sync={"port": changed.sip.port})
    changed.ports["http"] = house.http
    try:
        assert show(Console(quiet=True), house.rest, changed, "phone", "c")
    finally:
        house.server.stop()
    assert changed.events == ["check-sync;reboot=false"]


# What ends each message of the script is the ActionID, so the last event of the list ends without.
ENDPOINT = (
    "Response: Success\r\nEventList: start\r\nMessage: Following are Events for each object\r\nActionID: {0}\r\n\r\n"
    "Event: AuthDetail\r\nPassword: not kept\r\nActionID: {0}\r\n\r\n"
    "Event: ContactStatusDetail\r\nURI: sip:1001@127.0.2.1\r\nActionID: {0}\r\n\r\n"
    "Event: EndpointDetailComplete\r\nEventList: Complete\r\nListItems: 2\r\n"
)


def test_through_asterisk(tmp_path: Path, repository: Path) -> None:
    answers = [
        ENDPOINT,
        "Response: Success\r\nMessage: NOTIFY sent\r\n",
        "Response: Error\r\nMessage: Unable to retrieve endpoint 1001\r\n",
        "Response: Error\r\nMessage: Unable to retrieve endpoint\r\n",
    ]
    with scripted_ami("provisiond", "sesame", lambda action: answers.pop(0).format(action["ActionID"])) as ami:
        settings = {"port": ami.port, "username": "provisiond", "password": "sesame"}
        house = server(tmp_path / "server", repository, general={"sync": "asterisk_ami"}, asterisk_ami=settings)
        try:
            synchronized(house)
            assert steps(house)[-1] == ("answered", "Asterisk answered: NOTIFY sent")
            assert "Unable to retrieve endpoint" in refused(house)
        finally:
            house.server.stop()
    asked = [(each["Action"], each.get("Endpoint"), each.get("Variable")) for each in ami.actions]
    notify = ("PJSIPNotify", "1001", "Event=check-sync;reboot=false")
    show = ("PJSIPShowEndpoint", "1001", None)
    assert asked == [("Challenge", None, None), ("Login", None, None), show, notify, show, notify]
    assert "sesame" not in house.server.log_text()


class _Phone(http.server.BaseHTTPRequestHandler):
    """A phone's web server that wants basic authentication."""

    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        good = self.headers["Authorization"] is not None
        self.send_response(200 if good else 401)
        if not good:
            self.send_header("WWW-Authenticate", 'Basic realm="phone"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


class TestHttp(TestCase):
    """The room alone, against a web server of the standard library."""

    def setUp(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        listener = http.server.HTTPServer(("127.0.0.1", 0), type("Phone", (_Phone,), {"asked": self.asked}))
        self.port = listener.server_port
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        self.addCleanup(listener.server_close)
        self.addCleanup(listener.shutdown)

    def perform(self, **members: Any) -> Deferred[str]:
        action = HttpAction("/command.htm?key=REBOOT", **members)
        return Deferred.fromCoroutine(HttpActions(reactor, port=self.port).perform("127.0.0.1", action))

    def test_credentials_are_given_when_they_are_asked_for(self) -> Deferred[None]:
        async def work() -> None:
            assert await self.perform(username="admin", password="1234") == "the phone answered 200"
            basic = "Basic YWRtaW46MTIzNA=="
            assert self.asked == [("/command.htm?key=REBOOT", None), ("/command.htm?key=REBOOT", basic)]

        return Deferred.fromCoroutine(work())

    def test_without_credentials_the_answer_is_told(self) -> Deferred[None]:
        async def work() -> None:
            with pytest.raises(Unavailable, match="other credentials"):
                await self.perform()

        return Deferred.fromCoroutine(work())
