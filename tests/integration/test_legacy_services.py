"""Services that plugins of the older interface bring themselves, under a real server."""

from __future__ import annotations

import socket
from ast import literal_eval
from collections.abc import Iterator

import pytest
from bench.legacy_repository import build_legacy_repository
from bench.server import RestError
from tests.support.legacy_plugins import write_small
from tests.support.servers import Running, prepared

PLUGIN = "wazo-own-1"
PACKAGES = f"/pg_mgr/plugins/{PLUGIN}/install"
CODE = """
import io
import logging
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from {prefix}.operation import OperationInProgress
from {prefix}.services import AbstractInstallationService

class Service(AbstractInstallationService):
    def __init__(self, directory):
        self._directory = directory
        self._installed = {{}}
    def install(self, pkg_id):
        if pkg_id == "refused":
            raise Exception("not on Sundays")
        return deferToThread(self._work, pkg_id), OperationInProgress("mine", "progress", 5, 10)
    def _work(self, pkg_id):
        if pkg_id == "fails":
            raise ValueError("the disk of the factory is full")
        self._installed[pkg_id] = {{"version": "2", "description": "Own"}}
    def uninstall(self, pkg_id):
        if pkg_id == "kept":
            raise Exception("it is needed")
        del self._installed[pkg_id]
    def list_installable(self):
        row = {{"version": "2", "description": "Own", "dsize": 3}}
        return {{name: row for name in ("fw", "kept", "refused", "fails")}}
    def list_installed(self):
        return self._installed

class Tftp:
    def handle_read_request(self, request, response):
        name = request["packet"]["filename"]
        if name == b"ignored":
            response.ignore()
        elif name == b"refused":
            response.reject(b"\\0\\2", "not for you")
        elif name == b"later":
            reactor.callLater(0, response.accept, io.BytesIO(b"late"))
        elif name == b"told":
            response.accept(io.BytesIO(repr(request["packet"]).encode()))
        elif name != b"never":
            response.accept(io.BytesIO(b"own"))

class Counter:
    description = [("asked", "how often")]
    description_fr = [("asked", "combien de fois")]
    count = 0
    def get(self, name):
        self.count += 1
        return "x" * 600 + str(self.count)
    def set(self, name, value):
        self.count = int(value)

class Own(StandardPlugin):
    IS_PLUGIN = True
    def __init__(self, *arguments):
        super().__init__(*arguments)
        logging.getLogger("plugin.own").warning("made %d", 1)
        self.services = {{"install": Service(self._plugin_dir), "configure": Counter()}}
        self.tftp_service = Tftp()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("own")
    plugin = write_small(root / "plugins", PLUGIN, CODE.format(prefix="wazo_provd"))
    running = prepared(root / "server", build_legacy_repository(root / "repository", [plugin]))
    running.server.start()
    try:
        running.install(PLUGIN)
        device = {"id": "d", "mac": "00:11:22:33:66:01", "plugin": PLUGIN, "ip": "127.0.0.1", "config": "base"}
        running.rest.call("POST", "/dev_mgr/devices", {"device": device})
        yield running
    finally:
        assert running.server.stop() == 0


def test_43_packages_by_the_plugins_own_service(server: Running) -> None:
    assert set(server.rest.get(f"{PACKAGES}/installable")["pkgs"]) == {"fw", "kept", "refused", "fails"}
    assert server.rest.get(f"{PACKAGES}/installed")["pkgs"] == {}
    assert "success" in server.rest.finish(f"{PACKAGES}/install", {"id": "fw"})
    assert server.rest.get(f"{PACKAGES}/installed")["pkgs"] == {"fw": {"version": "2", "description": "Own"}}
    server.rest.call("POST", f"{PACKAGES}/uninstall", {"id": "fw"})
    assert server.rest.get(f"{PACKAGES}/installed")["pkgs"] == {}


def test_43_what_it_refuses_is_400_with_its_words(server: Running) -> None:
    with pytest.raises(RestError, match=r"400 .*not on Sundays"):
        server.rest.call("POST", f"{PACKAGES}/install", {"id": "refused"})
    with pytest.raises(RestError, match=r"400 .*not known"):
        server.rest.call("POST", f"{PACKAGES}/install", {"id": "unheard"})
    server.rest.finish(f"{PACKAGES}/install", {"id": "fw"})
    with pytest.raises(RestError, match=r"400 .*has no upgrade"):
        server.rest.call("POST", f"{PACKAGES}/upgrade", {"id": "fw"})
    server.rest.finish(f"{PACKAGES}/install", {"id": "kept"})
    with pytest.raises(RestError, match=r"400 .*it is needed"):
        server.rest.call("POST", f"{PACKAGES}/uninstall", {"id": "kept"})
    with pytest.raises(RestError, match="disk of the factory"):
        server.rest.finish(f"{PACKAGES}/install", {"id": "fails"})


def asked(phone: socket.socket, server: Running, name: bytes) -> None:
    phone.sendto(b"\0\1" + name + b"\0octet\0", ("127.0.0.1", server.tftp))


def socket_of_phone() -> socket.socket:
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(("127.0.0.1", 0))
    phone.settimeout(60)
    return phone


def test_41_a_silent_tftp_service_stays_silent(server: Running) -> None:
    answers = {b"refused": b"\0\5\0\2not for you\0", b"later": b"\0\3\0\1late", b"x": b"\0\3\0\1own"}
    with socket_of_phone() as silent, socket_of_phone() as phone:
        asked(silent, server, b"ignored")
        for name, answer in answers.items():
            asked(phone, server, name)
            data, peer = phone.recvfrom(2048)
            assert data == answer
            if data[1] == 3:
                phone.sendto(b"\0\4\0\1", peer)
        # Everything that was asked after it is answered, so an answer would have come by now.
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recvfrom(2048)


def test_41_a_tftp_service_sees_the_whole_request(server: Running) -> None:
    with socket_of_phone() as phone:
        request = b"\0\1told\0OCTET\0BlkSize\x001024\0tsize\x000\0"
        phone.sendto(request, ("127.0.0.1", server.tftp))
        agreed, peer = phone.recvfrom(2048)
        assert agreed.startswith(b"\0\6blksize\x001024\0tsize\0")
        phone.sendto(b"\0\4\0\0", peer)
        data, _ = phone.recvfrom(2048)
        phone.sendto(b"\0\4\0\1", peer)
    assert literal_eval(data[4:].decode()) == {
        "opcode": b"\0\1",
        "filename": b"told",
        "mode": b"octet",
        "options": {b"blksize": b"1024", b"tsize": b"0"},
    }


def test_42_its_own_parameters_are_read_when_they_are_asked_for(server: Running) -> None:
    path = f"/pg_mgr/plugins/{PLUGIN}/configure"
    server.rest.call("PUT", f"{path}/asked", {"param": {"value": "40"}})
    first, second = (server.rest.get(f"{path}/asked")["param"]["value"] for _ in range(2))
    assert len(first) > 600
    assert int(second.lstrip("x")) > int(first.lstrip("x")) > 40
    server.rest.call("PUT", "/configure/locale", {"param": {"value": "fr_FR"}})
    assert [row["description"] for row in server.rest.get(path)["params"]] == ["combien de fois"]
    server.rest.call("PUT", "/configure/locale", {"param": {"value": None}})
    assert [row["description"] for row in server.rest.get(path)["params"]] == ["how often"]


def test_what_a_plugin_logs_names_it(server: Running) -> None:
    assert server.server.has_logged("a plugin printed: WARNING plugin.own: made 1")
