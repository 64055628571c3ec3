"""Existing plugins of rarer shapes under a real server: own services, firmware that is looked at, models told late."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from bench.legacy_repository import build_legacy_repository
from tests.support.legacy_plugins import write_small
from tests.support.servers import Running, prepared
from tests.support.simple_phones import by_http, by_tftp, known

# A softphone: it is known by a UUID, and asks with a form.
DESK = """
import re
from wazo_provd.util import is_normed_uuid, norm_uuid
from twisted.web.resource import Resource

class Extractor:
    def extract(self, request, request_type):
        agent = request.getHeader(b"User-Agent") or b""
        if not agent.startswith(b"Deskphone/"):
            return defer.succeed(None)
        info = {"vendor": "Desk", "model": "Desk", "version": agent.decode("ascii").partition("/")[2]}
        if "uuid" in request.args:
            info["uuid"] = norm_uuid(request.args[b"uuid"][0].decode("ascii"))
        return defer.succeed(info)

class Associator(BasePgAssociator):
    def _do_associate(self, vendor, model, version):
        return DeviceSupport.EXACT if vendor == model == "Desk" else DeviceSupport.IMPROBABLE

class Desk(Resource):
    def __init__(self, folder):
        super().__init__()
        self.folder = folder
    def render_POST(self, request):
        with open(os.path.join(self.folder, request.args[b"uuid"][0].decode("ascii"))) as file:
            return file.read()

class DeskPlugin(StandardPlugin):
    IS_PLUGIN = True
    http_dev_info_extractor = Extractor()
    pg_associator = Associator()
    def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
        super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
        self._tpl = TemplatePluginHelper(plugin_dir)
        self.http_service = Resource()
        self.http_service.putChild(b"desk", Desk(self._tftpboot_dir))
    def configure(self, device, raw_config):
        template = self._tpl.get_dev_template(device["uuid"], device)
        self._tpl.dump(template, raw_config, os.path.join(self._tftpboot_dir, device["uuid"]))
"""
# A phone that reveals its model to the DHCP server only; its common file names the firmware that is installed.
CALLER = """
import glob
import re
from wazo_provd.util import format_mac, norm_mac

class Tftp:
    def extract(self, request, request_type):
        found = re.match(r"^SEP([0-9A-F]{12})\\.cnf\\.xml$", request["packet"]["filename"].decode("ascii"))
        return defer.succeed({"vendor": "Cisco", "mac": norm_mac(found[1])} if found else None)

class Dhcp:
    def extract(self, request, request_type):
        found = re.search(r"Phone CP-(\\d{4})G", request["options"].get(60, ""))
        return defer.succeed({"vendor": "Cisco", "model": found[1]} if found else None)

class Associator(BasePgAssociator):
    def _do_associate(self, vendor, model, version):
        return DeviceSupport.PROBABLE.value + 10 if vendor == "Cisco" else 0

class CallerPlugin(StandardPlugin):
    IS_PLUGIN = True
    tftp_dev_info_extractor = Tftp()
    dhcp_dev_info_extractor = Dhcp()
    pg_associator = Associator()
    def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
        super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
        self._tpl = TemplatePluginHelper(plugin_dir)
        self.http_service = HTTPNoListingFileService(self._tftpboot_dir)
        self.tftp_service = TFTPFileService(self._tftpboot_dir)
    def configure_common(self, raw_config):
        found = glob.glob(os.path.join(self._tftpboot_dir, "firmware/load-*.bin"))
        if found:
            raw_config["XX_load"] = os.path.basename(max(found, key=os.path.getmtime))
        template = self._tpl.get_template("common/loads.tpl")
        self._tpl.dump(template, raw_config, os.path.join(self._tftpboot_dir, "loads.txt"))
    def configure(self, device, raw_config):
        name = "SEP" + format_mac(device["mac"], separator="", uppercase=True) + ".cnf.xml"
        self._tpl.dump(self._tpl.get_dev_template(name, device), raw_config, os.path.join(self._tftpboot_dir, name))
"""
# An adapter whose files all lie in a directory of their own, which is the root of what it may fetch.
BOX = """
import re
from provd.util import format_mac, norm_mac

class Extractor:
    def extract(self, request, request_type):
        agent = (request.getHeader(b"User-Agent") or b"").decode("ascii")
        found = re.match(r"Box (\\S+) SW (\\S+) ([0-9a-f]{12})$", agent)
        if found:
            return defer.succeed({"vendor": "Box", "model": found[1], "version": found[2], "mac": norm_mac(found[3])})

class Associator(BasePgAssociator):
    def _do_associate(self, vendor, model, version):
        return DeviceSupport.COMPLETE + 1 if vendor == "Box" else DeviceSupport.IMPROBABLE

class BoxPlugin(StandardPlugin):
    IS_PLUGIN = True
    http_dev_info_extractor = Extractor()
    pg_associator = Associator()
    def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
        super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
        self._tftpboot_dir = os.path.join(self._tftpboot_dir, "Box")
        self._tpl = TemplatePluginHelper(plugin_dir)
        self.http_service = HTTPNoListingFileService(self._tftpboot_dir)
    def get_remote_state_trigger_filename(self, device):
        return "cfg" + format_mac(device["mac"], separator="") + ".xml" if "mac" in device else None
    def configure(self, device, raw_config):
        name = self.get_remote_state_trigger_filename(device)
        self._tpl.dump(self._tpl.get_dev_template(name, device), raw_config, os.path.join(self._tftpboot_dir, name))
"""
UUID = "12345678-1234-1234-1234-123456789abc"
LATE = "00:19:30:6e:04:fa"
CALLER_ADDRESS = "127.0.4.1"
LATE_FILE = "SEP0019306E04FA.cnf.xml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("shapes")
    plugins = [
        write_small(
            root / "plugins",
            "wazo-desk-1",
            DESK,
            files={"templates/base.tpl": "user={{ sip_lines['1']['username'] }}\nname={{ X_name|d('é') }}\n"},
            info={"capabilities": {"Desk, Desk, 1": {"type": "softphone"}}},
        ),
        write_small(
            root / "plugins",
            "wazo-caller-9.4",
            CALLER,
            files={
                "templates/base.tpl": "model unknown",
                "templates/7941.tpl": "model 7941",
                "templates/common/loads.tpl": "load={{ XX_load }}",
            },
            info={"capabilities": {"Cisco, 7941, 9.4": {"protocol": "sccp"}}},
        ),
        write_small(
            root / "plugins",
            "wazo-box-1",
            BOX,
            files={"templates/base.tpl": "{{ sip_lines['1']['username'] }}"},
            info={"capabilities": {"Box, B1, 1.0": {"type": "ata"}}},
        ),
    ]
    running = prepared(root / "server", build_legacy_repository(root / "repository", plugins))
    running.server.start()
    try:
        running.install("wazo-desk-1", "wazo-caller-9.4", "wazo-box-1")
        yield running
    finally:
        assert running.server.stop() == 0


def test_a_softphone_gets_its_file_from_the_plugins_own_resource(server: Running) -> None:
    agent, form = "Deskphone/1.0", {"uuid": UUID}
    status, content = by_http(server, "/desk", agent, form)
    device = known(server, uuid=UUID)
    assert (device["plugin"], device["model"], device["configured"]) == ("wazo-desk-1", "Desk", True)
    assert (status, content.partition(b"\n")[2].decode()) == (200, "name=é")
    raw = {"X_name": "Zoé", "sip_lines": {"1": {"username": "zoe"}}}
    server.rest.call("POST", "/cfg_mgr/configs", {"config": {"id": "zoe", "parent_ids": ["base"], "raw_config": raw}})
    server.rest.call("PUT", f"/dev_mgr/devices/{device['id']}", {"device": {**device, "config": "zoe"}})
    assert by_http(server, "/desk", agent, form) == (200, "user=zoe\nname=Zoé".encode())
    assert not (server.server.state / "plugins" / "wazo-desk-1" / "var" / "tftpboot" / UUID).exists()


def test_a_model_that_is_told_late_is_taken_in_the_plugins_words(server: Running) -> None:
    assert by_tftp(server, LATE_FILE, CALLER_ADDRESS) == b"model unknown"
    assert "model" not in known(server, mac=LATE)
    # The server's own knowledge says 7941G; the plugin has a template for what it calls 7941.
    option = "060" + b"Cisco Systems, Inc. IP Phone CP-7941G\0".hex(".")
    report = {"op": "commit", "ip": CALLER_ADDRESS, "mac": LATE, "options": [option]}
    server.rest.call("POST", "/dev_mgr/dhcpinfo", {"dhcp_info": report})
    deadline = time.monotonic() + 60
    while "model" not in known(server, mac=LATE) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert known(server, mac=LATE)["model"] == "7941"
    assert by_tftp(server, LATE_FILE, CALLER_ADDRESS) == b"model 7941"


def test_plugins_see_firmware_that_was_put_beside_their_files(server: Running) -> None:
    assert by_tftp(server, LATE_FILE, CALLER_ADDRESS)
    assert by_tftp(server, "loads.txt", CALLER_ADDRESS) == b"load="
    folder = server.server.state / "plugins" / "wazo-caller-9.4" / "var" / "tftpboot" / "firmware"
    folder.mkdir()
    (folder / "load-9.4.bin").write_bytes(b"x")
    server.rest.call("POST", "/pg_mgr/reload", {"id": "wazo-caller-9.4"})
    assert by_tftp(server, "loads.txt", CALLER_ADDRESS) == b"load=load-9.4.bin"


def test_fetching_from_a_root_of_its_own_tells_what_the_phone_runs(server: Running) -> None:
    status, username = by_http(server, "/cfg0004f2aabbcc.xml", "Box B1 SW 1.0 0004f2aabbcc")
    assert status == 200
    assert known(server, mac="00:04:f2:aa:bb:cc")["remote_state_sip_username"] == username.decode()
    assert by_http(server, "/Box/cfg0004f2aabbcc.xml", "Box B1 SW 1.0 0004f2aabbcc")[0] == 404
