"""The whole daemon on PostgreSQL: boot, configure, serve, restart, lose the connections."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import yaml
from bench.phones import fetch_http, fetch_tftp
from bench.server import RestError
from tests.support.servers import Running, build_repository, prepared

SEP = "SEP001B54000005.cnf.xml"
SNOM = "/snomD785-000413920001.htm"
DATABASE = "provisiond_whole"


def conninfo(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.fixture(scope="module")
def database(server: str) -> Iterator[str]:
    """The URL of a database for this daemon alone."""
    with psycopg.connect(conninfo(server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
        yield server.replace("/postgres?", f"/{DATABASE}?")
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("postgresql")
    running = prepared(directory / "server", build_repository(directory))
    (directory / "server/conf.d").mkdir()
    (directory / "server/conf.d/database.yml").write_text(yaml.safe_dump({"database": {"url": database}}))
    running.server.start()
    try:
        running.install("cisco-sccp-9.0.3", "snom-10.1.184.15")
        yield running
    finally:
        running.server.stop()


def query(database: str, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo(database)) as connection:
        return connection.execute(text).fetchall()


def device_of(house: Running, mac: str) -> dict[str, Any]:
    selector = quote(json.dumps({"mac": mac}))
    found = house.rest.get(f"/dev_mgr/devices?q={selector}")["devices"]
    assert len(found) == 1
    return dict(found[0])


def phone_file(house: Running) -> bytes:
    content = fetch_http(house.http, SNOM, address="127.0.5.2")
    assert content is not None
    return content


def test_an_unknown_phone_boots_and_is_kept(house: Running, database: str) -> None:
    content = fetch_tftp(house.tftp, SEP, address="127.0.5.1")
    assert content is not None
    assert b"<processNodeName>127.0.0.1</processNodeName>" in content
    device = device_of(house, "00:1b:54:00:00:05")
    assert (device["plugin"], device["configured"], device["added"]) == ("cisco-sccp-9.0.3", True, "auto")
    assert not (house.server.state / "provisiond.db").exists()
    assert query(database, "SELECT count(*) FROM device") == [(1,)]


def test_a_phone_is_configured_over_rest_and_served(house: Running) -> None:
    line = {"username": "zoé", "password": "s3cret", "display_name": "Zoé 😀", "proxy_ip": "192.0.2.5"}
    config = {"id": "zoe", "parent_ids": ["base"], "raw_config": {"sip_lines": {"1": line}}}
    house.rest.call("POST", "/cfg_mgr/configs", {"config": config})
    device = {
        "mac": "00:04:13:92:00:01",
        "vendor": "Snom",
        "model": "D785",
        "plugin": "snom-10.1.184.15",
        "config": "zoe",
    }
    house.rest.call("POST", "/dev_mgr/devices", {"device": device})
    assert "zoé".encode() in phone_file(house)
    for name in ("eins", "zwei", "drei"):
        config["raw_config"] = {"sip_lines": {"1": {**line, "username": name}}}
        house.rest.call("PUT", "/cfg_mgr/configs/zoe", {"config": config})
        assert name.encode() in phone_file(house)


def test_lists_are_searched_sorted_and_cut(house: Running) -> None:
    rest = house.rest
    for number in range(20):
        rest.call(
            "POST", "/dev_mgr/devices", {"device": {"id": f"d{number:02}", "ip": f"192.0.2.{number}", "X": number % 3}}
        )
    third = quote(json.dumps({"X": 1}))
    rows = rest.get(f"/dev_mgr/devices?q={third}&sort=id&sort_ord=DESC&skip=1&limit=3&fields=id")["devices"]
    assert [row["id"] for row in rows] == ["d16", "d13", "d10"]
    rest.call("DELETE", "/dev_mgr/devices/d00")
    with pytest.raises(RestError, match="404"):
        rest.get("/dev_mgr/devices/d00")


def kept(house: Running) -> tuple[Any, ...]:
    rest = house.rest
    device = device_of(house, "00:04:13:92:00:01")
    return (
        phone_file(house),
        {key: device[key] for key in ("id", "config", "plugin", "configured")},
        rest.get("/cfg_mgr/configs/zoe"),
        rest.get("/configure/locale"),
        sorted(row["id"] for row in rest.get("/dev_mgr/devices")["devices"]),
        sorted(rest.get("/pg_mgr/install/installed")["pkgs"]),
    )


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_everything_is_there_after_a_restart(house: Running, end: str) -> None:
    assert set_locale(house) is None
    before = kept(house)
    getattr(house.server, end)()
    house.server.start()
    assert kept(house) == before


def set_locale(house: Running) -> str | None:
    """Set a parameter; return the refusal, if it is one."""
    try:
        house.rest.call("PUT", "/configure/locale", {"param": {"value": "fr_FR"}})
    except RestError as error:
        return str(error)
    return None


def test_lost_connections_are_made_again(house: Running, database: str) -> None:
    before = kept(house)
    query(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        f"AND datname = '{DATABASE}'")  # fmt: skip
    # what is served stays served, and the next calls find the database again
    assert phone_file(house) == before[0]
    deadline = time.monotonic() + 60
    while (refusal := set_locale(house)) is not None:
        assert "Traceback" not in refusal
        assert time.monotonic() < deadline, refusal
        time.sleep(0.1)
    assert kept(house) == before
    assert "Traceback" not in Path(house.server.settings.parent / "provisiond.log").read_text()
