"""Operations of a real server: nested progress while it lasts, readable after its end and after a kill."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from bench.server import RestError
from tests.support.servers import Running, build_repository, prepared

from provisiond.model.operation import parse_progress

PLUGIN, OTHER = "aastra-3.3.1-SP2", "cisco-sccp-9.0.3"
PATIENCE = 120.0


class Repository:
    """A repository over HTTP whose archives come when a test lets them."""

    def __init__(self, root: Path) -> None:
        self.go_on = threading.Event()
        self.asked = threading.Event()
        outer = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = root / self.path.rpartition("/")[2]
                if not path.is_file():
                    self.send_error(404)
                    return
                content = path.read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[:100])
                self.wfile.flush()
                if "tar" in path.name:
                    outer.asked.set()
                    outer.go_on.wait(PATIENCE)
                self.wfile.write(content[100:])

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def stop(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_repository(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def served(built: Path) -> Iterator[Repository]:
    made = Repository(built)
    yield made
    made.stop()


@pytest.fixture
def repository(served: Repository) -> Repository:
    """The repository, its archives held back."""
    served.go_on.clear()
    served.asked.clear()
    return served


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, built: Path, served: Repository) -> Iterator[Running]:
    made = prepared(tmp_path_factory.mktemp("server"), built)
    made.server.start()
    try:
        made.rest.call("PUT", "/configure/plugin_server", {"param": {"value": served.url}})
        yield made
    finally:
        served.go_on.set()
        made.server.stop()


def begun(house: Running, path: str, document: Any) -> str:
    location = house.rest.call("POST", path, document)[2]
    assert location is not None
    return location.removeprefix("/0.2")


def waited(house: Running, location: str, condition: Callable[[Any], bool]) -> Any:
    """Return an operation as soon as it fulfils a condition; its states only ever go forward."""
    rank = {"waiting": 0, "progress": 1, "success": 2, "fail": 2}
    former: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = house.rest.get(location)
        parse_progress(found["status"])
        states = re.findall(r"waiting|progress|success|fail", found["status"])
        assert len(states) >= len(former)
        assert all(rank[new] >= rank[old] for old, new in zip(former, states, strict=False))
        if condition(found):
            return found
        former = states
        time.sleep(0.02)
    raise AssertionError(f"{location} stays {found}")


def has_ended(operation: Any) -> bool:
    return operation["ended"] is not None


def test_progress_end_and_what_is_told_after_a_restart(house: Running, repository: Repository) -> None:
    update = begun(house, "/pg_mgr/install/update", {})
    told = waited(house, update, has_ended)
    assert re.fullmatch(r"update\|success;\d+", told["status"])
    install = begun(house, "/pg_mgr/install/install", {"id": PLUGIN})
    assert repository.asked.wait(PATIENCE)
    running = waited(house, install, lambda found: "(" in found["status"])
    assert re.fullmatch(r"install\|progress\(download\|progress;\d+/\d+\)", running["status"])
    assert (running["error"], running["ended"]) == (None, None)
    with pytest.raises(RestError, match="400"):
        house.rest.call("POST", "/pg_mgr/install/install", {"id": PLUGIN})
    # Another operation does not wait for this one.
    assert waited(house, begun(house, "/pg_mgr/install/update", {}), has_ended)["error"] is None
    repository.go_on.set()
    done = waited(house, install, has_ended)
    assert re.fullmatch(r"install\|success\(download\|success;(\d+)/\1\)", done["status"])
    assert PLUGIN in house.rest.get("/pg_mgr/plugins")["plugins"]
    assert house.server.stop() == 0
    house.server.start()
    assert house.rest.get(install) == done
    later = begun(house, "/pg_mgr/install/update", {})
    assert int(later.rpartition("/")[2]) > int(install.rpartition("/")[2])
    assert house.rest.call("DELETE", install)[0] == 204
    with pytest.raises(RestError, match="404"):
        house.rest.get(install)


def test_what_a_killed_server_was_doing_has_failed(house: Running, repository: Repository) -> None:
    waited(house, begun(house, "/pg_mgr/install/update", {}), has_ended)
    install = begun(house, "/pg_mgr/install/install", {"id": OTHER})
    assert repository.asked.wait(PATIENCE)
    waited(house, install, lambda found: "download" in found["status"])
    house.server.kill()
    repository.go_on.set()
    house.server.start()
    after = house.rest.get(install)
    assert re.fullmatch(r"install\|fail(\(download\|fail;\d+/\d+\))?", after["status"])
    assert after["error"] == "the server stopped while this was running"
    assert after["ended"] >= after["created"]
    assert OTHER not in house.rest.get("/pg_mgr/install/installed")["pkgs"]
    again = begun(house, "/pg_mgr/install/install", {"id": OTHER})
    assert waited(house, again, has_ended)["status"].startswith("install|success")


def test_a_client_that_leaves_at_once_finds_its_work_done(house: Running, repository: Repository) -> None:
    token = (house.server.state / "admin-token").read_text().strip()
    body = b"{}"
    lines = ["POST /0.2/pg_mgr/install/update HTTP/1.1", "Host: x", f"X-Auth-Token: {token}", "Content-Length: 2"]
    head = "\r\n".join([*lines, "Content-Type: application/vnd.proformatique.provd+json", "", ""])
    before = begun(house, "/pg_mgr/install/update", {})
    waited(house, before, has_ended)
    with socket.create_connection(("127.0.0.1", house.rest_port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode() + body)
        assert connection.recv(12) == b"HTTP/1.1 201"
    number = int(before.rpartition("/")[2]) + 1
    assert waited(house, f"/pg_mgr/install/update/{number}", has_ended)["error"] is None
    assert house.rest.get("/pg_mgr/install/installable")["pkgs"]
