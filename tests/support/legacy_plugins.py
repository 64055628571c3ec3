"""Existing plugins of our own making, in every style and shape, for tests of the room that runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provisiond.legacy.hosted import HostedLegacyPlugin, Setting
from provisiond.legacy.mirror import Mirror
from provisiond.legacy.names import registered
from provisiond.legacy.surroundings import HERE

BASE = {"ip": "192.0.2.1", "http_port": 8667, "tftp_port": 69, "http_base_url": "http://192.0.2.1:8667"}
STYLES = ("C", "B", "A")

_IMPORTS = """
from {p} import plugins, tzinform, synchronize
from {p}.devices.config import RawConfigError
from {p}.devices.pgasso import BasePgAssociator
from {p}.plugins import FetchfwPluginHelper, StandardPlugin, TemplatePluginHelper
from {p}.servers.http import HTTPNoListingFileService
from {p}.util import format_mac, norm_mac
from twisted.internet import defer
"""
_MODERN = """
from {p}.devices.ident import RequestType
from {p}.devices.pgasso import DeviceSupport
from {p}.servers.tftp.service import TFTPFileService
HTTP = RequestType.HTTP
COMPLETE, PROBABLE, EXACT = DeviceSupport.COMPLETE, DeviceSupport.PROBABLE.value, DeviceSupport.EXACT
"""
_ANCIENT = """
from {p}.devices.pgasso import COMPLETE_SUPPORT as COMPLETE, PROBABLE_SUPPORT as PROBABLE, FULL_SUPPORT as EXACT
from {p}.servers.tftp.service import TFTPFileService
HTTP = "http"
"""
_COMMON = """
import logging
import os
import re
{imports}
logger = logging.getLogger("plugin.acme")


class BaseAcmeExtractor:
    _AGENT = re.compile(r"^Acme (\\S+) (\\S+)(?: ([0-9a-f]{{12}}))?$")
    _PATH = re.compile(r"/([0-9A-F]{{12}})\\.cfg$")

    def extract(self, request, request_type):
        assert request_type == HTTP
        return defer.succeed(self._extract(request))

    def _extract(self, request):
        agent = request.getHeader(b"User-Agent")
        if not agent:
            return None
        found = self._AGENT.match(agent.decode("ascii"))
        if not found:
            return None
        info = {{"vendor": "Acme", "model": found.group(1), "version": found.group(2)}}
        if found.group(3):
            info["mac"] = norm_mac(found.group(3))
        else:
            path = self._PATH.search(request.path.decode("ascii"))
            if path:
                info["mac"] = norm_mac(path.group(1))
        return info


class BaseAcmeTftpExtractor:
    _NAME = re.compile(r"^acme-([0-9a-f]{{12}})\\.cfg$")

    def extract(self, request, request_type):
        found = self._NAME.match(request["packet"]["filename"].decode("ascii"))
        return defer.succeed({{"vendor": "Acme", "mac": norm_mac(found.group(1))}} if found else None)


class BaseAcmeDhcpExtractor:
    def extract(self, request, request_type):
        if 60 in request["options"] and request["options"][60].startswith("AcmePhone"):
            return defer.succeed({{"vendor": "Acme", "model": request["options"][60][10:].rstrip("\\0")}})
        return defer.succeed(None)


class BaseAcmeAssociator(BasePgAssociator):
    def __init__(self, models, version):
        self._models = models
        self._version = version

    def _do_associate(self, vendor, model, version):
        if vendor != "Acme":
            return 0
        if model in self._models:
            return EXACT if version == self._version else COMPLETE
        return PROBABLE + 10


class BaseAcmePlugin(StandardPlugin):
    _ENCODING = "UTF-8"

    def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
        StandardPlugin.__init__(self, app, plugin_dir, gen_cfg, spec_cfg)
        assert self.id is None
        self._app = app
        self._gen_cfg = gen_cfg
        self._base_tftpboot_dir = self._tftpboot_dir
        self._tftpboot_dir = os.path.join(self._tftpboot_dir, "Acme")
        self._tpl_helper = TemplatePluginHelper(plugin_dir)
        downloaders = FetchfwPluginHelper.new_downloaders(gen_cfg.get("proxies"))
        fetchfw_helper = FetchfwPluginHelper(plugin_dir, downloaders)
        fetchfw_helper.root_dir = self._tftpboot_dir
        self.services = fetchfw_helper.services()
        self.http_service = HTTPNoListingFileService(self._base_tftpboot_dir)
        self.tftp_service = TFTPFileService(self._base_tftpboot_dir)

    http_dev_info_extractor = BaseAcmeExtractor()
    tftp_dev_info_extractor = BaseAcmeTftpExtractor()
    dhcp_dev_info_extractor = BaseAcmeDhcpExtractor()

    def configure_common(self, raw_config):
        template = self._tpl_helper.get_template("common/acme.cfg.tpl")
        self._tpl_helper.dump(template, raw_config, os.path.join(self._tftpboot_dir, "acme.cfg"), self._ENCODING)

    def _dev_specific_filename(self, device):
        return format_mac(device["mac"], separator="", uppercase=True) + ".cfg"

    def _check(self, raw_config, device):
        if "http_port" not in raw_config:
            raise RawConfigError("only support configuration via HTTP")
        if "mac" not in device:
            raise Exception("MAC address needed for device configuration")

    def configure(self, device, raw_config):
        self._check(raw_config, device)
        raw_config["XX_timezone"] = "none"
        if "timezone" in raw_config:
            try:
                info = tzinform.get_timezone_info(raw_config["timezone"])
            except tzinform.TimezoneNotFoundError as e:
                logger.info("no timezone: %s", e)
            else:
                raw_config["XX_timezone"] = "%d %s" % (
                    info["utcoffset"].as_minutes, info["dst"]["as_string"] if info["dst"] else "-"
                )
        plugins.add_xivo_phonebook_url(raw_config, "acme")
        for line in raw_config["sip_lines"].values():
            line.setdefault("proxy_ip", raw_config.get("sip_proxy_ip"))
        filename = self._dev_specific_filename(device)
        template = self._tpl_helper.get_dev_template(filename, device)
        path = os.path.join(self._tftpboot_dir, filename)
        self._tpl_helper.dump(template, raw_config, path, self._ENCODING, errors="replace")

    def deconfigure(self, device):
        try:
            os.remove(os.path.join(self._tftpboot_dir, self._dev_specific_filename(device)))
        except OSError as e:
            logger.info("error while removing file: %s", e)

    def synchronize(self, device, raw_config):
        return synchronize.standard_sip_synchronize(device, event="check-sync;reboot=false")

    def get_remote_state_trigger_filename(self, device):
        if "mac" not in device:
            return None
        return self._dev_specific_filename(device)

    def is_sensitive_filename(self, filename):
        return bool(re.match(r"^[0-9A-F]{{12}}\\.cfg$", filename))
"""
_ENTRY = """
common_globals = {{}}
execfile_("common.py", common_globals)

MODELS = {models!r}
VERSION = {version!r}


class AcmePlugin(common_globals["BaseAcmePlugin"]):
    IS_PLUGIN = True
    _MODELS = MODELS
    pg_associator = common_globals["BaseAcmeAssociator"](MODELS, VERSION)
"""
TEMPLATES = {
    "base.tpl": "model={% block model %}any{% endblock %}\n"
    "{% for number, line in sip_lines.items() %}line{{ number }}={{ line['username'] }}@{{ line['proxy_ip'] }}\n"
    "{% endfor %}zone={{ XX_timezone }}\nmissing=[{{ not_there }}]\nurl={{ XX_xivo_phonebook_url|d('none') }}\n",
    "A1.tpl": '{% extends "base.tpl" %}\n{% block model %}A1{% endblock %}\n',
    "common/acme.cfg.tpl": "server={{ http_base_url }}\n",
}


def indented(code: str, by: str = "    ") -> str:
    return "".join(f"{by}{line}" if line.strip() else line for line in code.splitlines(keepends=True))


def imports(style: str) -> str:
    """Return the import block of a generation of plugins."""
    modern = _IMPORTS + _MODERN
    if style == "C":
        one, other = indented(modern.format(p="wazo_provd")), indented(modern.format(p="provd"))
        return f"try:\n{one}\nexcept ImportError:\n{other}\n"
    return (modern if style == "B" else _IMPORTS + _ANCIENT).format(p="provd")


def write_plugin(
    root: Path,
    plugin_id: str,
    files: Mapping[str, str | bytes],
    *,
    info: Mapping[str, Any] | None = None,
) -> Path:
    """Write a plugin's directory; ``plugin-info`` says something usable unless told otherwise."""
    directory = root / plugin_id
    document = {
        "version": "1.0",
        "description": "Acme",
        "capabilities": {"Acme, A1, 1.0": {"lines": 2}},
        **(info or {}),
    }
    for name, content in {"plugin-info": json.dumps(document), **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def acme_files(style: str = "C", models: tuple[str, ...] = ("A1", "A2"), version: str = "1.0") -> dict[str, str]:
    """Return the files of a plugin of the usual shape: common code, templates, all protocols."""
    return {
        "common.py": _COMMON.format(imports=imports(style)),
        "entry.py": _ENTRY.format(models=models, version=version),
        **{f"templates/{name}": content for name, content in TEMPLATES.items()},
    }


def write_acme(root: Path, plugin_id: str = "wazo-acme-1.0", style: str = "C", **more: Any) -> Path:
    """Write the plugin of the usual shape."""
    info = more.pop("info", None)
    files = more.pop("files", {})
    return write_plugin(root, plugin_id, {**acme_files(style, **more), **files}, info=info)


PRELUDE = """
from wazo_provd.plugins import Plugin, StandardPlugin, TemplatePluginHelper, FetchfwPluginHelper
from wazo_provd.servers.http import HTTPNoListingFileService
from wazo_provd.servers.tftp.service import TFTPFileService, TFTPNullService
from wazo_provd.devices.pgasso import BasePgAssociator, DeviceSupport
from wazo_provd.devices.config import RawConfigError
from twisted.internet import defer
import os
"""


IMPORT_NAME = "wazo_provd"


def write_small(root: Path, plugin_id: str, code: str, *, import_name: str | None = None, **more: Any) -> Path:
    """Write a plugin that is one file; ``code`` is the body of its class unless it has one.

    :param import_name: what it imports from, ``wazo_provd`` or ``provd``.
    """
    if "class " not in code:
        code = f"class Small(StandardPlugin):\n    IS_PLUGIN = True\n{indented(code)}"
    whole = (PRELUDE + code).replace("wazo_provd", import_name or IMPORT_NAME)
    files = {"entry.py": whole, **more.pop("files", {})}
    return write_plugin(root, plugin_id, files, **more)


@contextmanager
def hosted(
    directory: Path, scratch: Path, *, base: Mapping[str, Any] = BASE, specific: Mapping[str, Any] | None = None
) -> Iterator[HostedLegacyPlugin]:
    """Load a plugin into this process for a while."""
    number = len(list(scratch.iterdir())) if scratch.is_dir() else 0
    with registered():
        mirror = Mirror(directory, scratch / str(number) / directory.name)
        setting = Setting(general={}, specific=specific or {}, base=base)
        plugin = HostedLegacyPlugin(directory.name, mirror, HERE, setting)
        try:
            yield plugin
        finally:
            plugin.close()
