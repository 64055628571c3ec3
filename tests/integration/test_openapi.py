"""A real server is what its description says: schemathesis tries every operation of it."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.servers import Running, build_repository, running

PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
# A stream that never ends; its test is below.
ENDLESS = "/events"
DEVICE, CONFIG, PLUGIN = "4a1f", "alice", "snom-10.1.184.15"
KNOWN = f"""
[parameters]
"path.device_id" = "{DEVICE}"
"path.config_id" = "{CONFIG}"
"path.plugin" = "{PLUGIN}"
"path.param" = "locale"
"header.Wazo-Tenant" = "TENANT"
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), build_repository(tmp_path_factory.mktemp("build"))) as server:
        server.install(PLUGIN)
        raw = {"sip_lines": {"1": {"username": "alice", "password": "x", "proxy_ip": "192.0.2.5"}}}
        server.rest.call(
            "POST", "/cfg_mgr/configs", {"config": {"id": CONFIG, "parent_ids": ["base"], "raw_config": raw}}
        )
        device = {"id": DEVICE, "mac": "00:04:13:92:2d:24", "vendor": "Snom", "model": "D785", "version": "10.1.184.15"}
        server.rest.call("POST", "/dev_mgr/devices", {"device": {**device, "plugin": PLUGIN, "config": CONFIG}})
        yield server


def tried(house: Running, directory: Path, settings: str, *arguments: str) -> None:
    """Run schemathesis over the whole document; it must find nothing.

    The phase of boundary values sends some 3,000 requests, in half a minute where nothing else runs.
    """
    config = directory / "schemathesis.toml"
    config.write_text(settings)
    token = (house.server.state / "admin-token").read_text().strip()
    command = [str(PROGRAM), "--config-file", str(config), "run", f"{house.rest.base}/api/api.json"]
    command += ["-H", f"X-Auth-Token: {token}", "--exclude-path", ENDLESS, "--checks", ",".join(CHECKS)]
    command += ["--request-timeout", "30", "--seed", "1", "--no-shrink", "--continue-on-failure", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory, timeout=400, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_it_answers_as_described_whatever_is_sent(house: Running, tmp_path: Path) -> None:
    tried(house, tmp_path, "", "--phases", "coverage", "--max-time", "45")
    assert "Internal error" not in house.server.log_text()


def test_it_answers_as_described_about_what_there_is(house: Running, tmp_path: Path) -> None:
    settings = KNOWN.replace("TENANT", house.rest.get("/tenants")["tenants"][0]["uuid"])
    tried(house, tmp_path, settings, "--phases", "coverage", "-m", "positive", "--max-time", "30")
    log = house.server.log_text()
    assert "Internal error" not in log
    assert "internal error" not in log


def test_the_stream_of_events_is_described_too(house: Running) -> None:
    request = urllib.request.Request(f"{house.rest.base}{ENDLESS}")
    request.add_header("X-Auth-Token", (house.server.state / "admin-token").read_text().strip())
    described = house.rest.get("/api/api.json")["paths"][ENDLESS]["get"]["responses"]["200"]
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.headers["Content-Type"] in described["content"]
        assert response.readline() == b"retry: 5000\n"
