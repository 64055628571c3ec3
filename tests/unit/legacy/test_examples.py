"""The plugin that docs/legacy-plugins.md shows in both forms makes the same files in both."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.legacy_plugins import BASE, hosted

from provisiond.identification.associate import best_plugin
from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol
from provisiond.legacy.extracting import support
from provisiond.model.device import Device
from provisiond.model.raw_config import completed
from provisiond.plugins.hosting import HostedPlugin, PluginPlace

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
LEGACY, NATIVE = "wazo-examplia-1.2", "examplia-1.2"
DEVICE = {"id": "d", "mac": "00:11:22:33:44:55", "vendor": "Examplia", "model": "E100", "version": "1.2"}
LINE = {"username": "alice", "password": "secret", "proxy_ip": "192.0.2.5"}
RAWS = [
    {**BASE, "timezone": "Europe/Paris", "sip_lines": {"1": LINE, "2": {**LINE, "username": "bob"}}},
    {**BASE, "sip_lines": {}},
]


def both(tmp_path: Path) -> tuple[Path, HostedPlugin]:
    legacy = tmp_path / LEGACY
    shutil.copytree(EXAMPLES / "legacy" / LEGACY, legacy)
    place = PluginPlace(id=NATIVE, directory=EXAMPLES / "native" / NATIVE, revision="1", year=2026)
    return legacy, HostedPlugin(place)


def test_the_same_files(tmp_path: Path) -> None:
    directory, native = both(tmp_path)
    with hosted(directory, tmp_path / "scratch") as legacy:
        for raw in RAWS:
            (old,) = legacy.device_files(DEVICE, completed(raw))
            (new,) = native.device_files(Device(DEVICE), completed(raw))
            assert (old.name, old.content, old.trigger) == (new.name, new.content, new.trigger)
        (old,) = legacy.common_files(BASE)
        (new,) = native.common_files(BASE)
        assert (old.name, old.content) == (new.name, new.content)


def test_the_same_phones(tmp_path: Path) -> None:
    directory, native = both(tmp_path)
    with hosted(directory, tmp_path / "scratch") as legacy:
        for model, version in (("E100", "1.2"), ("E100", "1.3"), ("E200", "1.2")):
            info = DeviceInfo(vendor="Examplia", model=model, version=version)
            assert support(legacy.plugin.pg_associator, info.claims()) == native.associate(info)
    assert best_plugin({NATIVE: 600, LEGACY: 600}) is not None
    identifier = Identifier(Knowledge.shipped(), {NATIVE: native.rules})
    agent = {"User-Agent": "Examplia E100 1.2 001122334455"}
    info = identifier.identify(PhoneRequest(protocol=Protocol.HTTP, path="/x", headers=agent))
    assert (info.vendor, info.model, info.version, info.mac) == ("Examplia", "E100", "1.2", "00:11:22:33:44:55")
