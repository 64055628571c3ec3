"""Services of plugins' own, which read what ``configure`` wrote (legacy plugin contract, sections 6 and 7)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.legacy_plugins import hosted, write_small
from tests.support.provisioning import run
from twisted.internet.task import Clock

from provisiond.legacy import driving
from provisiond.legacy.hosted import HostedLegacyPlugin, LegacyFile
from provisiond.legacy.wire import PhoneRequest, tftp_packet

# A softphone that asks with a form for the file of its user, below a root that is nobody's leaf.
DESK = """
from {p}.servers.http_site import Request
from {p}.servers.tftp.service import TFTPHookService
from {p}.util import is_normed_uuid
from twisted.web.resource import Resource

class Desk(Resource):
    def __init__(self, folder):
        super().__init__()
        self.folder = folder
    def render_POST(self, request: Request):
        uuid = request.args[b"uuid"][0].decode("ascii")
        if not is_normed_uuid(uuid):
            request.setResponseCode(400)
            return "that is no uuid"
        try:
            with open(os.path.join(self.folder, uuid)) as file:
                return file.read()
        except OSError:
            request.setResponseCode(404)
            return b"nothing there"

class Small(StandardPlugin):
    IS_PLUGIN = True
    def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
        super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
        self._tpl = TemplatePluginHelper(plugin_dir)
        root = Resource()
        root.putChild(b"desk", Desk(self._tftpboot_dir))
        self.http_service = root
        self.tftp_service = TFTPHookService(TFTPFileService(self._tftpboot_dir))
    def configure(self, device, raw_config):
        template = self._tpl.get_dev_template(device["uuid"], device)
        self._tpl.dump(template, raw_config, os.path.join(self._tftpboot_dir, device["uuid"]))
    def deconfigure(self, device):
        os.remove(os.path.join(self._tftpboot_dir, device["uuid"]))
"""
FILES = {"templates/base.tpl": "name={{ sip_lines['1']['username'] }}", "var/tftpboot/static": "as it is"}
UUID = "12345678-1234-1234-1234-123456789abc"
DEVICE = {"id": "d", "uuid": UUID, "model": "Desk"}


def raw(name: str) -> dict[str, Any]:
    return {"sip_lines": {"1": {"username": name}}}


def posted(plugin: HostedLegacyPlugin, uuid: str) -> tuple[int, bytes]:
    request = PhoneRequest(
        method="POST",
        path=b"/desk",
        headers=((b"Content-Type", b"application/x-www-form-urlencoded"),),
        body=b"uuid=" + uuid.encode(),
    )
    answer = run(driving.web_answer(plugin.plugin.http_service, request, None, Clock()))
    return answer.status, answer.body


def by_tftp(plugin: HostedLegacyPlugin, name: str) -> bytes | None:
    content: bytes | None = run(
        driving.tftp_answer(
            plugin.plugin.tftp_service, tftp_packet(name.encode(), b"octet", {}), "192.0.2.9", None, Clock()
        )
    )[0]
    return content


def contents(files: list[LegacyFile]) -> Mapping[str, bytes]:
    return {file.name: file.content for file in files}


@pytest.mark.parametrize("prefix", ["wazo_provd", "provd"])
def test_services_of_a_plugins_own_find_the_files_that_it_made(tmp_path: Path, prefix: str) -> None:
    directory = write_small(tmp_path, "p", DESK.replace("{p}", prefix), files=FILES)
    with hosted(directory, tmp_path / "scratch") as plugin:
        made = contents(plugin.device_files(DEVICE, raw("alice")))
        assert made == {UUID: b"name=alice"}
        assert posted(plugin, UUID) == (404, b"nothing there")
        plugin.show("d", made)
        assert posted(plugin, UUID) == (200, b"name=alice")
        assert by_tftp(plugin, UUID) == b"name=alice"
        assert by_tftp(plugin, "static") == b"as it is"
        assert posted(plugin, "../secret") == (400, b"that is no uuid")


def test_what_is_shown_does_not_mix_with_what_is_made(tmp_path: Path) -> None:
    with hosted(write_small(tmp_path, "p", DESK.replace("{p}", "provd"), files=FILES), tmp_path / "scratch") as plugin:
        first = contents(plugin.device_files(DEVICE, raw("alice")))
        plugin.show("d", first)
        second = contents(plugin.device_files(DEVICE, raw("bob")))
        assert second == {UUID: b"name=bob"}
        # A preview is made the same way: until the new file is shown, the phone gets the old one.
        assert posted(plugin, UUID) == (200, b"name=alice")
        plugin.show("d", second)
        assert posted(plugin, UUID) == (200, b"name=bob")
        assert contents(plugin.device_files(DEVICE, raw("bob"))) == second
        plugin.deconfigure("d")
        plugin.show("d", second)
        assert posted(plugin, UUID) == (200, b"name=bob")
        plugin.show("d", {})
        assert posted(plugin, UUID)[0] == 404


def test_what_is_shown_never_reaches_the_installed_plugin(tmp_path: Path) -> None:
    directory = write_small(tmp_path, "p", DESK.replace("{p}", "provd"), files=FILES)
    with hosted(directory, tmp_path / "scratch") as plugin:
        plugin.show("d", {"static": b"of the device", "deep/er": b"x"})
        assert by_tftp(plugin, "static") == b"of the device"
        assert (directory / "var/tftpboot/static").read_bytes() == b"as it is"
        assert not (directory / "var/tftpboot/deep").exists()
        plugin.common_files({"ip": "192.0.2.7"})
        plugin.show("d", {"deep/er": b"x"})
        assert by_tftp(plugin, "deep/er") == b"x"
