"""What the public wazo-provd-client sends, replayed against a daemon, and what it reads of each answer.

The shapes are publicly documented: one base address per manager, ``Content-Type`` on each body, no ``Accept``, lists by
``q64`` or plain arguments, operations by the path of ``Location``.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import frozen
from tests.support.demo_server import DemoServer, demo_server

MEDIA = "application/vnd.proformatique.provd+json"
STATES = {"waiting", "progress", "success", "fail"}
CONFIG = {"id": "k", "parent_ids": ["base"], "raw_config": {"ntp_ip": "192.0.2.3"}, "X_type": "device"}
DEVICE = {"id": "d", "mac": "00:1a:2b:00:00:01", "vendor": "Demo", "model": "D10", "plugin": "demo-1", "config": "k"}
LEASE = {"op": "commit", "ip": "192.0.2.77", "mac": "00:1a:2b:00:00:09", "options": ["06066.6f.6f"]}


@frozen
class Reply:
    status: int
    location: str | None
    body: Any


@frozen
class WazoCaller:
    """Sends requests as that client does.

    :param prefix: published address of the API, with its version.
    """

    port: int
    token: str
    prefix: str = "/0.2"
    tenant: str | None = None

    def send(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, self.prefix + path + (f"?{urlencode(query)}" if query else ""))
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"X-Auth-Token": self.token, "Connection": "close"}
        if self.tenant is not None:
            headers["Wazo-Tenant"] = self.tenant
        if body is not None:
            headers |= {"Content-Type": MEDIA, "Content-Length": str(len(content))}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(content)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        is_json = (answer.headers["Content-Type"] or "").endswith("json")
        return Reply(answer.status, answer.headers["Location"], json.loads(text) if is_json else text.decode())

    def operation(self, manager: str, location: str) -> str:
        """Return the address of an operation: everything behind the manager, put behind one's own base."""
        return f"/{manager}/" + "/".join(location.split("/")[3:])

    def followed(self, manager: str, reply: Reply) -> str:
        """Ask for an operation until it has ended, as the command line does, and forget it."""
        assert (reply.status, reply.body) == (201, "")
        assert reply.location is not None
        address, parts = self.operation(manager, reply.location), 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            text = self.send("GET", address).body["status"]
            state, now = state_of(text), text.count("(")
            assert state in STATES
            assert now >= parts, "parts are never taken away"
            parts = now
            if state in ("success", "fail"):
                assert self.send("DELETE", address).status == 204
                assert self.send("GET", address).status == 404
                return str(text)
            time.sleep(0.02)
        raise AssertionError("the operation does not end")


def state_of(text: str) -> str:
    match = re.match(r"^(?:(\w+)\|)?(\w+)(?:;(\d+)(?:/(\d+))?)?", text)
    assert match is not None
    return match[2]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    with demo_server(tmp_path_factory.mktemp("wazo")) as server:
        yield server


@pytest.fixture(params=["/0.2", "/provd", "/api/provd/0.2"], scope="module")
def caller(request: pytest.FixtureRequest, house: DemoServer) -> WazoCaller:
    return WazoCaller(house.running.rest_port, house.token, request.param)


def test_a_day_of_a_configuration_daemon(caller: WazoCaller, house: DemoServer) -> None:
    plugins(caller)
    configs(caller)
    devices(caller)
    parameters(caller)
    assert caller.send("DELETE", "/dev_mgr/devices/d") == Reply(204, None, "")
    assert caller.send("DELETE", "/cfg_mgr/configs/k") == Reply(204, None, "")
    assert caller.send("POST", "/pg_mgr/install/uninstall", {"id": "demo-1"}) == Reply(204, None, "")


def plugins(caller: WazoCaller) -> None:
    assert state_of(caller.followed("pg_mgr", caller.send("POST", "/pg_mgr/install/update", {}))) == "success"
    offered = caller.send("GET", "/pg_mgr/install/installable").body["pkgs"]
    assert {"version", "description", "capabilities", "dsize", "sha1sum"} <= set(offered["demo-1"])
    done = caller.followed("pg_mgr", caller.send("POST", "/pg_mgr/install/install", {"id": "demo-1"}))
    assert done.startswith("install|success")
    assert "demo-1" in caller.send("GET", "/pg_mgr/install/installed").body["pkgs"]
    assert set(caller.send("GET", "/pg_mgr/plugins", query={"search": "x"}).body["plugins"]) == {"demo-1"}
    assert caller.send("GET", "/pg_mgr/plugins/demo-1/info").body["plugin_info"]["version"] == "1.0"
    done = caller.followed("pg_mgr", caller.send("POST", "/pg_mgr/install/upgrade", {"id": "demo-1"}))
    assert state_of(done) == "success"
    service = "/pg_mgr/plugins/demo-1/install"
    assert "d10-fw" in caller.send("GET", f"{service}/installable").body["pkgs"]
    for word in ("install", "upgrade"):
        done = caller.followed("pg_mgr", caller.send("POST", f"{service}/{word}", {"id": "d10-fw"}))
        assert re.fullmatch(r"install_pkg\|success\(download\|success(\(.*\))?\)\(install\|success\)", done)
    failed = caller.followed("pg_mgr", caller.send("POST", f"{service}/install", {"id": "gone-fw"}))
    assert state_of(failed) == "fail"
    assert set(caller.send("GET", f"{service}/installed").body["pkgs"]) == {"d10-fw"}
    assert caller.send("POST", f"{service}/uninstall", {"id": "d10-fw"}) == Reply(204, None, "")
    assert caller.send("POST", f"{service}/uninstall", {"id": "d10-fw"}).status == 400
    assert caller.send("POST", "/pg_mgr/install/install", {"id": "demo-1"}).status == 400
    assert caller.send("GET", "/pg_mgr/plugins/none/info").status == 404


def configs(caller: WazoCaller) -> None:
    assert caller.send("POST", "/cfg_mgr/configs", {"config": CONFIG}).body == {"id": "k"}
    assert caller.send("POST", "/cfg_mgr/configs", {"config": CONFIG}).status == 400
    assert caller.send("GET", "/cfg_mgr/configs/k").body["config"] == CONFIG
    assert caller.send("GET", "/cfg_mgr/configs/k/raw").body["raw_config"]["ntp_ip"] == "192.0.2.3"
    q64 = base64.b64encode(json.dumps({"X_type": "registrar"}).encode()).decode()
    registrars = caller.send("GET", "/cfg_mgr/configs", query={"q64": q64}).body["configs"]
    assert [each["id"] for each in registrars] == ["default"]
    changed = {**CONFIG, "raw_config": {"ntp_ip": "192.0.2.4"}}
    assert caller.send("PUT", "/cfg_mgr/configs/k", {"config": changed}) == Reply(204, None, "")
    made = caller.send("POST", "/cfg_mgr/autocreate", {})
    assert made.status == 201
    found = caller.send("GET", "/cfg_mgr/configs", query={"q": json.dumps({"id": made.body["id"]}), "fields": "id"})
    assert found.body["configs"] == [{"id": made.body["id"]}]
    assert caller.send("DELETE", f"/cfg_mgr/configs/{made.body['id']}").status == 204
    assert caller.send("DELETE", "/cfg_mgr/configs/base").status == 403
    assert caller.send("GET", "/cfg_mgr/configs/none").status == 404


def devices(caller: WazoCaller) -> None:
    assert caller.send("POST", "/dev_mgr/devices", {"device": DEVICE}).body == {"id": "d"}
    device = caller.send("GET", "/dev_mgr/devices/d").body["device"]
    assert (device["configured"], device["is_new"], device["mac"]) == (True, True, DEVICE["mac"])
    assert caller.send("PUT", "/dev_mgr/devices/d", {"device": {**device, "description": "x"}}) == Reply(204, None, "")
    query = {"q": json.dumps({"mac": DEVICE["mac"]}), "recurse": "True", "sort": "mac", "sort_ord": "DESC", "limit": 5}
    found = caller.send("GET", "/dev_mgr/devices", query={**query, "reverse": "False"}).body["devices"]
    assert [each["description"] for each in found] == ["x"]
    assert caller.send("POST", "/dev_mgr/reconfigure", {"id": "d"}) == Reply(204, None, "")
    assert caller.send("POST", "/dev_mgr/reconfigure", {"id": "none"}).status == 400
    assert caller.followed("dev_mgr", caller.send("POST", "/dev_mgr/synchronize", {"id": "d"})) == "fail"
    assert caller.send("POST", "/dev_mgr/synchronize", {"id": "none"}).status == 404
    assert caller.send("POST", "/dev_mgr/dhcpinfo", {"dhcp_info": LEASE}) == Reply(204, None, "")
    assert caller.send("POST", "/dev_mgr/dhcpinfo", {"dhcp_info": {**LEASE, "ip": "x"}}).status == 400


def parameters(caller: WazoCaller) -> None:
    listed = [each["id"] for each in caller.send("GET", "/configure").body["params"]]
    assert listed[:3] == ["plugin_server", "http_proxy", "ftp_proxy"]
    assert caller.send("PUT", "/configure/NAT", {"param": {"value": "1"}}) == Reply(204, None, "")
    assert caller.send("GET", "/configure/NAT").body["param"]["value"] == 1
    assert caller.send("PUT", "/configure/NAT", {"param": {"value": None}}) == Reply(204, None, "")
    assert caller.send("GET", "/configure/NAT").body["param"]["value"] == 0
    assert caller.send("GET", "/status").body == {"bus_consumer": {"status": "ok"}, "rest_api": "ok"}


def test_a_refusal_is_what_that_client_makes_its_exception_of(house: DemoServer) -> None:
    known = WazoCaller(house.running.rest_port, house.token)
    assert known.send("GET", "/dev_mgr/devices/none").status == 404
    for stranger in (WazoCaller(known.port, "wrong"), WazoCaller(known.port, known.token, tenant="0" * 36)):
        for path in ("/status", "/dev_mgr/devices", "/configure"):
            assert stranger.send("GET", path) == Reply(401, None, "Unauthorized")


def test_a_tenant_of_its_own_is_chosen_by_header(house: DemoServer) -> None:
    master = WazoCaller(house.running.rest_port, house.token)
    uuid = master.send("POST", "/tenants", {"tenant": {"name": "shop"}}).body["uuid"]
    shop = WazoCaller(master.port, master.token, tenant=uuid)
    made = shop.send("POST", "/dev_mgr/devices", {"device": {"mac": "00:1a:2b:00:00:44"}}).body["id"]
    assert [each["id"] for each in shop.send("GET", "/dev_mgr/devices").body["devices"]] == [made]
    here = master.send("GET", "/dev_mgr/devices", query={"q": json.dumps({"id": made})}).body["devices"]
    assert here == []
    assert master.send("GET", "/dev_mgr/devices", query={"recurse": "True", "q": json.dumps({"id": made})}).body[
        "devices"
    ]
    assert shop.send("DELETE", f"/dev_mgr/devices/{made}").status == 204
