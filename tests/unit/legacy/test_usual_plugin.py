"""The usual plugin, in every generation's style (legacy plugin contract, section 15)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.legacy_plugins import STYLES, hosted, write_acme

DEVICE = {"id": "d1", "mac": "00:11:22:33:44:55", "vendor": "Acme", "model": "A1", "version": "1.0"}
RAW = {
    "ip": "192.0.2.1",
    "http_port": 8667,
    "http_base_url": "http://192.0.2.1:8667",
    "timezone": "Europe/Paris",
    "sip_proxy_ip": "192.0.2.5",
    "sip_lines": {"1": {"username": "alice"}},
    "X_xivo_phonebook_ip": "192.0.2.80",
    "X_xivo_user_uuid": "U",
}
EXPECTED = b"""model=A1
line1=alice@192.0.2.5
zone=60 3/W5.1/7200;10/W5.1/10800;3600
missing=[]
url=http://192.0.2.80:9498/0.1/directories/input/default/acme?xivo_user_uuid=U"""


@pytest.mark.parametrize("style", STYLES)
def test_it_loads_and_makes_its_files(tmp_path: Path, style: str) -> None:
    with hosted(write_acme(tmp_path, style=style), tmp_path / "scratch") as plugin:
        (common,) = plugin.common_files({"http_base_url": "http://x", "http_port": 1})
        assert (common.name, common.content) == ("Acme/acme.cfg", b"server=http://x")
        (file,) = plugin.device_files(DEVICE, RAW)
        assert (file.name, file.content) == ("Acme/001122334455.cfg", EXPECTED)
        assert (file.sensitive, file.trigger, common.sensitive, common.trigger) == (True, True, False, False)
        assert plugin.device_files(DEVICE, RAW) == [file]
