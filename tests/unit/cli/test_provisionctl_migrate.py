"""``provisionctl migrate-from``, on stand-ins."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.administrator import Administrator
from tests.support.provisioning import World


def test_a_directory_is_sent_and_the_report_is_shown(admin: Administrator, world: World, tmp_path: Path) -> None:
    source = tmp_path / "source"
    files = {
        "jsondb/devices/d1": json.dumps({"id": "d1", "mac": "00:11:22:33:44:55"}),
        "jsondb/devices/bad": json.dumps({"id": "bad", "mac": "x"}),
        "plugins/wazo-x-1/plugin-info": json.dumps({"version": "1", "description": "d", "capabilities": {}}),
        "plugins/wazo-x-1/var/tftpboot/fw.bin": "firmware",
        "else/secret": "not sent",
    }
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (source / "plugins/wazo-x-1/inside").symlink_to("var/tftpboot/fw.bin")
    (source / "plugins/wazo-x-1/outside").symlink_to("/etc/hostname")
    os.mkfifo(source / "plugins/wazo-x-1/pipe")
    told = admin.told("migrate-from", "--dry-run", str(source)).splitlines()
    assert told[0] == f"{source}: done"
    assert "taken: 1 devices: d1" in told
    assert any(line.startswith("not taken: devices bad: ") for line in told)
    assert not (world.state_dir / "plugins" / "wazo-x-1").exists()
    report = json.loads(admin.told("migrate-from", str(source), "-o", "json"))
    assert report["taken"]["plugins"] == ["wazo-x-1"]
    plugin = world.state_dir / "plugins" / "wazo-x-1"
    assert (plugin / "inside").read_text() == "firmware"
    assert sorted(path.name for path in plugin.iterdir()) == ["inside", "plugin-info", "var"]


def test_a_directory_of_something_else_is_not_sent(admin: Administrator, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "neither jsondb nor app.json nor plugins" in admin.refused(2, "migrate-from", str(tmp_path / "empty"))
    assert admin.requests == []
    admin.refused(2, "migrate-from", str(tmp_path / "none"))
