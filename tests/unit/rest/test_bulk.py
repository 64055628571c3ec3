"""Importing and exporting over HTTP."""

from __future__ import annotations

import json

import pytest
from tests.support.api import Api
from tests.support.provisioning import run

LINES = "application/x-ndjson"
CSV = "text/csv"


def test_lines_come_in_and_go_out(api, world):
    body = b'{"id":"a","mac":"00:08:5d:00:00:01"}\n{"id":"b"}\n'
    got = api.call("POST", "/dev_mgr/import", body, kind=LINES)
    assert (got.status, got.document) == (
        200,
        {"rows": 2, "created": 2, "replaced": 0, "unchanged": 0, "dry_run": False},
    )
    out = api.get("/dev_mgr/export")
    assert out.headers["content-type"] == LINES
    assert out.headers["content-disposition"] == 'attachment; filename="devices.jsonl"'
    assert out.headers["transfer-encoding"] == "chunked"
    assert [json.loads(line)["id"] for line in out.text.splitlines()] == ["a", "b"]
    again = api.call("POST", "/dev_mgr/import?mode=upsert", out.content, kind=LINES)
    assert again.document["unchanged"] == 2


def test_tables_come_in_and_go_out(api):
    body = b"id;parent_ids;raw_config.sip_lines.1.username\r\nc1;base;0123\r\n"
    assert api.call("POST", "/cfg_mgr/import", body, kind=f"{CSV}; charset=utf-8").document["created"] == 1
    assert api.get("/cfg_mgr/configs/c1").document["config"]["raw_config"] == {"sip_lines": {"1": {"username": "0123"}}}
    out = api.get("/cfg_mgr/export", Accept=CSV)
    assert out.headers["content-type"] == "text/csv; charset=utf-8"
    assert out.text.startswith("id,X_type,")
    assert out.text == api.get("/cfg_mgr/export?format=csv").text
    assert api.call("POST", "/cfg_mgr/import?mode=upsert", out.content, kind=CSV).document["unchanged"] == 5
    excel = api.get("/cfg_mgr/export?format=csv&excel=true")
    assert excel.text.startswith("\ufeffid;X_type;")


def test_a_selector_chooses(api, world):
    world.device(id="a", mac="00:08:5d:00:00:01")
    world.device(id="b", mac="00:08:5d:00:00:02")
    out = api.get('/dev_mgr/export?q={"id":"b"}'.replace('"', "%22"))
    assert [json.loads(line)["id"] for line in out.text.splitlines()] == ["b"]


def test_wrong_rows_are_all_named_as_text_and_as_a_problem(api, world):
    body = b'{"id":"ok"}\n{"id":"x","mac":"no"}\n[]\n'
    got = api.call("POST", "/dev_mgr/import", body, kind=LINES)
    assert got.status == 400
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    first, second, third = got.text.splitlines()
    assert first == "2 rows are wrong, nothing was imported"
    assert second.startswith("row 2: device.mac must be")
    assert third == "row 3: the row must be one JSON object"
    problem = api.call("POST", "/dev_mgr/import", body, kind=LINES, Accept="application/problem+json").document
    assert (problem["status"], problem["wrong"]) == (400, 2)
    assert [(row["row"], row["id"]) for row in problem["rows"]] == [(2, "x"), (3, None)]
    assert problem["message"].startswith("2 rows are wrong, nothing was imported; row 2: ")
    assert world.devices.rows == {}


def test_no_secret_of_a_row_is_repeated(api):
    body = b'{"id":"c","parent_ids":[],"raw_config":{"admin_password=hunter2":1}}\n'
    got = api.call("POST", "/cfg_mgr/import", body, kind=LINES)
    assert got.status == 400
    assert "hunter2" not in got.text


def test_more_wrong_rows_than_are_shown_are_counted(api):
    got = api.call("POST", "/dev_mgr/import", b"5\n" * 1_000, kind=LINES)
    assert len(got.text.splitlines()) == 202
    assert got.text.splitlines()[-1] == "and 800 more"


def test_a_dry_run_stores_nothing(api, world):
    got = api.call("POST", "/dev_mgr/import?dry_run=true", b'{"id":"a"}', kind=LINES)
    assert (got.document["created"], got.document["dry_run"]) == (1, True)
    assert world.devices.rows == {}


@pytest.mark.parametrize("room", ["dev_mgr", "cfg_mgr"])
@pytest.mark.parametrize(
    ("query", "kind", "status"),
    [
        ("?mode=merge", LINES, 400),
        ("?dry_run=perhaps", LINES, 400),
        ("", "application/json", 415),
        ("", "application/vnd.proformatique.provd+json", 415),
        ("", "text/plain", 415),
        ("?mode=", LINES, 200),
    ],
)
def test_wrong_imports_are_refused(api, world, room, query, kind, status):
    before = len(world.configs.rows)
    assert api.call("POST", f"/{room}/import{query}", b"", kind=kind).status == status
    assert (len(world.devices.rows), len(world.configs.rows)) == (0, before)


@pytest.mark.parametrize("room", ["dev_mgr", "cfg_mgr"])
@pytest.mark.parametrize(
    ("query", "accept", "status", "kind"),
    [
        ("", None, 200, LINES),
        ("", "*/*", 200, LINES),
        ("", "text/csv, */*", 200, CSV),
        ("", "text/*", 200, CSV),
        ("", "application/jsonl", 200, LINES),
        ("", "image/png", 406, "text/plain"),
        ("?format=csv", "image/png", 200, CSV),
        ("?format=xlsx", None, 400, "text/plain"),
        ("?excel=5&format=csv", None, 400, "text/plain"),
        ("?q={", None, 400, "text/plain"),
    ],
)
def test_which_form_an_export_has(api, room, query, accept, status, kind):
    headers = {} if accept is None else {"Accept": accept}
    got = api.get(f"/{room}/export{query}", **headers)
    assert (got.status, got.headers["content-type"].partition(";")[0]) == (status, kind)
    head = api.call("HEAD", f"/{room}/export{query}", **headers)
    assert (head.status, head.content) == (status, b"") or query.startswith("?excel")


def test_a_body_that_is_too_large_is_refused(world):
    small = Api(world, max_body=100)
    assert small.call("POST", "/dev_mgr/import", b'{"id":"a"}\n' * 20, kind=LINES).status == 413
    assert world.devices.rows == {}


def test_tenants_and_acls_are_kept(api, world):
    tenant = run(world.house.tenants.create("a")).uuid
    token = api.made_token("provd.dev_mgr.import.create", "provd.dev_mgr.export.read", tenant=tenant)
    world.device(id="master", mac="00:08:5d:00:00:01")
    assert api.call("POST", "/dev_mgr/import", b'{"id":"own"}', kind=LINES, token=token).status == 200
    assert [json.loads(each)["id"] for each in api.get("/dev_mgr/export", token=token).text.splitlines()] == ["own"]
    foreign = json.dumps({"id": "x", "tenant_uuid": world.scope.master}).encode()
    assert api.call("POST", "/dev_mgr/import", foreign, kind=LINES, token=token).status == 400
    for method, path in (("POST", "/cfg_mgr/import"), ("GET", "/cfg_mgr/export")):
        body = b"" if method == "POST" else None
        assert api.call(method, path, body, kind=LINES, token=token).status == 401


def test_a_table_that_grows_while_it_is_sent_is_cut_off(api, world, monkeypatch):
    run(world.house.devices.create({"id": "a"}, world.scope))
    bulk = world.house.bulk
    former = bulk.device_table

    async def grown(*arguments, **more):
        chunks = await former(*arguments, **more)
        await world.house.devices.create({"id": "b", "X_new": 1}, world.scope)
        return chunks

    monkeypatch.setattr(bulk, "device_table", grown)
    connection = api.begin("GET", "/dev_mgr/export?format=csv")
    for _ in range(100):
        world.clock.advance(0)
    assert connection.transport.aborted
    assert not connection.got().whole
