"""Tokens and tenants on a real daemon, arranged with the administrator's command while it runs."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.support.servers import Running, running

PROGRAM = Path(sys.executable).with_name("provisiond-admin")
PATIENCE = 30.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    with running(directory / "server", directory) as server:
        yield server


def admin(house: Running, *arguments: str) -> str:
    command = [str(PROGRAM), "--config", str(house.server.settings), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.strip()


def rows(house: Running, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in admin(house, *arguments, "--json").splitlines()]


_SOURCES = (f"127.4.{number // 250}.{number % 250 + 1}" for number in count())


def asked(
    house: Running, token: str | None, path: str, *, source: str | None = None, **headers: str
) -> tuple[int, str, dict[str, str]]:
    """Return status, text and headers of an answer.

    :param source: address to ask from; a new one by default, so that waiting for a token does not count as guessing.
    """
    connection = HTTPConnection("127.0.0.1", house.rest_port, timeout=30, source_address=(source or next(_SOURCES), 0))
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["X-Auth-Token"] = token
    with closing(connection):
        connection.request("GET", f"/0.2{path}", headers=sent)
        response = connection.getresponse()
        return response.status, response.read().decode(), dict(response.headers)


def status(house: Running, token: str | None, path: str, **more: str) -> int:
    return asked(house, token, path, **more)[0]


def becomes(value: Any, look: Callable[[], Any]) -> None:
    """Wait until something is as it should be."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) != value:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def of_first_start(house: Running) -> str:
    return (house.server.state / "admin-token").read_text().strip()


def test_the_first_token_lies_in_a_file_for_the_daemons_user_alone(house: Running) -> None:
    found = (house.server.state / "admin-token").stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_uid == house.server.state.stat().st_uid
    assert status(house, of_first_start(house), "/tokens") == 200
    assert of_first_start(house) not in house.server.log_text()


def test_a_token_made_by_the_command_counts_until_it_is_revoked(house: Running) -> None:
    token = admin(house, "token", "create", "--acl", "provd.cfg_mgr.configs.#", "--description", "a portal")
    becomes(200, lambda: status(house, token, "/cfg_mgr/configs"))
    assert asked(house, token, "/dev_mgr/devices")[:2] == (401, "Unauthorized")
    assert status(house, None, "/cfg_mgr/configs", Authorization=f"Bearer {token}") == 200
    shown = next(each for each in rows(house, "token", "list") if each["description"] == "a portal")
    assert token not in json.dumps(shown)
    seen = house.rest.get(f"/tokens/{shown['id']}")["token"]
    assert (seen["name"], seen["acl"]) == ("a portal", ["provd.cfg_mgr.configs.#"])
    assert seen["last_used"] is not None
    admin(house, "token", "revoke", shown["id"])
    becomes(401, lambda: status(house, token, "/cfg_mgr/configs"))


def test_a_token_ends_by_itself(house: Running) -> None:
    token = admin(house, "token", "create", "--acl", "#", "--expires", "8s")
    becomes(200, lambda: status(house, token, "/status"))
    becomes(401, lambda: status(house, token, "/status"))


def test_tenants_made_by_the_command_are_there_at_once(house: Running) -> None:
    uuid = admin(house, "tenant", "create", "north")
    token = admin(house, "token", "create", "--acl", "#", "--tenant", "north")
    becomes(200, lambda: status(house, token, "/tenants"))
    listed = json.loads(asked(house, token, "/tenants")[1])["tenants"]
    assert [each["uuid"] for each in listed] == [uuid]
    assert status(house, of_first_start(house), "/dev_mgr/devices", Wazo_Tenant=uuid) == 200
    admin(house, "tenant", "remove", "north")
    becomes(401, lambda: status(house, token, "/tenants"))
    becomes(401, lambda: status(house, of_first_start(house), "/dev_mgr/devices", Wazo_Tenant=uuid))


def test_who_guesses_waits_and_who_knows_does_not(house: Running) -> None:
    known, source = of_first_start(house), "127.5.0.1"
    assert status(house, known, "/status", source=source) == 200
    codes = [status(house, f"prv_0123456789ab_{number}", "/status", source=source) for number in range(21)]
    assert codes == [401] * 20 + [429]
    code, sentence, headers = asked(house, "prv_0123456789ab_x", "/status", source=source)
    assert (code, headers["Retry-After"]) == (429, "60")
    assert "wrong tokens" in sentence
    assert status(house, known, "/status", source=source) == 200
    assert status(house, None, "/status", source=source) == 401
    assert status(house, "prv_0123456789ab_x", "/status") == 401
