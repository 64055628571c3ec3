"""Files, previews, differences, dry runs, journals and currency over HTTP."""

from __future__ import annotations

import json

import pytest
from tests.support.provisioning import run, sip

from provisiond.phones.journal import PhoneEvent

NAME = "00085d000001.cfg"


@pytest.fixture
def device(world):
    raw_config = {"sip_lines": {"1": {"username": "bob", "password": "s3cr3t"}}, "admin_password": "hunter2"}
    run(world.house.configs.create({"id": "bob", "parent_ids": ["base"], "raw_config": raw_config}))
    return world.device(id="d1", config="bob")


def fetch(world, device, name: str = NAME) -> None:
    file = run(world.house.rendering.device_file(device, name))
    world.house.rendering.fetched(device.id, name, file.etag)


def noted(api, device: str, path: str) -> None:
    event = PhoneEvent(
        time=1_790_000_000.0, protocol="tftp", method="RRQ", peer="192.0.2.5", path=path, device=device, mac=None,
        plugin=None, outcome="not-found", reason="acme-1.0 has no such file for this phone", bytes=0, seconds=0.001,
    )  # fmt: skip
    api.journal.note(event)


def test_the_files_of_a_device_with_how_current_it_is(api, world, device):
    fetch(world, device)
    document = api.get("/dev_mgr/devices/d1/files").document
    own, boot = document["files"]
    assert own["name"] == NAME
    assert own["protocols"] == ["http", "tftp"]
    assert own["rendered"] == own["fetched"] == "2026-09-21T14:13:20.000+00:00"
    assert own["sensitive"] is True
    assert own["etag"].startswith('"')
    assert own["revision"] == world.house.rendering.revision("d1")
    assert boot["fetched"] is None
    assert (document["current"], document["behind"], document["problem"]) == (True, [], None)
    run(world.house.configs.replace("bob", {"parent_ids": ["base"], "raw_config": sip("carol")}))
    status = api.get("/dev_mgr/devices/d1/status").document
    assert (status["current"], status["behind"], status["configured"]) == (False, [NAME], True)


def test_a_preview_is_masked_without_the_acl(api, device):
    allowed = api.get(f"/dev_mgr/devices/d1/files/{NAME}?preview=true")
    assert "s3cr3t" in allowed.text
    assert allowed.headers["content-type"] == "text/plain"
    assert allowed.headers["cache-control"] == "no-store"
    token = api.made_token("provd.dev_mgr.devices.*.files.read")
    masked = api.get(f"/dev_mgr/devices/d1/files/{NAME}?preview=true", token=token)
    assert "s3cr3t" not in masked.text
    assert "hunter2" not in masked.text
    assert "bob" in masked.text
    denied = api.made_token("#", "!provd.dev_mgr.devices.d1.secrets.read")
    assert "s3cr3t" not in api.get(f"/dev_mgr/devices/d1/files/{NAME}?preview=true", token=denied).text


def test_names_with_slashes_are_found(api, world, device, monkeypatch):
    former = world.host.device_files

    async def nested(*arguments):
        files = await former(*arguments)
        return [*files, world.host._file("a/b/diff", "x"), world.host._file("cfg/own.xml", "y")]

    monkeypatch.setattr(world.host, "device_files", nested)
    assert api.get("/dev_mgr/devices/d1/files/cfg/own.xml").document == ["y"]
    assert api.get("/dev_mgr/devices/d1/files/cfg%2Fown.xml").document == ["y"]
    run(world.house.devices.reconfigure("d1", world.scope))
    fetch(world, device, "cfg/own.xml")
    assert api.get("/dev_mgr/devices/d1/files/cfg/own.xml/diff").text == ""


def test_a_difference(api, world, device):
    assert api.get(f"/dev_mgr/devices/d1/files/{NAME}/diff").status == 404
    fetch(world, device)
    run(world.house.configs.replace("bob", {"parent_ids": ["base"], "raw_config": sip("carol")}))
    got = api.get(f"/dev_mgr/devices/d1/files/{NAME}/diff")
    assert got.headers["content-type"] == "text/x-diff; charset=utf-8"
    assert got.text.startswith(f"--- fetched/{NAME}\n+++ now/{NAME}\n")
    token = api.made_token("provd.dev_mgr.devices.*.files.read")
    assert "hunter2" not in api.get(f"/dev_mgr/devices/d1/files/{NAME}/diff", token=token).text


def test_a_dry_run(api, world, device):
    body = {"config": {"parent_ids": ["base"], "raw_config": sip("carol")}}
    assert api.call("POST", "/cfg_mgr/configs/bob/dry-run", body).document == {
        "devices": [{"id": "d1", "changed": [NAME], "added": [], "removed": [], "problem": None}],
        "total": 1,
        "looked": 1,
        "found": 1,
        "partial": False,
    }
    (row,) = api.call("POST", "/cfg_mgr/configs/bob/dry-run?diff=true", body).document["devices"]
    assert "carol" in row["diffs"][NAME]
    token = api.made_token("provd.cfg_mgr.#")
    (row,) = api.call("POST", "/cfg_mgr/configs/bob/dry-run?diff=true", body, token=token).document["devices"]
    assert "s3cr3t" not in json.dumps(row)
    assert api.get("/cfg_mgr/configs/bob").document["config"]["raw_config"]["admin_password"] == "hunter2"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("ghost", {"config": {"parent_ids": [], "raw_config": {}}}, 404),
        ("bob", {"config": {"parent_ids": [], "raw_config": {"ntp_enabled": True}}}, 400),
        ("bob", {"config": {"raw_config": {}}}, 400),
        ("bob", {"config": []}, 400),
        ("bob", [], 400),
        ("bob", {}, 400),
        ("bob?skip=-1", {"config": {"parent_ids": [], "raw_config": {}}}, 400),
        ("bob?limit=x", {"config": {"parent_ids": [], "raw_config": {}}}, 400),
    ],
)
def test_a_wrong_dry_run_is_refused(api, device, path, body, status):
    name, _, query = path.partition("?")
    assert api.call("POST", f"/cfg_mgr/configs/{name}/dry-run?{query}", body).status == status


def test_the_journal_tells_requests_with_reasons_newest_first(api, device):
    noted(api, "d1", "first.cfg")
    noted(api, "d1", "second.cfg")
    noted(api, "other", "third.cfg")
    rows = api.get("/dev_mgr/devices/d1/journal").document["journal"]
    assert [row["path"] for row in rows] == ["second.cfg", "first.cfg"]
    assert rows[0]["reason"] == "acme-1.0 has no such file for this phone"
    assert (rows[0]["time"], rows[0]["outcome"]) == ("2026-09-21T14:13:20.000+00:00", "not-found")


def test_who_is_behind(api, world, device):
    fetch(world, device)
    assert api.get("/dev_mgr/behind").document["devices"] == []
    run(world.house.configs.replace("bob", {"parent_ids": ["base"], "raw_config": sip("carol")}))
    document = api.get("/dev_mgr/behind").document
    assert document["devices"] == [
        {
            "id": "d1",
            "current": False,
            "behind": [NAME],
            "last_fetched": "2026-09-21T14:13:20.000+00:00",
            "problem": None,
        }
    ]
    assert (document["total"], document["found"], document["partial"]) == (1, 1, False)
    assert api.get("/dev_mgr/behind?state=true,unknown").document["devices"] == []
    assert api.get("/dev_mgr/behind?state=old").status == 400
    assert api.get("/dev_mgr/behind?limit=many").status == 400


def test_behind_keeps_to_the_tenant_unless_asked_to_recurse(api, world):
    tenant = run(world.house.tenants.create("branch")).uuid
    scope = world.house.tenants.scope(tenant)
    run(
        world.house.devices.create(
            {"id": "t1", "mac": "00:08:5d:00:00:05", "plugin": "acme-1.0", "config": "autoprov"}, scope
        )
    )
    path = "/dev_mgr/behind?state=unknown"
    assert api.get(path).document["total"] == 0
    assert [row["id"] for row in api.get(f"{path}&recurse=true").document["devices"]] == ["t1"]
    assert [row["id"] for row in api.get(path, Wazo_Tenant=tenant).document["devices"]] == ["t1"]


@pytest.mark.parametrize("path", ["files", "status", "journal", f"files/{NAME}", f"files/{NAME}/diff"])
def test_devices_out_of_scope_are_unknown_and_acls_are_kept(api, world, device, path):
    tenant = run(world.house.tenants.create("other")).uuid
    foreign = api.get(f"/dev_mgr/devices/d1/{path}", token=api.made_token("#", tenant=tenant))
    unknown = api.get(f"/dev_mgr/devices/d2/{path}")
    assert foreign.status == unknown.status == 404
    assert foreign.text.replace("d1", "x") == unknown.text.replace("d2", "x")
    assert api.get(f"/dev_mgr/devices/d1/{path}", token=api.made_token("provd.cfg_mgr.#")).status == 401
    for name in ("..", "%2e%2e", "a%00b", "x" * 10_000, "a%2Fb"):
        assert api.get(f"/dev_mgr/devices/{name}/{path}").status == 404


@pytest.mark.parametrize("name", ["..", "../../etc/passwd", "%2e%2e%2fx", "a%00", "x" * 10_000, "a//b", "'"])
def test_wrong_file_names_are_not_found(api, device, name):
    for suffix in ("", "/diff"):
        got = api.get(f"/dev_mgr/devices/d1/files/{name}{suffix}")
        assert got.status == 404, got.text


def test_problems_tell_which_why_and_how_often(api, world):
    for _ in range(3):
        world.host.note_problem("acme-1.0", "rule", "pattern 3 is broken")
    (row,) = api.get("/pg_mgr/problems").document["problems"]
    assert (row["plugin"], row["kind"], row["sentence"], row["count"]) == ("acme-1.0", "rule", "pattern 3 is broken", 3)
    assert row["first_seen"] == row["last_seen"]
