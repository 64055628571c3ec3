"""Clients that go away in the middle of a request."""

from __future__ import annotations

import pytest
from tests.support.api import Api
from tests.support.provisioning import World


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_leaves_before_the_token_is_checked_causes_nothing(
    api: Api, world: World, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.threads.gate.shut()
    connection = api.begin(method, "/cfg_mgr/configs", {"config": {"id": "c", "parent_ids": [], "raw_config": {}}})
    assert world.threads.gate.waiting == 1
    connection.close()
    world.threads.gate.open()
    world.clock.advance(0)
    assert connection.got() is None
    assert "c" not in world.configs.rows
    assert "Traceback" not in "".join(capsys.readouterr())


def test_who_leaves_while_the_store_writes_has_written(api: Api, world: World) -> None:
    api.get("/status")
    world.configs.gate.shut()
    connection = api.begin("POST", "/cfg_mgr/configs", {"config": {"id": "c", "parent_ids": [], "raw_config": {}}})
    connection.close()
    world.configs.gate.open()
    assert "c" in world.configs.rows
    assert api.get("/cfg_mgr/configs/c").status == 200


def test_who_leaves_a_long_list_ends_it(api: Api, world: World) -> None:
    for number in range(5):
        world.device(id=f"d{number}")
    api.get("/status")
    world.devices.gate.shut()
    connection = api.begin("GET", "/dev_mgr/devices")
    connection.close()
    world.devices.gate.open()
    world.clock.advance(0)
    assert api.get("/status").status == 200


@pytest.mark.parametrize("path", ["/dev_mgr/devices", "/cfg_mgr/configs", "/dev_mgr/devices?sort=mac&recurse=true"])
def test_who_asks_for_the_head_of_a_list_costs_no_list(api: Api, world: World, path: str) -> None:
    world.device(id="d")
    got = api.get(path)
    before = world.devices.calls, world.configs.gate.passed
    head = api.call("HEAD", path)
    assert (world.devices.calls, world.configs.gate.passed) == before
    assert (head.status, head.content, head.headers["content-type"]) == (200, b"", got.headers["content-type"])
    assert api.call("HEAD", f"{path.partition('?')[0]}?limit=x").status == 400
