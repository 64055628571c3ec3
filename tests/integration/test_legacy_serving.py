"""What phones of plugins of the older interface get, with provisioning keys in their URLs, under a real server."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define
from bench.legacy_repository import build_legacy_repository
from bench.server import RestError
from tests.support.legacy_plugins import write_small
from tests.support.servers import Running, prepared

KEY = "abcdefgh"
MACS = {"wazo_provd": "0011223377aa", "provd": "0011223377bb"}
STATIC = {"in.bin": b"inside", "changed.cfg": b"as installed", "grown.cfg": b"as installed"}
CODE = """
import re
class Extractor:
    def extract(self, request, request_type):
        found = re.match(rb"^/{last}/(([0-9a-f]{{12}})[.]cfg|.*)$", request.path)
        if not found:
            return defer.succeed(None)
        info = {{"vendor": "Served {last}"}}
        if found.group(2):
            mac = found.group(2).decode("ascii")
            info["mac"] = ":".join(mac[i:i + 2] for i in range(0, 12, 2))
        return defer.succeed(info)
class Associator(BasePgAssociator):
    def _do_associate(self, vendor, model, version):
        return DeviceSupport.COMPLETE if vendor == "Served {last}" else DeviceSupport.NONE
class Served(StandardPlugin):
    IS_PLUGIN = True
    http_dev_info_extractor = Extractor()
    pg_associator = Associator()
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.http_service = HTTPNoListingFileService(self._tftpboot_dir)
        self._tftpboot_dir = os.path.join(self._tftpboot_dir, "{last}")
    def write(self, name, content):
        os.makedirs(self._tftpboot_dir, exist_ok=True)
        with open(os.path.join(self._tftpboot_dir, name), "w") as file:
            file.write(content)
    def configure_common(self, raw_config):
        self.write("common.cfg", raw_config["http_base_url"])
    def configure(self, device, raw_config):
        self.write(device["mac"].replace(":", "") + ".cfg", raw_config["http_base_url"])
        self.write("second.cfg", "second")
        self.write("changed.cfg", "changed")
        with open(os.path.join(self._tftpboot_dir, "grown.cfg"), "ab") as file:
            file.write(b" and grown")
        self.write(".hidden", "no")
        self.write("x.tmp", "no")
    def get_remote_state_trigger_filename(self, device):
        return device["mac"].replace(":", "") + ".cfg" if "mac" in device else None
    def is_sensitive_filename(self, filename):
        raise ValueError(filename)
    def synchronize(self, device, raw_config):
        return defer.fail(Exception("asked with " + raw_config["http_base_url"][-8:]))
"""


@define
class Phone:
    server: Running
    name: str
    plugin: str
    mac: str

    @property
    def folder(self) -> str:
        return f"/{KEY}/{self.mac[-2:]}"

    def ask(self, *paths: str, method: str = "GET", **headers: str) -> list[tuple[int, bytes]]:
        """Ask for several files on one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=60)
        answers: list[tuple[int, bytes]] = []
        for path in paths:
            connection.request(method, path, headers={"User-Agent": "Nobody", **headers})
            response = connection.getresponse()
            answers.append((response.status, response.read()))
        connection.close()
        return answers

    def device(self) -> dict[str, object]:
        mac = ":".join(self.mac[each : each + 2] for each in range(0, 12, 2))
        (found,) = self.server.rest.get(f"/dev_mgr/devices?q=%7B%22mac%22:%22{mac}%22%7D")["devices"]
        return dict(found)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("serving")
    plugins = [
        write_small(
            root / "plugins",
            f"served-{name}",
            CODE.format(last=mac[-2:]),
            import_name=name,
            files={f"var/tftpboot/{mac[-2:]}/{file}": content for file, content in STATIC.items()},
        )
        for name, mac in MACS.items()
    ]
    running = prepared(root / "server", build_legacy_repository(root / "repository", plugins))
    (root / "server/conf.d").mkdir()
    (root / "server/conf.d/keys.yml").write_text("general: {provisioning_key_in_urls: true}\n")
    running.server.start()
    try:
        running.install(*(f"served-{name}" for name in MACS))
        running.rest.call("PUT", "/configure/provisioning_key", {"param": {"value": KEY}})
        yield running
    finally:
        assert running.server.stop() == 0


@pytest.fixture(params=list(MACS))
def phone(server: Running, request: pytest.FixtureRequest) -> Phone:
    mac = MACS[request.param]
    made = Phone(server, request.param, f"served-{request.param}", mac)
    made.ask(f"{made.folder}/{mac}.cfg")
    return made


def test_24_the_key_is_in_urls_of_devices_and_in_no_path(phone: Phone) -> None:
    own, common = phone.ask(f"{phone.folder}/{phone.mac}.cfg", f"{phone.folder}/common.cfg")
    assert own == (200, f"http://127.0.0.1:{phone.server.http}/{KEY}".encode())
    assert common == (200, f"http://127.0.0.1:{phone.server.http}".encode())
    known = phone.device()
    assert (known["plugin"], known["configured"]) == (phone.plugin, True)
    with pytest.raises(RestError, match=f"asked with {KEY}"):
        phone.server.rest.finish("/dev_mgr/synchronize", {"id": known["id"]})


def test_34_only_the_trigger_tells_which_account_the_phone_runs(phone: Phone) -> None:
    known = phone.device()
    config = phone.server.rest.get(f"/cfg_mgr/configs/{known['config']}/raw")["raw_config"]
    username = config["sip_lines"]["1"]["username"]
    deadline = time.monotonic() + 60
    while phone.device().get("remote_state_sip_username") != username:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    bare = {name: value for name, value in phone.device().items() if name != "remote_state_sip_username"}
    phone.server.rest.call("PUT", f"/dev_mgr/devices/{known['id']}", {"device": bare})
    assert phone.ask(f"{phone.folder}/second.cfg") == [(200, b"second")]
    assert phone.device().get("remote_state_sip_username") is None


def test_35_files_in_every_spelling_and_by_every_method(phone: Phone) -> None:
    second = f"{phone.folder}/second.cfg"
    spellings = (second, f"{phone.folder}//second.cfg", f"{phone.folder}/./second.cfg", f"{phone.folder}/in.bin")
    assert phone.ask(*spellings) == [(200, b"second"), (200, b"second"), (200, b"second"), (200, b"inside")]
    missing = ("/second.cfg/more", "/SECOND.cfg", "/%00", "/nothing", "/a%2fb", "/%ff", "/../../x")
    assert [status for status, _ in phone.ask(*(phone.folder + name for name in missing))] == [404] * len(missing)
    assert phone.ask(second, method="HEAD") == [(200, b"")]
    assert phone.ask(second, Range="bytes=1-2") == [(206, b"ec")]
    assert phone.ask(second, Range="bytes=99-")[0][0] == 416
    assert [status for each in ("PUT", "DELETE", "OPTIONS") for status, _ in phone.ask(second, method=each)] == [
        405
    ] * 3


def test_what_is_installed_stays_when_the_plugin_writes_over_it(phone: Phone) -> None:
    folder = phone.server.server.state / "plugins" / phone.plugin / "var/tftpboot" / phone.mac[-2:]
    written = {"changed.cfg": b"changed", "grown.cfg": b"as installed and grown"}
    for _ in range(2):
        for name, content in written.items():
            assert phone.ask(f"{phone.folder}/{name}") == [(200, content)]
            assert (folder / name).read_bytes() == STATIC[name]
        phone.server.rest.call("POST", "/dev_mgr/reconfigure", {"id": phone.device()["id"]})


def test_36_what_is_never_served(phone: Phone) -> None:
    home = phone.server.server.state / "plugins" / phone.plugin / "var"
    folder = home / "tftpboot" / phone.mac[-2:]
    for name, target in (("out", Path("/etc/hostname")), ("inner", Path("in.bin"))):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    (home / "tftpboot2").mkdir(exist_ok=True)
    (home / "tftpboot2" / "secret").write_text("no")
    paths = [f"{phone.folder}/{name}" for name in (".hidden", "x.tmp", "out", "../../tftpboot2/secret")]
    assert [status for status, _ in phone.ask(*paths)] == [404] * 4
    assert phone.ask(f"{phone.folder}/inner") == [(200, b"inside")]


def test_39_a_plugin_without_a_tftp_service(phone: Phone) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.sendto(
            b"\0\1" + f"{phone.mac[-2:]}/second.cfg".encode() + b"\0octet\0", ("127.0.0.1", phone.server.tftp)
        )
        assert client.recv(2048)[:4] == b"\0\5\0\1"


def test_40_what_a_plugin_cannot_tell_to_be_sensitive_is_served(phone: Phone) -> None:
    assert phone.ask(f"{phone.folder}/second.cfg") == [(200, b"second")]
    assert "second.cfg" not in json.dumps(phone.server.rest.get("/pg_mgr/problems"))
