"""A real server tells what is wrong with it, and forgets it when the cause goes."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bench.phones import fetch_http, fetch_tftp
from bench.server import RestError, free_port
from prometheus_client.parser import text_string_to_metric_families
from tests.support.certificates import certificate
from tests.support.scripted_ami import scripted_ami
from tests.support.servers import Running, build_repository, prepared
from tests.support.waiting import until

CONTROL = [sys.executable, "-m", "provisiond.cli.provisionctl"]
FILES = ("certKey", "privateKey")
SEP = "SEP001B54000005.cnf.xml"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_repository(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Running]:
    server = prepared(tmp_path_factory.mktemp("server"), repository)
    document = yaml.safe_load(server.server.settings.read_text())
    document["general"].update(workers=2, sync="asterisk_ami")
    document["log"] = {"format": "json"}
    document["asterisk_ami"] = {"port": free_port(), "username": "provisiond", "password": "secret"}
    files = ":".join(f"{what}={_put_certificate(server.server.settings.parent, 1)[what]}" for what in FILES)
    document["extensions"] = {"listen": f"ssl:{free_port()}:interface=127.0.0.1:{files}"}
    server.server.settings.write_text(yaml.safe_dump(document))
    server.server.start()
    try:
        server.install("cisco-sccp-9.0.3")
        yield server
    finally:
        server.server.stop()


def _put_certificate(directory: Path, days: float) -> dict[str, Path]:
    """Write a certificate that ends in so many days; return the files by what an endpoint calls them."""
    places = {what: directory / f"{what}.pem" for what in FILES}
    for place, content in zip(places.values(), certificate(days), strict=True):
        place.write_bytes(content)
    return places


def told(house: Running) -> dict[str, dict[str, Any]]:
    """Return what is wrong by code; a busy machine is not what is tested here."""
    rows = house.rest.get("/status/problems")["problems"]
    return {row["code"]: row for row in rows if row["code"] not in ("server-busy", "database-slow")}


def becomes(house: Running, code: str, *, there: bool, seconds: float = 90) -> dict[str, Any]:
    """Wait until a trouble is told, or is not told any more; return its row, or nothing."""
    deadline = time.monotonic() + seconds
    while (code in (found := told(house))) is not there:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found.get(code, {})


def plain(house: Running, path: str) -> tuple[int, Any]:
    """Ask without a token."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{house.rest_port}{path}", timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def control(house: Running) -> subprocess.CompletedProcess[str]:
    """Run ``provisionctl status``."""
    environment = {
        **os.environ,
        "PROVISIONCTL_URL": f"http://127.0.0.1:{house.rest_port}",
        "PROVISIONCTL_TOKEN": (house.server.state / "admin-token").read_text().strip(),
    }
    command = [*CONTROL, "status"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_directory_that_cannot_be_written(house: Running) -> None:
    cache = Path(yaml.safe_load(house.server.settings.read_text())["general"]["cache_dir"])
    assert "directory-unwritable" not in told(house)
    kept = cache.rename(cache.with_name("kept"))
    cache.write_text("no directory")
    try:
        row = becomes(house, "directory-unwritable", there=True)
        assert row["about"] == "general.cache_dir"
        assert (row["severity"], row["cure"][-1], str(cache) in row["sentence"]) == ("error", ".", False)
        shown = control(house)
        assert shown.returncode == 1, shown
        assert (
            "error: general.cache_dir cannot be written: Not a directory (directory-unwritable, since " in shown.stdout
        )
        assert row["cure"] in shown.stdout
    finally:
        cache.unlink()
        kept.rename(cache)
    becomes(house, "directory-unwritable", there=False)
    assert house.server.has_logged("directory-unwritable is over")


def test_a_repository_that_is_gone(house: Running, repository: Path) -> None:
    away = repository.rename(repository.with_name("away"))
    try:
        with pytest.raises(RestError):
            house.rest.finish("/pg_mgr/install/update", {})
        row = becomes(house, "repository-unreachable", there=True)
        assert row["about"] == "default"
        assert "its index of 20" in row["sentence"]
    finally:
        away.rename(repository)
    house.rest.finish("/pg_mgr/install/update", {})
    becomes(house, "repository-unreachable", there=False)


def test_settings_that_are_refused(house: Running) -> None:
    file = house.server.settings
    good = file.read_text()
    file.write_text(good + "\nno_such_section: 1\n")
    try:
        os.kill(house.server.pid, signal.SIGHUP)
        row = becomes(house, "settings-refused", there=True)
        assert "no_such_section" in row["sentence"]
    finally:
        file.write_text(good)
    os.kill(house.server.pid, signal.SIGHUP)
    becomes(house, "settings-refused", there=False)


def test_asterisk_that_is_away_and_comes(house: Running) -> None:
    becomes(house, "ami-unreachable", there=True)
    port = yaml.safe_load(house.server.settings.read_text())["asterisk_ami"]["port"]
    with scripted_ami("provisiond", "secret", lambda action: "Response: Success\r\n", port):
        becomes(house, "ami-unreachable", there=False)


def test_a_certificate_near_its_end_and_the_next(house: Running) -> None:
    assert "certKey.pem ends on 20" in becomes(house, "certificate-ending", there=True)["sentence"]
    _put_certificate(house.server.settings.parent, 400)
    os.kill(house.server.pid, signal.SIGHUP)
    becomes(house, "certificate-ending", there=False)


def test_few_descriptors_are_left(house: Running) -> None:
    former = resource.prlimit(house.server.pid, resource.RLIMIT_NOFILE)
    used = len(list(Path(f"/proc/{house.server.pid}/fd").iterdir()))
    # Room enough for what the server itself needs meanwhile.
    resource.prlimit(house.server.pid, resource.RLIMIT_NOFILE, (used + 4, former[1]))
    try:
        assert f"of {used + 4} files" in becomes(house, "descriptors-low", there=True)["sentence"]
    finally:
        resource.prlimit(house.server.pid, resource.RLIMIT_NOFILE, former)
    becomes(house, "descriptors-low", there=False)


def lines(house: Running) -> list[dict[str, Any]]:
    """Return the lines of the log that are JSON."""
    return [json.loads(line) for line in house.server.log_text().splitlines() if line.startswith("{")]


def test_each_request_of_a_phone_is_a_line_with_every_member_on_every_way(house: Running) -> None:
    # The second request is answered from memory, plain ones beside twisted.web and others by it, in several processes.
    for _ in range(2):
        content = fetch_tftp(house.tftp, SEP, address="127.0.3.101")
        assert content is not None
        assert fetch_http(house.http, f"/{SEP}", address="127.0.3.101") == content
    plain_http = urllib.request.Request(
        f"http://127.0.0.1:{house.http}/{SEP}", headers={"Expect": "x", "Range": "bytes=0-"}
    )
    with urllib.request.urlopen(plain_http, timeout=20) as answer:
        answer.read()
    assert fetch_http(house.http, "/nothing.cfg", address="127.0.3.102") is None

    def requests() -> list[dict[str, Any]]:
        return [line for line in lines(house) if line["subsystem"] == "phones" and "outcome" in line]

    assert until(lambda: len(requests()) >= 6), requests()
    served = [line for line in requests() if line["outcome"] == "served"]
    assert {line["protocol"] for line in served} == {"tftp", "http"}
    for line in served:
        assert (line["plugin"], line["mac"], line["bytes"]) == ("cisco-sccp-9.0.3", "00:1b:54:00:00:05", len(content))
        assert SEP in line["path"]
        assert line["peer"].startswith("127.")
        assert line["device"]
        assert line["reason"].startswith("rendered file")
        assert line["duration_ms"] >= 0
        assert line["method"] in ("GET", "RRQ")
    assert [line["reason"] for line in requests() if line["path"] == "/nothing.cfg"]


def test_levels_are_changed_while_it_runs_in_every_process(house: Running) -> None:
    def heard(words: str) -> int:
        return sum(words in line["message"] for line in lines(house))

    def ask() -> int:
        house.rest.get("/log/levels")
        return heard("/log/levels")

    def all_written(mark: str) -> bool:
        # Lines are written one after the other, a moment after the answer.
        fetch_http(house.http, f"/{mark}", address="127.0.0.1")
        return until(lambda: heard(mark) > 0)

    assert until(lambda: ask() > 0)
    house.rest.call("PUT", "/log/levels", {"level": "info", "levels": {"rest": "error"}})
    assert all_written("before.cfg")
    quiet = heard("/log/levels")
    ask()
    assert all_written("after.cfg")
    assert heard("/log/levels") == quiet
    os.kill(house.server.pid, signal.SIGHUP)
    assert until(lambda: house.rest.get("/log/levels")["levels"] == {}), "SIGHUP brings those of the settings back"
    assert until(lambda: ask() > quiet)
    assert until(lambda: heard("process 2 serves phones") > 0), house.server.log_text()[-3000:]
    (front,) = house.server.fronts()
    told = heard("process 2 serves phones")
    house.rest.call("PUT", "/log/levels", {"level": "info", "levels": {"phones.sharing.front": "error"}})
    os.kill(front, signal.SIGKILL)
    assert until(lambda: house.server.fronts() not in ([], [front]) and figures(house)["provisiond_workers", ()] == 2)
    assert heard("process 2 serves phones") == told, "the process that takes its place begins with these levels"
    house.rest.call("PUT", "/log/levels", {"level": "info", "levels": {}})


def test_load_balancers_need_no_token_and_learn_nothing(house: Running) -> None:
    assert plain(house, "/health/live") == (200, {"status": "live", "reasons": []})
    assert plain(house, "/health/ready") == (200, {"status": "ready", "reasons": []})
    assert plain(house, "/provd/status/problems")[0] == 401
    assert "/health/ready" not in house.server.log_text(), "thousands of these would hide the rest of the log"


def figures(house: Running) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the metrics: name and values of the labels -> figure."""
    token = (house.server.state / "admin-token").read_text().strip()
    request = urllib.request.Request(f"http://127.0.0.1:{house.rest_port}/metrics", headers={"X-Auth-Token": token})
    with urllib.request.urlopen(request, timeout=20) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


COUNTED = (
    ("provisiond_phone_requests_total", ("served", "tftp")),
    ("provisiond_phone_requests_total", ("served", "http")),
    ("provisiond_tftp_transfers_total", ("done",)),
)


def test_metrics_of_all_processes_together(house: Running) -> None:
    before = figures(house)
    for number in range(8):
        assert fetch_tftp(house.tftp, SEP, address=f"127.0.3.{number + 1}") is not None
        assert fetch_http(house.http, f"/{SEP}", address=f"127.0.3.{number + 1}") is not None
    deadline = time.monotonic() + 90
    while True:
        found = figures(house)
        more = [found.get(key, 0) - before.get(key, 0) for key in COUNTED]
        counted = (*more, found["provisiond_workers", ()])
        if counted == (8, 8, 8, 2):
            break
        assert time.monotonic() < deadline, counted
        time.sleep(0.2)
    assert found["provisiond_plugin_devices", ("cisco-sccp-9.0.3", "configured")] == 1
    assert found["provisiond_devices", ()] == 1
    assert found["provisiond_render_seconds_count", ("made", "cisco-sccp-9.0.3")] >= 1
    assert found["provisiond_render_queue", ()] == 0
    assert found["provisiond_operations_total", ("install", "success")] == 1
    assert found["provisiond_operations_total", ("update", "fail")] == 1
    assert found["provisiond_operations_running", ()] == 0
    assert found["provisiond_sql_seconds_count", ("read",)] > 0
    assert found["provisiond_sql_seconds_count", ("write",)] > 0
    assert found["process_open_fds", ()] > 10
