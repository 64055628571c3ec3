"""Routes of firmware files."""

from __future__ import annotations

import pytest
from tests.support.api import Api
from tests.support.package_fakes import FakeFiles, FakeFirmware
from tests.support.provisioning import PLUGIN, World

SERVICE = f"/pg_mgr/plugins/{PLUGIN}/install"
BYTES = "application/octet-stream"


@pytest.fixture
def files():
    return FakeFiles()


@pytest.fixture
def api(tmp_path, files):
    world = World(tmp_path, packages=FakeFirmware("a", "b"), file_inspection=files)
    world.start()
    yield Api(world)
    for call in world.clock.getDelayedCalls():
        call.cancel()


def test_details(api):
    assert api.get(f"{SERVICE}/details").document["pkgs"]["fw"]["files"][0]["manual"] is True
    assert api.get("/pg_mgr/plugins/ghost/install/details").status == 404


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [("fw.bin", BYTES, 204), ("fw.bin", "text/plain", 204), ("other.bin", BYTES, 400), ("", BYTES, 404)],
)
def test_a_file_is_brought(api, files, name, kind, status):
    assert api.call("PUT", f"{SERVICE}/files/{name}", b"\x00\xff", kind=kind).status == status
    assert files.taken == ({"fw.bin": b"\x00\xff"} if status == 204 else {})


def test_a_check_and_what_it_found(api, files):
    assert api.get(f"{SERVICE}/check").document == {"ended": None, "whole": False, "files": []}
    answer = api.call("POST", f"{SERVICE}/check", {"whole": True})
    assert (answer.status, answer.headers["location"]) == (201, f"/0.2{SERVICE}/check/1")
    assert api.get(f"{SERVICE}/check/1").document["status"] == "check|success(files|success;1/1)"
    found = api.get(f"{SERVICE}/check").document
    assert found["ended"] == "2026-09-21T14:13:20.000+00:00"
    assert found["files"] == [
        {
            "file": "fw",
            "name": "fw.bin",
            "url": "http://192.0.2.1/fw.bin",
            "state": "dead",
            "sentence": "it answers with 404",
        }
    ]
    assert api.call("POST", f"{SERVICE}/check", {"whole": "yes"}).status == 400
    assert api.call("DELETE", f"{SERVICE}/check/1").status == 204


def test_install_all(api):
    answer = api.call("POST", f"{SERVICE}/install_all", {})
    assert (answer.status, answer.headers["location"]) == (201, f"/0.2{SERVICE}/install_all/1")
    assert api.get(f"{SERVICE}/install_all/1").document["status"].startswith("install_all|success(")
    assert sorted(api.get(f"{SERVICE}/installed").document["pkgs"]) == ["a", "b"]


def test_each_route_has_a_right_of_its_own(api):
    for right, method, path in (
        ("details.read", "GET", "details"),
        ("check.read", "GET", "check"),
        ("check.create", "POST", "check"),
        ("install_all.create", "POST", "install_all"),
        ("files.update", "PUT", "files/fw.bin"),
    ):
        token = api.made_token(f"provd.pg_mgr.plugins.{PLUGIN.replace('.', '_')}.install.{right}")
        body = {"POST": {}, "PUT": b"x", "GET": None}[method]
        kind = {"kind": BYTES} if method == "PUT" else {}
        assert api.call(method, f"{SERVICE}/{path}", body, token=token, **kind).status in (200, 201, 204), right
        weak = api.made_token(f"provd.pg_mgr.plugins.{PLUGIN.replace('.', '_')}.install.read")
        assert api.call(method, f"{SERVICE}/{path}", body, token=weak, **kind).status == 401
