"""What phones really get: a real client asks each real DHCP server, which runs what provisiond wrote for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.dhcp_servers import URL, DhcpServer, dhcpd, dnsmasq, kea
from tests.support.namespaces import Cable, cable

from provisiond.dhcp.habits import HABITS
from provisiond.dhcp.plan import Extras

VENDORS = sorted({habit.vendor for habit in HABITS})
EXTRAS = Extras(vlan=300, sip_server="192.0.2.5")
ADDRESS = "c0000201"
MITEL = b"id:ipphone.mitel.com;sw_tftp=192.0.2.1;vlan=300".ljust(102, b";")
HEX_URL = URL.encode().hex()
# What a phone says of itself, and the options that it gets, as they travel; busybox shows 120 as an address.
PHONES: dict[str, dict[int, str | dict[int, str]]] = {
    "Polycom-VVX410": {128: b"VLAN-A=300;".hex(), 160: HEX_URL},
    "ipphone.mitel.com": {125: "0000040366" + MITEL.hex(), 128: ADDRESS},
    "Cisco Systems, Inc. IP Phone CP-7941G": {150: ADDRESS},
    "Grandstream GXP2170": {120: "192.0.2.5"},
    "Gigaset_N720_DM_PRO": {114: HEX_URL},
    "OptiIpPhone": {43: {1: b"Siemens".hex(), 2: "0000012c"}, 120: "192.0.2.5"},
    "aledevice": {43: {66: HEX_URL}},
    "AastraIPPhone6731i": {43: {2: HEX_URL, 3: b"false".hex()}},
    "snomD785": {43: {66: HEX_URL}},
    "Windows PC": {},
}
ASKED = (43, 114, 120, 125, 128, 150, 160)


@pytest.fixture(scope="module")
def network() -> Iterator[Cable]:
    with cable() as ends:
        yield ends


def sub_options(text: str) -> dict[int, str]:
    """Return what option 43 holds, in whichever order; a server may end it with 255."""
    octets, found = bytes.fromhex(text), {}
    while octets and octets[0] != 255:
        code, length = octets[:2]
        found[code], octets = octets[2 : 2 + length].hex(), octets[2 + length :]
    return found


def got(told: dict[str, str]) -> dict[int, str | dict[int, str]]:
    """Return the options that the client asked for and was given."""
    shown = {code: told[name].lower() for code in ASKED if (name := f"opt{code}") in told}
    found: dict[int, str | dict[int, str]] = {**shown, **({120: told["sipsrv"]} if "sipsrv" in told else {})}
    return {**found, 43: sub_options(shown[43])} if 43 in shown else found


@pytest.mark.parametrize("server", [dnsmasq, dhcpd, kea])
def test_each_phone_gets_what_it_honours_and_nothing_else(server: DhcpServer, network: Cable, tmp_path: Path) -> None:
    with server(network, tmp_path, *VENDORS, extras=EXTRAS):
        found = {}
        for number, vendor_class in enumerate(PHONES):
            network.plugged(f"00:11:22:33:44:{number:02x}")
            found[vendor_class] = got(network.leased(tmp_path, vendor_class, *ASKED))
    assert found == PHONES
