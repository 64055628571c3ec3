"""A repository with small plugins that work, and their firmware on a server of the loopback."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

from tests.support.file_server import FileServer
from tests.support.firmware import file_section, package_section
from tests.support.plugin_packages import plugin_archive, publish

ENTRY = textwrap.dedent(
    '''
    """A phone for tests."""

    from provisiond.sdk import File, Plugin, Support


    class Demo(Plugin):
        def associate(self, info):
            return Support.EXACT if info.vendor == "Demo" else Support.NONE

        def device_files(self, device, raw_config):
            lines = raw_config.get("sip_lines", {})
            name = device.document["mac"].replace(":", "") + ".cfg"
            text = "".join(f"user = {line['username']}\\npassword = {line['password']}\\n" for line in lines.values())
            yield File(name=name, content=f"ntp = {raw_config.get('ntp_ip')}\\n{text}".encode(), trigger=True)


    PLUGIN = Demo
    '''
).lstrip()
FIRMWARE = b"firmware of the D10 " * 20_000
FRENCH = b"bonjour\n" * 500
INSTALL = "[install_demo]\na-b: cp * firmware/\n"


def definitions(server: FileServer) -> bytes:
    """Return the packages of a plugin: ``d10-fw``, ``french`` and ``gone-fw``, which no server has."""
    server.files.update({"/d10.bin": FIRMWARE, "/fr.txt": FRENCH})
    sections: Sequence[str] = (
        package_section("d10-fw", "d10.bin", "demo", description="Firmware for the D10", version="1.2"),
        package_section("french", "fr.txt", "demo", description="French texts"),
        package_section("gone-fw", "gone.bin", "demo", description="Firmware that nobody has any more"),
        INSTALL,
        file_section("d10.bin", FIRMWARE, f"{server.url}/d10.bin"),
        file_section("fr.txt", FRENCH, f"{server.url}/fr.txt"),
        file_section("gone.bin", b"gone", f"{server.url}/gone.bin"),
    )
    return "\n".join(sections).encode()


def demo_repository(directory: Path, server: FileServer, version: str = "1.0") -> Path:
    """Write a repository with the plugins ``demo-1`` and ``demo-2`` and return it."""
    info = {
        "api": 1,
        "version": version,
        "description": "Demo phones",
        "description_fr": "Téléphones de démonstration",
        "capabilities": {"Demo, D10, 1": {"lines": 2}},
    }
    files = {
        "entry.py": ENTRY.encode(),
        "pkgs/pkgs.db": definitions(server),
        "plugin-info": json.dumps(info).encode(),
    }
    names = ("demo-1", "demo-2")
    publish(directory, {f"{name}-{version}.tar.bz2": plugin_archive(name, version, files) for name in names})
    return directory
