"""Each call of the client: what it sends, and what it makes of the answer; the same for both clients."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from inspect import getattr_static
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen

import provisiond.client
from provisiond.client import Client, Config, Device, Event, Imported, NewToken, Operation, Parameter
from provisiond.client.backups import PIECE
from provisiond.client.concurrent import AsyncClient
from provisiond.client.devices import Lease
from provisiond.client.errors import ClientError
from provisiond.client.faces import Asked, Resource, Streamed
from provisiond.client.messages import Answer, Request
from provisiond.client.selection import Selection

M = "application/vnd.proformatique.provd+json"
WORK = Operation(path="/pg_mgr/install/install/7")


@define
class Script:
    """Answers that are given in turn, and the requests that came."""

    answers: list[Answer]
    requests: list[Request] = field(factory=list)
    pauses: list[float] = field(factory=list)
    closed: int = 0

    def take(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answers.pop(0)


@frozen
class Waiting:
    """A transport that answers by a script."""

    script: Script

    def send(self, request: Request) -> Answer:
        return self.script.take(request)

    @contextmanager
    def open(self, request: Request) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        answer = self.script.take(request)
        try:
            yield answer, (answer.content[i : i + 5] for i in range(0, len(answer.content), 5))
        finally:
            self.close()

    def pause(self, seconds: float) -> None:
        self.script.pauses.append(seconds)

    def close(self) -> None:
        self.script.closed += 1


@frozen
class Pieces:
    """The pieces of a body, asynchronously."""

    transport: Coroutines
    pieces: Iterator[bytes]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self.pieces:
            return piece
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await self.transport.close()


@frozen
class Coroutines:
    """The same as coroutines."""

    script: Script

    async def send(self, request: Request) -> Answer:
        return self.script.take(request)

    async def open(self, request: Request) -> tuple[Answer, AsyncIterator[bytes]]:
        answer = self.script.take(request)
        return answer, Pieces(self, (answer.content[i : i + 5] for i in range(0, len(answer.content), 5)))

    async def pause(self, seconds: float) -> None:
        self.script.pauses.append(seconds)

    async def close(self) -> None:
        self.script.closed += 1


def finished(work: Any) -> Any:
    """Return the result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


async def everything(stream: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in stream]


def by_waiting(script: Script, call: Callable[[Any], Any]) -> Any:
    found = call(Client("http://h", transport=Waiting(script)))
    return list(found) if isinstance(found, Iterator) else found


def by_coroutine(script: Script, call: Callable[[Any], Any]) -> Any:
    found = call(AsyncClient("http://h", reactor=None, transport=Coroutines(script)))
    return finished(everything(found) if isinstance(found, AsyncIterator) else found)


WAYS = pytest.mark.parametrize("way", [by_waiting, by_coroutine])


def told(document: Any = None, status: int = 200, **headers: str) -> Answer:
    content = b"" if document is None else document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer(status=status, headers={"content-type": M, **headers}, content=content)


def working(resource: str) -> Answer:
    return told(status=201, location=f"/0.2{resource}/7")


def enveloped(key: str, *rows: Any) -> Answer:
    return told({"status": "OK", "code": 0, "description": "None", key: [*rows]})


def going_on(place: str) -> Answer:
    return told({"status": "ERROR", "description": f"Error : still running, see {place}"}, **{"x-operation": place})


NONE = told(status=204)
EVENT = b'id: 5\nevent: device_seen\ndata: {"a":1}\n\n'
ROWS = {"rows": 1, "created": 1, "replaced": 0, "unchanged": 0, "dry_run": True}
IMPORTED = Imported(rows=1, created=1, replaced=0, unchanged=0, dry_run=True)
PARAMS = {"params": [{"id": "NAT", "description": "d", "value": 0}]}
NAT = Parameter(name="NAT", description="d", value=0)


@frozen
class Case:
    """A call, the request it must send, the answer, and the result."""

    name: str
    call: Callable[[Any], Any]
    sent: str
    answer: Answer
    result: Any = None
    body: Any = None


CASES = [
    Case("status", lambda c: c.status(), "GET /status", told({"rest_api": "ok"}), {"rest_api": "ok"}),
    Case(
        "log_levels.get",
        lambda c: c.log_levels.get(),
        "GET /log/levels",
        told({"level": "info", "levels": {}}),
        {"level": "info", "levels": {}},
    ),
    Case(
        "log_levels.set",
        lambda c: c.log_levels.set("warn", {"tftp": "debug"}),
        "PUT /log/levels",
        NONE,
        body={"level": "warn", "levels": {"tftp": "debug"}},
    ),
    Case(
        "problems",
        lambda c: c.problems(),
        "GET /status/problems",
        told({"problems": [{"code": "disk-full"}]}),
        [{"code": "disk-full"}],
    ),
    Case(
        "devices.list",
        lambda c: c.devices.list(
            Selection(q={"vendor": "Snom"}, fields=["id", "ip"], limit=2, sort="mac"), recurse=True
        ),
        "GET /dev_mgr/devices?q=%7B%22vendor%22%3A%22Snom%22%7D&fields=id%2Cip&limit=2&sort=mac&recurse=true",
        told({"devices": [{"id": "a"}]}),
        [Device({"id": "a"})],
    ),
    Case(
        "devices.each",
        lambda c: c.devices.each(),
        "GET /dev_mgr/export?format=jsonl",
        told(b'{"id":"a"}\n\n{"id":"b"}'),
        [Device({"id": "a"}), Device({"id": "b"})],
    ),
    Case(
        "devices.get", lambda c: c.devices.get("a/é"), "GET /dev_mgr/devices/a%2F%C3%A9", told({"device": {}}), Device()
    ),
    Case(
        "devices.create",
        lambda c: c.devices.create(Device({"mac": "m"})),
        "POST /dev_mgr/devices",
        told({"id": "x"}, 201),
        "x",
        {"device": {"mac": "m"}},
    ),
    Case(
        "devices.replace",
        lambda c: c.devices.replace(Device({"id": "x", "mac": "m"})),
        "PUT /dev_mgr/devices/x",
        NONE,
        None,
        {"device": {"id": "x", "mac": "m"}},
    ),
    Case("devices.delete", lambda c: c.devices.delete("x"), "DELETE /dev_mgr/devices/x", NONE),
    Case(
        "devices.reconfigure",
        lambda c: c.devices.reconfigure("x"),
        "POST /dev_mgr/reconfigure",
        NONE,
        None,
        {"id": "x"},
    ),
    Case(
        "devices.synchronize",
        lambda c: c.devices.synchronize("x"),
        "POST /dev_mgr/synchronize",
        working("/dev_mgr/synchronize"),
        Operation(path="/dev_mgr/synchronize/7"),
        {"id": "x"},
    ),
    Case(
        "devices.synchronize_many",
        lambda c: c.devices.synchronize_many(["x", "y"], rate=2.5, max_failures=3),
        "POST /dev_mgr/synchronize_many",
        working("/dev_mgr/synchronize_many"),
        Operation(path="/dev_mgr/synchronize_many/7"),
        {"ids": ["x", "y"], "rate": 2.5, "max_failures": 3},
    ),
    Case(
        "devices.synchronization",
        lambda c: c.devices.synchronization("a b"),
        "GET /dev_mgr/devices/a%20b/synchronization",
        told({"steps": [{"step": "sent"}]}),
        [{"step": "sent"}],
    ),
    Case(
        "devices.report_lease",
        lambda c: c.devices.report_lease(Lease(op="commit", ip="192.0.2.1", mac="m", options=["06066"])),
        "POST /dev_mgr/dhcpinfo",
        NONE,
        None,
        {"dhcp_info": {"op": "commit", "ip": "192.0.2.1", "options": ["06066"], "mac": "m"}},
    ),
    Case(
        "devices.fitting_plugins",
        lambda c: c.devices.fitting_plugins("x"),
        "GET /dev_mgr/devices/x/plugins",
        told({"plugins": ["p", "q"]}),
        ("p", "q"),
    ),
    Case(
        "devices.import_rows",
        lambda c: c.devices.import_rows(b"id\nx\n", "csv", mode="upsert", dry_run=True),
        "POST /dev_mgr/import?mode=upsert&dry_run=true",
        told(ROWS),
        IMPORTED,
        b"id\nx\n",
    ),
    Case(
        "devices.export",
        lambda c: c.devices.export("csv", {"a": 1}, recurse=True),
        "GET /dev_mgr/export?format=csv&q=%7B%22a%22%3A1%7D&recurse=true",
        told(b"id,mac\nx"),
        [b"id,ma", b"c\nx"],
    ),
    Case(
        "configs.list",
        lambda c: c.configs.list(Selection(skip=3, sort="id", descending=True)),
        "GET /cfg_mgr/configs?skip=3&sort=id&sort_ord=DESC",
        told({"configs": [{"id": "base"}]}),
        [Config({"id": "base"})],
    ),
    Case(
        "configs.get",
        lambda c: c.configs.get("k"),
        "GET /cfg_mgr/configs/k",
        told({"config": {"id": "k"}}),
        Config({"id": "k"}),
    ),
    Case(
        "configs.raw",
        lambda c: c.configs.raw("k"),
        "GET /cfg_mgr/configs/k/raw",
        told({"raw_config": {"a": 1}}),
        {"a": 1},
    ),
    Case(
        "configs.create",
        lambda c: c.configs.create(Config({"parent_ids": [], "raw_config": {}})),
        "POST /cfg_mgr/configs",
        told({"id": "k"}, 201),
        "k",
        {"config": {"parent_ids": [], "raw_config": {}}},
    ),
    Case(
        "configs.autocreate",
        lambda c: c.configs.autocreate(),
        "POST /cfg_mgr/autocreate",
        told({"id": "k"}, 201),
        "k",
        {},
    ),
    Case(
        "configs.replace",
        lambda c: c.configs.replace(Config({"id": "k"})),
        "PUT /cfg_mgr/configs/k",
        NONE,
        None,
        {"config": {"id": "k"}},
    ),
    Case("configs.delete", lambda c: c.configs.delete("k"), "DELETE /cfg_mgr/configs/k", NONE),
    Case(
        "configs.dry_run",
        lambda c: c.configs.dry_run(Config({"id": "k"}), diff=True, skip=5),
        "POST /cfg_mgr/configs/k/dry-run?diff=true&skip=5",
        told({"devices": []}),
        {"devices": []},
        {"config": {"id": "k"}},
    ),
    Case(
        "configs.import_rows",
        lambda c: c.configs.import_rows(b"{}"),
        "POST /cfg_mgr/import?mode=create",
        told(ROWS),
        IMPORTED,
        b"{}",
    ),
    Case("configs.export", lambda c: c.configs.export(), "GET /cfg_mgr/export?format=jsonl", told(b"{}\n"), [b"{}\n"]),
    Case(
        "plugins.loaded",
        lambda c: c.plugins.loaded(),
        "GET /pg_mgr/plugins",
        told({"plugins": {"b": {}, "a": {}}}),
        ["a", "b"],
    ),
    Case(
        "plugins.info",
        lambda c: c.plugins.info("p-1.0"),
        "GET /pg_mgr/plugins/p-1.0/info",
        told({"plugin_info": {"version": "1"}}),
        {"version": "1"},
    ),
    Case(
        "plugins.installed",
        lambda c: c.plugins.installed(),
        "GET /pg_mgr/install/installed",
        told({"pkgs": {"p": {}}}),
        {"p": {}},
    ),
    Case(
        "plugins.installable",
        lambda c: c.plugins.installable(),
        "GET /pg_mgr/install/installable",
        told({"pkgs": {"p": {}}}),
        {"p": {}},
    ),
    Case("plugins.problems", lambda c: c.plugins.problems(), "GET /pg_mgr/problems", told({"problems": [{}]}), [{}]),
    Case(
        "plugins.update",
        lambda c: c.plugins.update(),
        "POST /pg_mgr/install/update",
        working("/pg_mgr/install/update"),
        Operation(path="/pg_mgr/install/update/7"),
        {},
    ),
    Case(
        "plugins.install",
        lambda c: c.plugins.install("p"),
        "POST /pg_mgr/install/install",
        working("/pg_mgr/install/install"),
        WORK,
        {"id": "p"},
    ),
    Case(
        "plugins.upgrade",
        lambda c: c.plugins.upgrade("p"),
        "POST /pg_mgr/install/upgrade",
        working("/pg_mgr/install/upgrade"),
        Operation(path="/pg_mgr/install/upgrade/7"),
        {"id": "p"},
    ),
    Case(
        "plugins.repositories",
        lambda c: c.plugins.repositories(),
        "GET /pg_mgr/repositories",
        told({"repositories": [{}]}),
        [{}],
    ),
    Case(
        "plugins.versions",
        lambda c: c.plugins.versions(),
        "GET /pg_mgr/install/versions",
        told({"pkgs": {"p": {}}}),
        {"p": {}},
    ),
    Case(
        "plugins.downgrade",
        lambda c: c.plugins.downgrade("p", version="1", repository="own"),
        "POST /pg_mgr/install/downgrade",
        working("/pg_mgr/install/downgrade"),
        Operation(path="/pg_mgr/install/downgrade/7"),
        {"id": "p", "version": "1", "repository": "own"},
    ),
    Case(
        "plugins.uninstall",
        lambda c: c.plugins.uninstall("p"),
        "POST /pg_mgr/install/uninstall",
        NONE,
        None,
        {"id": "p"},
    ),
    Case("plugins.reload", lambda c: c.plugins.reload("p"), "POST /pg_mgr/reload", NONE, None, {"id": "p"}),
    Case(
        "plugins.parameters",
        lambda c: c.plugins.parameters("p"),
        "GET /pg_mgr/plugins/p/configure",
        told(PARAMS),
        [NAT],
    ),
    Case(
        "plugins.parameter",
        lambda c: c.plugins.parameter("p", "user"),
        "GET /pg_mgr/plugins/p/configure/user",
        told({"param": {"value": "x"}}),
        "x",
    ),
    Case(
        "plugins.set_parameter",
        lambda c: c.plugins.set_parameter("p", "user", None),
        "PUT /pg_mgr/plugins/p/configure/user",
        NONE,
        None,
        {"param": {"value": None}},
    ),
    Case(
        "packages.installed",
        lambda c: c.packages.installed("p"),
        "GET /pg_mgr/plugins/p/install/installed",
        told({"pkgs": {"fw": {}}}),
        {"fw": {}},
    ),
    Case(
        "packages.installable",
        lambda c: c.packages.installable("p"),
        "GET /pg_mgr/plugins/p/install/installable",
        told({"pkgs": {"fw": {}}}),
        {"fw": {}},
    ),
    Case(
        "packages.install",
        lambda c: c.packages.install("p", "fw"),
        "POST /pg_mgr/plugins/p/install/install",
        working("/pg_mgr/plugins/p/install/install"),
        Operation(path="/pg_mgr/plugins/p/install/install/7"),
        {"id": "fw"},
    ),
    Case(
        "packages.upgrade",
        lambda c: c.packages.upgrade("p", "fw"),
        "POST /pg_mgr/plugins/p/install/upgrade",
        working("/pg_mgr/plugins/p/install/upgrade"),
        Operation(path="/pg_mgr/plugins/p/install/upgrade/7"),
        {"id": "fw"},
    ),
    Case(
        "packages.uninstall",
        lambda c: c.packages.uninstall("p", "fw"),
        "POST /pg_mgr/plugins/p/install/uninstall",
        NONE,
        None,
        {"id": "fw"},
    ),
    Case(
        "packages.install_all",
        lambda c: c.packages.install_all("p"),
        "POST /pg_mgr/plugins/p/install/install_all",
        working("/pg_mgr/plugins/p/install/install_all"),
        Operation(path="/pg_mgr/plugins/p/install/install_all/7"),
        {},
    ),
    Case(
        "packages.details",
        lambda c: c.packages.details("p"),
        "GET /pg_mgr/plugins/p/install/details",
        told({"pkgs": {"fw": {}}}),
        {"fw": {}},
    ),
    Case(
        "packages.bring",
        lambda c: c.packages.bring("p", "a b", b"x"),
        "PUT /pg_mgr/plugins/p/install/files/a%20b",
        NONE,
        None,
        b"x",
    ),
    Case(
        "packages.check",
        lambda c: c.packages.check("p", whole=True),
        "POST /pg_mgr/plugins/p/install/check",
        working("/pg_mgr/plugins/p/install/check"),
        Operation(path="/pg_mgr/plugins/p/install/check/7"),
        {"whole": True},
    ),
    Case(
        "packages.checked",
        lambda c: c.packages.checked("p"),
        "GET /pg_mgr/plugins/p/install/check",
        told({"ended": None}),
        {"ended": None},
    ),
    Case("parameters.list", lambda c: c.parameters.list(), "GET /configure", told(PARAMS), [NAT]),
    Case("parameters.get", lambda c: c.parameters.get("NAT"), "GET /configure/NAT", told({"param": {"value": 1}}), 1),
    Case(
        "parameters.set",
        lambda c: c.parameters.set("NAT", 1),
        "PUT /configure/NAT",
        NONE,
        None,
        {"param": {"value": 1}},
    ),
    Case(
        "operations.get",
        lambda c: c.operations.get(WORK),
        "GET /pg_mgr/install/install/7",
        told({"status": "install|fail", "error": "no", "created": "t", "ended": "u"}),
        Operation(path=WORK.path, text="install|fail", error="no", created="t", ended="u"),
    ),
    Case(
        "operations.wait",
        lambda c: c.operations.wait(WORK),
        "GET /pg_mgr/install/install/7",
        told({"status": "success"}),
        Operation(path=WORK.path, text="success"),
    ),
    Case("operations.forget", lambda c: c.operations.forget(WORK), "DELETE /pg_mgr/install/install/7", NONE),
    Case("tokens.list", lambda c: c.tokens.list(), "GET /tokens", told({"tokens": [{"id": "t"}]}), [{"id": "t"}]),
    Case("tokens.get", lambda c: c.tokens.get("t"), "GET /tokens/t", told({"token": {"id": "t"}}), {"id": "t"}),
    Case(
        "tokens.create",
        lambda c: c.tokens.create("n", ["#"], tenant="u", expires=5.0),
        "POST /tokens",
        told({"id": "t", "token": "secret"}, 201),
        NewToken(id="t", text="secret"),
        {"token": {"name": "n", "acl": ["#"], "tenant_uuid": "u", "expires": 5.0}},
    ),
    Case("tokens.revoke", lambda c: c.tokens.revoke("t"), "DELETE /tokens/t", NONE),
    Case("tenants.list", lambda c: c.tenants.list(), "GET /tenants", told({"tenants": [{}]}), [{}]),
    Case("tenants.get", lambda c: c.tenants.get("u"), "GET /tenants/u", told({"tenant": {"uuid": "u"}}), {"uuid": "u"}),
    Case(
        "tenants.create",
        lambda c: c.tenants.create("n", parent="m"),
        "POST /tenants",
        told({"uuid": "u"}, 201),
        "u",
        {"tenant": {"name": "n", "parent_uuid": "m"}},
    ),
    Case(
        "tenants.change",
        lambda c: c.tenants.change("u", name="n"),
        "PUT /tenants/u",
        NONE,
        None,
        {"tenant": {"name": "n"}},
    ),
    Case("tenants.delete", lambda c: c.tenants.delete("u"), "DELETE /tenants/u", NONE),
    Case(
        "events.follow",
        lambda c: c.events.follow(["a", "b"], last_id="4"),
        "GET /events?kinds=a%2Cb&last_event_id=4",
        told(EVENT),
        [Event(kind="device_seen", id="5", data={"a": 1})],
    ),
    Case(
        "inspection.files",
        lambda c: c.inspection.files("x"),
        "GET /dev_mgr/devices/x/files",
        told({"files": [{}]}),
        [{}],
    ),
    Case(
        "inspection.status",
        lambda c: c.inspection.status("x"),
        "GET /dev_mgr/devices/x/status",
        told({"current": True}),
        {"current": True},
    ),
    Case(
        "dhcp_configuration",
        lambda c: c.dhcp_configuration("kea", 20),
        "GET /dhcp/configuration?format=kea&vlan=20",
        told(b"text"),
        "text",
    ),
    Case(
        "inspection.preview",
        lambda c: c.inspection.preview("x", "a/b c.cfg"),
        "GET /dev_mgr/devices/x/files/a/b%20c.cfg?preview=true",
        told(b"text"),
        b"text",
    ),
    Case(
        "inspection.difference",
        lambda c: c.inspection.difference("x", "b"),
        "GET /dev_mgr/devices/x/files/b/diff",
        told("é".encode()),
        "é",
    ),
    Case(
        "inspection.journal",
        lambda c: c.inspection.journal("x"),
        "GET /dev_mgr/devices/x/journal",
        told({"journal": [{}]}),
        [{}],
    ),
    Case(
        "inspection.behind",
        lambda c: c.inspection.behind(["true", "unknown"], recurse=True, skip=1, limit=2),
        "GET /dev_mgr/behind?state=true%2Cunknown&recurse=true&skip=1&limit=2",
        told({"devices": []}),
        {"devices": []},
    ),
    Case(
        "operations.list",
        lambda c: c.operations.list(),
        "GET /operations",
        told({"operations": [{"href": "/provd/pg_mgr/install/install/7", "status": "waiting"}]}),
        [WORK],
    ),
    Case("backups.make", lambda c: c.backups.make(firmware=True), "GET /backup?firmware=true", told(b"TGZ"), [b"TGZ"]),
    Case(
        "backups.make",
        lambda c: c.backups.make(phone_files=True),
        "GET /backup?phone_files=true",
        told(b"TGZ"),
        [b"TGZ"],
    ),
    Case("backups.sent", lambda c: c.backups.sent("u"), "GET /uploads/u", told({"size": 3}), 3),
    Case("backups.forget", lambda c: c.backups.forget("u"), "DELETE /uploads/u", NONE),
    Case("backups.send", lambda c: c.backups.send(io.BytesIO()), "POST /uploads", told({"id": "u"}, 201), "u", {}),
    Case(
        "backups.restore",
        lambda c: c.backups.restore("u", dry_run=True),
        "POST /restore",
        working("/restore"),
        Operation(path="/restore/7"),
        {"upload": "u", "dry_run": True},
    ),
    Case(
        "backups.migrate",
        lambda c: c.backups.migrate("u"),
        "POST /migrate",
        working("/migrate"),
        Operation(path="/migrate/7"),
        {"upload": "u", "dry_run": False},
    ),
    Case(
        "backups.migrated",
        lambda c: c.backups.migrated(),
        "GET /migrate",
        told({"report": {"taken": {}}}),
        {"taken": {}},
    ),
    Case("backups.restored", lambda c: c.backups.restored(), "GET /restore", told({"restored": None})),
    Case("host.node", lambda c: c.host.node(), "GET /host", enveloped("host", {"id": "n"}), "n"),
    Case("host.about", lambda c: c.host.about("n"), "GET /host/n", enveloped("host", {"id": "n"}), {"id": "n"}),
    Case("host.mode", lambda c: c.host.mode(), "GET /package/get-mode", enveloped("mode", "normal"), "normal"),
    Case(
        "host.repositories",
        lambda c: c.host.repositories(),
        "GET /package/list-repo",
        enveloped("repository", {"url": "u"}),
        [{"url": "u"}],
    ),
    Case("host.update", lambda c: c.host.update(), "POST /package/update-cache", enveloped("cache")),
    Case(
        "host.available",
        lambda c: c.host.available("n", "plugin"),
        "GET /package/available/n/plugin",
        enveloped("package", {"id": "p"}),
        [{"id": "p"}],
    ),
    Case(
        "host.installed",
        lambda c: c.host.installed("n", "extension"),
        "GET /package/installed/n/extension",
        enveloped("package"),
        [],
    ),
    Case(
        "host.dependencies",
        lambda c: c.host.dependencies("n", "plugin", "p", "1.0"),
        "GET /package/dependency/n/plugin/p/1.0",
        enveloped("dependency", {}),
        [{}],
    ),
    Case(
        "host.install",
        lambda c: c.host.install("n", "plugin", "p", "1.0"),
        "POST /package/install/n/plugin/p/1.0?wait=0",
        going_on("/0.2/pg_mgr/install/install/7"),
        WORK,
    ),
    Case(
        "host.bring",
        lambda c: c.host.bring("n", "plugin-p-1.0.tgz", b"x"),
        "PUT /package/install_from_path/n?filename=plugin-p-1.0.tgz&wait=0",
        going_on("/api/plugind/0.2/operations/u"),
        Operation(path="/api/plugind/0.2/operations/u"),
        b"x",
    ),
    Case(
        "host.uninstall",
        lambda c: c.host.uninstall("n", "plugin", "p"),
        "POST /package/uninstall/n/plugin/p?wait=0",
        enveloped("uninstall"),
    ),
    Case(
        "host.icon", lambda c: c.host.icon("plugin", "p"), "GET /package/icon/installed/plugin/p", told(b"PNG"), b"PNG"
    ),
    Case(
        "host.archive",
        lambda c: c.host.archive("plugin", "p", "1.0"),
        "GET /package/download/plugin/p/1.0",
        told(b"TGZ"),
        b"TGZ",
    ),
    Case("extensions.list", lambda c: c.extensions.list(), "GET /api/plugind/0.2/plugins", told({"items": [{}]}), [{}]),
    Case(
        "extensions.get",
        lambda c: c.extensions.get("a", "x"),
        "GET /api/plugind/0.2/plugins/a/x",
        told({"name": "x"}),
        {"name": "x"},
    ),
    Case(
        "extensions.install",
        lambda c: c.extensions.install("git", {"url": "u"}, reinstall=True),
        "POST /api/plugind/0.2/plugins?reinstall=true",
        told({"uuid": "u"}),
        Operation(path="/api/plugind/0.2/operations/u"),
        {"method": "git", "options": {"url": "u"}},
    ),
    Case(
        "extensions.uninstall",
        lambda c: c.extensions.uninstall("a", "x", force=True),
        "DELETE /api/plugind/0.2/plugins/a/x?force=true",
        told({"uuid": "u"}),
        Operation(path="/api/plugind/0.2/operations/u"),
    ),
    Case(
        "extensions.search",
        lambda c: c.extensions.search("dial", limit=3),
        "GET /api/plugind/0.2/market?search=dial&limit=3",
        told({"items": []}),
        [],
    ),
    Case(
        "extensions.offer",
        lambda c: c.extensions.offer("a", "x"),
        "GET /api/plugind/0.2/market/a/x",
        told({"name": "x"}),
        {"name": "x"},
    ),
    Case("extensions.settings", lambda c: c.extensions.settings(), "GET /api/plugind/0.2/config", told({}), {}),
    Case("extensions.status", lambda c: c.extensions.status(), "GET /api/plugind/0.2/status", told({}), {}),
    Case(
        "extensions.operations",
        lambda c: c.extensions.operations(),
        "GET /api/plugind/0.2/operations",
        told({"items": [{}]}),
        [{}],
    ),
    Case(
        "extensions.log",
        lambda c: c.extensions.log("u"),
        "GET /api/plugind/0.2/operations/u/log",
        told("é".encode()),
        "é",
    ),
]
BY_NAME = {case.name: case for case in CASES}


@WAYS
@pytest.mark.parametrize("name", BY_NAME)
def test_a_call_sends_its_request_and_returns_what_the_answer_tells(way: Callable[..., Any], name: str) -> None:
    case, script = BY_NAME[name], Script([BY_NAME[name].answer])
    assert way(script, case.call) == case.result
    [request] = script.requests
    assert f"{request.method} {request.target}" == case.sent
    body = request.body()
    if isinstance(case.body, bytes) or body is None:
        assert body == case.body
    else:
        assert json.loads(body) == case.body


@WAYS
@pytest.mark.parametrize("name", BY_NAME)
def test_a_call_raises_what_the_server_refuses(way: Callable[..., Any], name: str) -> None:
    problem = b'{"detail":"there is none","status":404}'
    script = Script([Answer(status=404, headers={"content-type": "application/problem+json"}, content=problem)])
    with pytest.raises(ClientError, match="there is none") as raised:
        way(script, BY_NAME[name].call)
    assert (raised.value.code, raised.value.status) == ("not-found", 404)


@WAYS
def test_a_file_is_sent_in_pieces(way: Callable[..., Any]) -> None:
    told_of: list[int] = []
    script = Script([told({"id": "u"}, 201), told({"size": 1}), told({"size": 2})])
    content = b"x" * (PIECE + 1)
    assert way(script, lambda client: client.backups.send(io.BytesIO(content), told_of.append)) == "u"
    assert [(each.method, each.target) for each in script.requests[1:]] == [
        ("PUT", "/uploads/u?offset=0"),
        ("PUT", f"/uploads/u?offset={PIECE}"),
    ]
    assert told_of == [PIECE, PIECE + 1]


def calls_of(client: Resource[Any]) -> Iterator[str]:
    for name in dir(client):
        member = getattr_static(client, name)
        if isinstance(member, Asked | Streamed):
            yield name
        elif isinstance(member, Resource):
            yield from (f"{name}.{each}" for each in calls_of(member))


def test_every_call_of_the_client_is_in_the_table() -> None:
    assert {*calls_of(Client("http://h", transport=Waiting(Script([]))))} == {*BY_NAME}


@WAYS
def test_a_stream_closes_its_connection_and_tells_a_refusal(way: Callable[..., Any]) -> None:
    script = Script([told(b'{"id":"a"}\n')])
    way(script, lambda client: client.devices.each())
    assert script.closed == 1
    broken = Script([told(b"[]\n")])
    with pytest.raises(ClientError, match="no JSON object"):
        way(broken, lambda client: client.devices.each())
    assert broken.closed == 1


def test_every_call_is_documented() -> None:
    document = (Path(__file__).parents[3] / "docs/python-client.md").read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(" `"): row for row in document.splitlines() if row.startswith("| `")}
    for name in BY_NAME:
        resource, _, call = name.rpartition(".")
        assert f"`{call}`" in (rows[resource] if resource else document), name


def test_every_class_that_the_document_names_comes_with_the_package() -> None:
    document = (Path(__file__).parents[3] / "docs/python-client.md").read_text(encoding="utf-8")
    named = {*re.findall(r"`([A-Z][a-z]\w+)", document)} - {"AsyncClient"}
    assert {"Selection", "WrongRequest", "Tls"} <= named
    assert named <= {*provisiond.client.__all__}
