"""Every route of the API has a command, or a reason why not that the documentation states."""

from __future__ import annotations

import json
import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from tests.support.administrator import Administrator
from tests.support.extension_world import ExtensionWorld
from tests.support.provisioning import PLUGIN, FakeEntry, FakeOffer, World

from provisiond.metrics import Metrics
from provisiond.rest.application import routed

DOCUMENT = Path(__file__).parents[3] / "docs/provisionctl.md"
# Each line is typed; D stands for a device's id, O for an operation's address, U for a tenant's and T for a token's.
TYPED = """
config add k --parent base ntp_ip=192.0.2.3
config add --autocreate
config list
config show k
config raw k
config set k ntp_ip=192.0.2.4
config dry-run k ntp_ip=192.0.2.5
config tree
device add id=D mac=00:08:5d:00:00:01 plugin=acme-1.0 config=k
device list
device show D
device set D description=x
device add id=E mac=00:08:5d:00:00:02
device reconfigure D
device sync --no-wait D
device sync --no-wait --rate 100 D E
device steps D
device files D
device preview D
device diff D 00085d000001.cfg
device journal D
device behind
device plugins D
device lease release 192.0.2.7
device rm --yes D
config rm --yes k
plugin update
plugin install other-2.0
plugin upgrade other-2.0
plugin downgrade other-2.0 --version 0.9
plugin list
plugin show other-2.0
plugin show acme-1.0
plugin search
plugin versions
plugin problems
plugin reload acme-1.0
plugin uninstall --yes other-2.0
repo list
firmware list acme-1.0
firmware install acme-1.0 french
firmware upgrade acme-1.0 french
firmware uninstall --yes acme-1.0 french
firmware install-all acme-1.0
firmware files acme-1.0
firmware check acme-1.0
param list
param get NAT
param get provisioning_key
param set provisioning_key 12345678
param set --json NAT 1
param list --plugin acme-1.0
param get --plugin acme-1.0 user
param set --plugin acme-1.0 user x
token create t --acl provd.status.read
token list
tenant add shop
tenant list
status
log levels
log set tftp=debug
dhcp generate --format isc --vlan 20
dhcp generate --format kea --sip-server 192.0.2.5
export devices
export configs
import devices -
import configs -
events
backup F
restore --yes F
migrate-from SOURCE
"""

# The same before a host with extensions; F stands for a file.
TYPED_OF_HOST = """
package update
package repos
package host
package search
package needs plugin-diskfree
package install plugin-diskfree
package list
package icon plugin-diskfree F
package icon plugin-diskfree --version 1.0 F
package download plugin-diskfree 1.0 F
package bring F
package uninstall --yes plugin-diskfree
extension install directory SOURCES/hello-0.0.1
extension list
extension show local/helloworld
extension search
extension offer local/helloworld
extension settings
operation list
extension uninstall --yes local/helloworld
"""


@pytest.fixture
def documented() -> dict[str, str]:
    """Routes that the documentation says have no command, with the reason."""
    rows = re.findall(r"^\| `([A-Z]+ [^`]*)` \| (.+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(rows)


def patterns() -> dict[str, re.Pattern[str]]:
    """Return each route with what its paths look like."""
    found = {}
    router = routed(MagicMock(), MagicMock(), Metrics(), MagicMock())
    for each in (*router.routes, *router.others):
        if each.path.endswith("<path:rest>"):
            continue  # whatever is mistaken for an address
        path = re.sub(r"<path:[^>]+>", ".+", each.path)
        path = re.sub(r"<[^>]+>", "[^/]+", path)
        found[f"{each.method} {each.path or '/'}"] = re.compile(f"{each.method} {path}")
    return found


def sent_to_host(root: Path) -> list[tuple[str, str]]:
    """Return what is sent when the commands about the host are typed."""
    host = ExtensionWorld(root / "host")
    host.asterisk()
    host.hello()
    host.list.write_text("500 https://packages.example\n")
    host.serve("https://packages.example", host.offer("https://packages.example"))
    admin, file = Administrator(host.api), root / "file"
    for line in TYPED_OF_HOST.strip().splitlines():
        words = line.replace("SOURCES", str(host.sources)).replace(" F", f" {file}").split()
        result = admin.types(*words)
        assert result.exception is None or isinstance(result.exception, SystemExit), line
    [begun] = [
        each for each in json.loads(admin.told("operation", "list", "-o", "json")) if "uninstall|" in each["text"]
    ]
    admin.told("operation", "wait", begun["operation"])
    assert "make uninstall" in admin.told("extension", "log", begun["operation"])
    admin.told("operation", "cancel", begun["operation"])
    # one that only reads does the same, whatever its method
    return [("GET" if path.startswith("/package") else method, path) for method, path in admin.requests]


def test_every_route_has_a_command_or_a_stated_reason(
    admin: Administrator, world: World, documented: dict[str, str], tmp_path: Path
) -> None:
    world.archives.offers["other-2.0"] = FakeOffer()
    world.archives.entries["other-2.0"] = [FakeEntry("1.0"), FakeEntry("0.9")]
    source = tmp_path / "source"
    (source / "jsondb").mkdir(parents=True)
    for line in TYPED.strip().splitlines():
        stdin = '{"parent_ids": [], "raw_config": {}}' if "import configs" in line else '{"mac": null}'
        line = line.replace("SOURCE", str(source))
        result = admin.types(*line.replace(" F", f" {tmp_path / 'file'}").split(), stdin=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), line
    for resource, begin in (("update", ["plugin", "update"]), ("install", ["firmware", "install", PLUGIN, "french"])):
        address = admin.told(*begin, "--no-wait").strip()
        assert resource in address
        admin.told("operation", "wait", address)
        admin.told("operation", "cancel", address)
    token = admin.told("token", "list", "-o", "name").split()[0]
    admin.told("token", "show", token)
    admin.types("token", "revoke", "--yes", token)
    uuid = admin.told("tenant", "list", "-o", "name").split()[-1]
    admin.told("tenant", "show", uuid)
    admin.told("tenant", "rename", uuid, "store")
    admin.types("tenant", "rm", "--yes", uuid)
    file = tmp_path / "fw.bin"
    file.write_bytes(b"x")
    admin.told("firmware", "bring", PLUGIN, str(file))
    requests = [*admin.requests, *sent_to_host(tmp_path)]
    sent = {f"{method} {path}" for method, path in requests} | {"GET /events"}
    reached = {route for route, pattern in patterns().items() if any(pattern.fullmatch(each) for each in sent)}
    # an operation is read and forgotten in one way, wherever it was begun
    reached |= {route for route in patterns() if route.endswith("/<number>")}
    assert set(patterns()) - reached == set(documented)
