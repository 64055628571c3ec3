"""Existing plugins under a real server: from their repository to phones over HTTP and TFTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from bench.legacy_repository import build_legacy_repository
from tests.support.legacy_plugins import write_acme
from tests.support.servers import Running, prepared
from tests.support.simple_phones import by_http, by_tftp, known

PHONE = "127.0.3.1"
OLD, NEW = "wazo-acme-1.0", "wazo-acme-1.10"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("legacy")
    plugins = [
        write_acme(root / "plugins", OLD, "C", models=("A1", "A2"), files={"var/tftpboot/Acme/static.bin": b"\1\2\3"}),
        write_acme(root / "plugins", NEW, "B", models=("A3",), version="1.10"),
    ]
    repository = build_legacy_repository(root / "repository", plugins)
    running = prepared(root / "server", repository)
    running.server.start()
    try:
        running.install(OLD, NEW)
        yield running
    finally:
        assert running.server.stop() == 0


def test_they_are_listed_like_any_other(server: Running) -> None:
    installed = server.rest.get("/pg_mgr/install/installed")["pkgs"]
    assert {OLD, NEW} <= installed.keys()
    assert "api" not in installed[OLD]
    assert "problem" not in installed[OLD]
    assert {OLD, NEW} <= server.rest.get("/pg_mgr/plugins")["plugins"].keys()
    assert server.rest.get(f"/pg_mgr/plugins/{OLD}/info")["plugin_info"]["description"] == "Acme"


def test_the_first_request_of_a_new_phone_is_answered_over_http(server: Running) -> None:
    status, content = by_http(server, "/Acme/001122334401.cfg", "Acme A1 1.0")
    assert (status, content.splitlines()[0]) == (200, b"model=A1")
    device = known(server, mac="00:11:22:33:44:01")
    assert (device["vendor"], device["model"], device["plugin"], device["configured"]) == ("Acme", "A1", OLD, True)
    assert by_http(server, "/Acme/acme.cfg", "Acme A1 1.0 001122334401")[1].startswith(b"server=http://127.0.0.1:")
    assert by_http(server, "/Acme/static.bin", "Acme A1 1.0 001122334401") == (200, b"\1\2\3")
    assert by_http(server, "/Acme/nothing.cfg", "Acme A1 1.0 001122334401")[0] == 404


def test_models_decide_between_versions(server: Running) -> None:
    assert by_http(server, "/Acme/001122334402.cfg", "Acme A3 1.10")[0] == 200
    assert known(server, mac="00:11:22:33:44:02")["plugin"] == NEW
    assert by_http(server, "/Acme/001122334403.cfg", "Acme A9 1.10")[0] == 200
    assert known(server, mac="00:11:22:33:44:03")["plugin"] == NEW


def test_the_first_request_of_a_new_phone_is_answered_over_tftp(server: Running) -> None:
    assert by_tftp(server, "acme-001122334404.cfg", PHONE) == 1
    assert known(server, mac="00:11:22:33:44:04")["vendor"] == "Acme"
    content = by_tftp(server, "Acme/001122334404.cfg", PHONE)
    assert isinstance(content, bytes)
    assert content.startswith(b"model=any")
    assert by_http(server, "/Acme/001122334404.cfg", "Acme A1 1.0 001122334404")[1] != b""


def test_a_change_reaches_the_phone(server: Running) -> None:
    by_http(server, "/Acme/001122334405.cfg", "Acme A2 1.0")
    device = known(server, mac="00:11:22:33:44:05")
    raw = {"timezone": "Europe/Paris", "sip_lines": {"1": {"username": "alice", "proxy_ip": "192.0.2.9"}}}
    server.rest.call("POST", "/cfg_mgr/configs", {"config": {"id": "alice", "parent_ids": ["base"], "raw_config": raw}})
    server.rest.call("PUT", f"/dev_mgr/devices/{device['id']}", {"device": {**device, "config": "alice"}})
    content = by_http(server, "/Acme/001122334405.cfg", "Acme A2 1.0 001122334405")[1].decode()
    assert "line1=alice@192.0.2.9" in content
    assert "zone=60 3/W5.1/7200;10/W5.1/10800;3600" in content


def until(server: Running, mac: str, wanted: Callable[[tuple[int, bytes]], bool]) -> None:
    """Fetch a phone's file until it is as wanted."""
    deadline = time.monotonic() + 60
    while not wanted(answer := by_http(server, f"/Acme/{mac}.cfg", f"Acme A2 1.0 {mac}")):
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def test_templates_of_the_administrator_win_without_a_reload(server: Running) -> None:
    mac = "001122334406"
    by_http(server, f"/Acme/{mac}.cfg", "Acme A2 1.0")
    own = server.server.state / "plugins" / OLD / "var" / "templates" / "A2.tpl"
    own.write_text("mine\n")
    until(server, mac, lambda answer: answer == (200, b"mine"))
    own.write_text("{% if %}")
    until(server, mac, lambda answer: answer[0] == 404)
    device = known(server, mac="00:11:22:33:44:06")
    assert device["configured"] is False
    problems = server.rest.get("/pg_mgr/problems")["problems"]
    assert any(each["device"] == device["id"] and "A2.tpl" in str(each) for each in problems)
    assert OLD in server.rest.get("/pg_mgr/plugins")["plugins"]
    own.unlink()
    until(server, mac, lambda answer: answer[1].startswith(b"model=any"))


def test_templates_of_the_administrator_win_at_a_reload(server: Running) -> None:
    by_http(server, "/Acme/001122334407.cfg", "Acme A2 1.0")
    own = server.server.state / "plugins" / OLD / "var" / "templates" / "A2.tpl"
    own.write_text("mine\n")
    server.rest.call("POST", "/pg_mgr/reload", {"id": OLD})
    assert by_http(server, "/Acme/001122334407.cfg", "Acme A2 1.0 001122334407") == (200, b"mine")
    own.unlink()
    server.rest.call("POST", "/pg_mgr/reload", {"id": OLD})
    assert by_http(server, "/Acme/001122334407.cfg", "Acme A2 1.0 001122334407")[1].startswith(b"model=any")


def test_a_killed_server_starts_again_with_them(server: Running) -> None:
    before = by_http(server, "/Acme/001122334401.cfg", "Acme A1 1.0 001122334401")
    assert before[0] == 200
    server.server.kill()
    server.server.start()
    assert {OLD, NEW} <= server.rest.get("/pg_mgr/plugins")["plugins"].keys()
    assert by_http(server, "/Acme/001122334401.cfg", "Acme A1 1.0 001122334401") == before
    assert by_http(server, "/Acme/001122334409.cfg", "Acme A1 1.0 001122334409")[0] == 200
