"""A daemon that takes the tokens of an authentication service, over real connections."""

from __future__ import annotations

import json
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.auth_server import AuthServer, auth_server
from tests.support.certificates import certificate
from tests.support.servers import Running, prepared

TOP, NORTH = (str(uuid.UUID(int=number)) for number in (1, 2))
TIMEOUT, CACHED = 2.0, 1.0


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that only this test trusts, with its key behind it."""
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_bytes(b"".join(certificate()))
    return file


@pytest.fixture(scope="module")
def service(trusted: Path) -> Iterator[AuthServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted)
    with auth_server(context) as server:
        server.add("top", TOP, "#")
        server.add("north", NORTH, "#")
        server.add("reader", NORTH, "provd.status.read")
        server.tenants = [{"uuid": TOP, "parent_uuid": TOP, "name": "top"}, {"uuid": NORTH, "parent_uuid": TOP}]
        yield server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, service: AuthServer, trusted: Path) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    server = prepared(directory / "server", directory)
    more = server.server.settings.parent / "conf.d" / "auth.yml"
    more.parent.mkdir()
    auth: dict[str, Any] = {"url": service.url, "timeout": TIMEOUT, "cache_seconds": CACHED, "master_tenant": TOP}
    auth["ca_file"] = str(trusted)
    more.write_text(yaml.safe_dump({"rest_api": {"auth": auth}}))
    server.server.start()
    yield server
    server.server.stop()


@pytest.fixture(autouse=True)
def _in_order(service: AuthServer) -> Iterator[None]:
    yield
    service.status, service.content = None, None
    if service.hold is not None:
        service.hold.set()
        service.hold = None


def asked(house: Running, token: str, path: str, **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", house.rest_port, timeout=60)
    with closing(connection):
        sent = {"X-Auth-Token": token, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request("GET", f"/0.2{path}", headers=sent)
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, json.loads(text) if response.status == 200 else text


def becomes(house: Running, token: str, path: str, status: int) -> None:
    deadline = time.monotonic() + 30
    while asked(house, token, path)[0] != status:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_services_tokens_open_what_they_grant(house: Running, service: AuthServer) -> None:
    assert asked(house, "reader", "/status")[0] == 200
    assert ("/token/reader", "provd.status.read") in service.asked
    assert asked(house, "reader", "/dev_mgr/devices") == (401, "Unauthorized")
    assert asked(house, "nobody", "/status") == (401, "Unauthorized")


def test_tenants_are_those_of_the_service(house: Running) -> None:
    status, document = asked(house, "north", "/tenants")
    assert (status, [each["uuid"] for each in document["tenants"]]) == (200, [NORTH])
    assert asked(house, "north", "/dev_mgr/devices", Wazo_Tenant=TOP)[0] == 401
    assert asked(house, "top", "/dev_mgr/devices", Wazo_Tenant=NORTH)[0] == 200
    status, document = asked(house, "top", "/tenants")
    assert {each["uuid"]: each["name"] for each in document["tenants"]} == {TOP: "master", NORTH: None}


def test_a_revoked_token_ends_within_seconds(house: Running, service: AuthServer) -> None:
    service.add("short", NORTH, "#")
    assert asked(house, "short", "/status")[0] == 200
    del service.tokens["short"]
    becomes(house, "short", "/status", 401)


def test_a_service_that_fails_is_503_and_our_own_tokens_still_count(house: Running, service: AuthServer) -> None:
    service.status = 500
    becomes(house, "reader", "/status", 503)
    assert house.rest.get("/status")["rest_api"] == "ok"
    assert "auth-service-failing" in [each["code"] for each in house.rest.get("/status/problems")["problems"]]
    service.status = None
    becomes(house, "reader", "/status", 200)
    assert "auth-service-failing" not in [each["code"] for each in house.rest.get("/status/problems")["problems"]]


def test_a_service_that_hangs_is_503_in_time_and_holds_nobody_up(house: Running, service: AuthServer) -> None:
    service.hold = threading.Event()
    began = time.monotonic()
    status, sentence = asked(house, "slow", "/status")
    assert (status, "authentication service" in sentence) == (503, True)
    assert time.monotonic() - began < 30
    assert house.rest.get("/status")["rest_api"] == "ok"
    service.hold.set()
    service.hold = None
    becomes(house, "reader", "/status", 200)
    assert house.server.has_logged("the authentication service answers again")
    log = house.server.log_text()
    assert "the authentication service cannot be reached" in log
    assert "internal error" not in log
