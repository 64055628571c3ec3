"""Every name that public plugins were seen to import is there, under both prefixes, and is called as they call it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.legacy_plugins import hosted, write_small

from provisiond.legacy.names import registered

# By module: what plugins take from it, and how they call it ("" where only the name counts).
SEEN: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"plugins": "", "synchronize": "", "tzinform": ""},
    ".devices.config": {"RawConfigError": "text"},
    ".devices.ident": {"RequestType": "", "DHCPRequest": ""},
    ".devices.pgasso": {
        "BasePgAssociator": "",
        "DeviceSupport": "",
        "NO_SUPPORT": "",
        "IMPROBABLE_SUPPORT": "",
        "UNKNOWN_SUPPORT": "",
        "PROBABLE_SUPPORT": "",
        "INCOMPLETE_SUPPORT": "",
        "COMPLETE_SUPPORT": "",
        "FULL_SUPPORT": "",
    },
    ".plugins": {
        "Plugin": "app, plugin_dir, gen_cfg, spec_cfg",
        "StandardPlugin": "app, plugin_dir, gen_cfg, spec_cfg",
        "TemplatePluginHelper": "plugin_dir",
        "FetchfwPluginHelper": "plugin_dir, downloaders",
        "FetchfwPluginHelper.new_downloaders": "proxies",
        "TemplatePluginHelper.get_template": "self, name",
        "TemplatePluginHelper.get_dev_template": "self, filename, device",
        "TemplatePluginHelper.dump": "self, template, context, filename, encoding, errors=None",
        "TemplatePluginHelper.render": "self, template, context, encoding",
        "add_xivo_phonebook_url": "raw_config, vendor, entry_point=None, qs_prefix=None, qs_suffix=None",
        "add_xivo_phonebook_url_from_format": "raw_config, url_format",
        "add_wazo_phoned_user_service_url": "raw_config, vendor, service",
    },
    ".servers.http": {"HTTPNoListingFileService": "path", "HTTPHookService": "service"},
    ".servers.http_site": {"Request": ""},
    ".servers.tftp.packet": {"Packet": ""},
    ".servers.tftp.service": {
        "TFTPFileService": "path",
        "TFTPNullService": "errmsg=None",
        "TFTPRequest": "",
    },
    ".services": {
        "JsonConfigPersister": "filename",
        "PersistentConfigureServiceDecorator": "cfg_service, persister",
        "PersistentConfigurationServiceDecorator": "cfg_service, persister",
        "InvalidParameterError": "text",
    },
    ".synchronize": {"standard_sip_synchronize": "device, event=None, extra_vars=None", "get_sync_service": ""},
    ".tzinform": {
        "get_timezone_info": "timezone",
        "week_start_on_monday": "weekday",
        "Time": "raw_seconds",
        "TimezoneNotFoundError": "text",
        "TextTimezoneInfoDB": "",
        "TextTimezoneInfoDB.get_timezone_info": "self, timezone",
    },
    ".util": {
        "norm_mac": "mac",
        "format_mac": "mac, separator=None, uppercase=None",
        "norm_uuid": "uuid",
        "is_normed_uuid": "uuid",
        "to_ip": "ip",
        "norm_ip": "ip",
    },
}
ROWS = [(module, name, call) for module, names in SEEN.items() for name, call in names.items()]


@pytest.fixture(autouse=True)
def names() -> Iterator[None]:
    with registered():
        yield


def found(prefix: str, module: str, name: str) -> Any:
    """Return what ``from <prefix><module> import <name>`` gives, or a member of it."""
    first, _, member = name.partition(".")
    value = getattr(importlib.import_module(prefix + module), first)
    return getattr(value, member) if member else value


@pytest.mark.parametrize(("module", "name", "call"), ROWS)
def test_a_name_is_there_and_can_be_called(module: str, name: str, call: str) -> None:
    value = found("wazo_provd", module, name)
    assert value is found("provd", module, name) or inspect.ismethod(value)
    if call:
        given = [each.strip() for each in call.split(",")]
        named = {each.partition("=")[0]: None for each in given if "=" in each}
        if isinstance(value, type) and issubclass(value, Exception):
            assert str(value("text")) == "text"
        else:
            inspect.signature(value).bind(*(each for each in given if "=" not in each), **named)


@pytest.mark.parametrize("prefix", ["wazo_provd", "provd"])
def test_a_plugin_can_import_all_of_it_in_one_block(tmp_path: Path, prefix: str) -> None:
    lines = [f"    from {prefix}{module} import {name}" for module, name, _ in ROWS if module and "." not in name] + [
        f"    from {prefix} import {name}" for name in SEEN[""]
    ]
    code = "try:\n" + "\n".join(lines) + "\nexcept ImportError:\n    raise\n"
    code += "class Small(StandardPlugin):\n    IS_PLUGIN = True\n"
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        assert plugin.degraded is None
    assert not [name for name in sys.modules if name.startswith(("wazo_provd.legacy", "provd.legacy"))]


@pytest.mark.filterwarnings("ignore:.*NoResource:DeprecationWarning")
def test_what_other_distributions_gave_is_there(tmp_path: Path) -> None:
    """Snom's plugins compare versions, by setuptools or without; placeholders take a deprecated resource of Twisted."""
    code = """
from packaging.version import Version
from pkg_resources import parse_version
from twisted.web.resource import NoResource
assert parse_version("10.1.226.16") > parse_version("7.0.0.0") and Version("05.20.0001") < Version("7.0.0.0")
try:
    Version("M3-CE")
except ValueError:
    pass
class Small(Plugin):
    IS_PLUGIN = True
    http_service = NoResource("nothing for phones here")
    tftp_service = TFTPNullService(errmsg="nothing for phones here")
"""
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        described = plugin.described()
    assert (described["http"]["kind"], described["tftp"]["kind"]) == ("code", "code")
