"""Backup, restore and uploads over the API."""

from __future__ import annotations

import pytest
from tests.support.api import Api
from tests.support.backups import backup_bytes
from tests.support.provisioning import World, run


def upload(api: Api, content: bytes) -> str:
    """Send a file in two pieces and return its id."""
    begun = api.call("POST", "/uploads", b"{}")
    assert begun.status == 201
    file_id = str(begun.document["id"])
    assert begun.headers["location"] == f"/0.2/uploads/{file_id}"
    half = len(content) // 2
    assert api.call("PUT", f"/uploads/{file_id}", content[:half], kind="application/gzip").document == {"size": half}
    got = api.call("PUT", f"/uploads/{file_id}?offset={half}", content[half:], kind="application/gzip")
    assert got.document == {"size": len(content)}
    assert api.call("GET", f"/uploads/{file_id}").document == {"size": len(content)}
    return file_id


def test_a_backup_is_sent_and_removed(api: Api, world: World) -> None:
    got = api.call("GET", "/backup?firmware=true")
    assert (got.status, got.headers["content-type"], got.headers["cache-control"]) == (
        200,
        "application/gzip",
        "no-store",
    )
    assert got.content[:2] == b"\x1f\x8b"
    assert [*(world.state_dir / "backups").iterdir()] == []
    assert api.call("HEAD", "/backup").status == 200
    assert api.call("GET", "/backup?firmware=perhaps").status == 400
    assert api.call("GET", "/backup?phone_files=perhaps").status == 400
    assert api.call("GET", "/backup?phone_files=true").status == 200


def test_a_backup_is_restored(api: Api, world: World) -> None:
    begun: list[bool] = []
    world.house.backups.on_restored(lambda: begun.append(True))
    assert api.call("GET", "/restore").document == {"restored": None}
    file_id = upload(api, backup_bytes())
    checked = api.call("POST", "/restore", f'{{"upload": "{file_id}", "dry_run": true}}'.encode())
    assert checked.status == 201
    assert begun == []
    assert api.call("GET", f"/uploads/{file_id}").status == 404
    file_id = upload(api, backup_bytes())
    restored = api.call("POST", "/restore", f'{{"upload": "{file_id}"}}'.encode())
    assert api.call("GET", restored.headers["location"].removeprefix("/0.2")).document["error"] is None
    assert begun == [True]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/uploads/none", b"x", 404),
        ("GET", "/uploads/none", None, 404),
        ("DELETE", "/uploads/none", None, 404),
        ("POST", "/restore", b'{"upload": "none"}', 404),
        ("POST", "/restore", b"{}", 400),
        ("POST", "/restore", b'{"upload": 1}', 400),
    ],
)
def test_what_is_not_there_is_told(api: Api, method: str, path: str, body: bytes | None, status: int) -> None:
    assert api.call(method, path, body).status == status


def test_wrong_offsets_are_refused_and_uploads_forgotten(api: Api) -> None:
    file_id = upload(api, b"content")
    for offset in ("9", "-1", "x", "9" * 20):
        assert api.call("PUT", f"/uploads/{file_id}?offset={offset}", b"x", kind="text/plain").status == 400
    assert api.call("DELETE", f"/uploads/{file_id}").status == 204
    assert api.call("GET", f"/uploads/{file_id}").status == 404


def test_only_the_master_tenant_gets_everybodys_secrets(api: Api, world: World) -> None:
    tenant = run(world.house.tenants.create("shop", world.house.tenants.master)).uuid
    text, _ = run(world.house.tokens.create("t", ["#"], tenant))
    calls = (
        ("GET", "/backup", None),
        ("POST", "/restore", b'{"upload": "x"}'),
        ("GET", "/restore", None),
        ("POST", "/uploads", b"{}"),
        ("PUT", "/uploads/x", b"x"),
        ("GET", "/uploads/x", None),
        ("DELETE", "/uploads/x", None),
    )
    for method, path, body in calls:
        assert api.call(method, path, body, token=text).status == 401, path
