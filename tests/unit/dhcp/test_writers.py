"""What DHCP servers are told, checked by these servers themselves."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from provisiond.dhcp.habits import HABITS
from provisiond.dhcp.plan import PhoneClass, Server, planned
from provisiond.dhcp.writers import WRITERS
from provisiond.errors import InvalidInput

SERVER = Server(address="192.0.2.1", url="http://192.0.2.1:8667")
OUIS = {"Htek": ["00:1f:c1"], "Aastra": ["00:10:BC", "00:08:5d"], "Zenitel": ["00:13:cb"], "AudioCodes": ["00:90:8f"]}
EVERYONE = [*(habit.vendor for habit in HABITS), "Zenitel", "Unknown & Sons"]
# A program of the DHCP server checks the file; its path is the last argument.
CHECKS = {
    "isc": ["/usr/sbin/dhcpd", "-t", "-cf"],
    "kea": ["/usr/sbin/kea-dhcp4", "-t"],
    "dnsmasq": ["/usr/sbin/dnsmasq", "--test", "-C"],
}


def classes(*vendors: str, server: Server = SERVER, vlan: int | None = None) -> tuple[PhoneClass, ...]:
    return planned(vendors, OUIS, server, vlan)


def checked(form: str, text: str, directory: Path) -> None:
    file = directory / f"provisiond.{form}"
    file.write_text(text)
    done = subprocess.run([*CHECKS[form], str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("vlan", [None, 20])
@pytest.mark.parametrize(
    "server",
    [SERVER, Server(address="198.51.100.7", url="https://prov.example.org/phones", tftp_port=6969)],
    ids=["plain", "https"],
)
def test_the_real_programs_accept_it(form: str, vlan: int | None, server: Server, tmp_path: Path) -> None:
    checked(form, WRITERS[form](classes(*EVERYONE, server=server, vlan=vlan), server), tmp_path)


@pytest.mark.parametrize("form", WRITERS)
def test_nothing_installed_is_an_empty_configuration(form: str, tmp_path: Path) -> None:
    text = WRITERS[form]((), SERVER)
    checked(form, text, tmp_path)
    assert "provisiond-aastra" not in text


def test_isc() -> None:
    text = WRITERS["isc"](classes("Aastra", "Cisco", vlan=20), SERVER)
    assert 'substring (option vendor-class-identifier, 0, 13) = "AastraIPPhone"' in text
    assert "substring (hardware, 1, 3) = 00:08:5d\n    or substring (hardware, 1, 3) = 00:10:bc" in text
    assert 'option tftp-server-name "http://192.0.2.1:8667/";' in text
    assert 'option provisiond-aastra.option-2 "http://192.0.2.1:8667/";' in text
    assert "option provisiond-150 192.0.2.1;" in text
    assert 'option provisiond-132 "20";' in text


def test_kea() -> None:
    text = WRITERS["kea"](classes("Aastra", "Avaya", "Cisco"), SERVER)
    aastra, avaya, cisco = json.loads(re.sub(r"(?m)^//.*$", "", text))["Dhcp4"]["client-classes"]
    assert aastra["test"].startswith("substring(option[60].text,0,13) == 'AastraIPPhone' or ")
    (inside,) = [each for each in aastra["option-data"] if each["code"] == 43]
    assert bytes.fromhex(inside["data"]) == b"\x02\x16http://192.0.2.1:8667/"
    assert [each["data"] for each in avaya["option-data"]] == ["HTTPSRVR=192.0.2.1\\,HTTPPORT=8667"]
    assert [(each["code"], each["data"]) for each in cisco["option-data"]] == [(150, "192.0.2.1"), (66, "192.0.2.1")]


def test_dnsmasq() -> None:
    text = WRITERS["dnsmasq"](classes("Cisco", "Aastra"), SERVER)
    assert 'dhcp-vendorclass=set:provisiond-cisco,"Cisco Systems, Inc. IP Phone"' in text
    assert "dhcp-option-force=tag:provisiond-cisco,150,192.0.2.1" in text
    assert "dhcp-mac=set:provisiond-aastra,00:08:5d:*:*:*" in text
    assert 'dhcp-option=tag:provisiond-aastra,vendor:AastraIPPhone,2,"http://192.0.2.1:8667/"' in text


def test_phones_that_are_told_an_address_need_port_69() -> None:
    server = Server(address="192.0.2.1", url="http://192.0.2.1:8667", tftp_port=6969)
    assert "TFTP is on port 6969 here" in WRITERS["isc"](classes("Cisco", server=server), server)
    assert "Beware" not in WRITERS["isc"](classes("Cisco"), SERVER)


def test_vendors_that_nothing_tells_apart_are_left_out() -> None:
    assert [each.vendor for each in classes("Zenitel", "Unknown & Sons", "Panasonic")] == ["Panasonic", "Zenitel"]


@pytest.mark.parametrize(
    ("server", "vlan"),
    [
        (Server(address="", url="http://192.0.2.1"), None),
        (Server(address="pbx.example.org", url="http://192.0.2.1"), None),
        (Server(address="2001:db8::1", url="http://192.0.2.1"), None),
        (Server(address="192.0.2.1", url='http://x"; evil'), None),
        (Server(address="192.0.2.1", url="http://x\n"), None),
        (Server(address="192.0.2.1", url="http://" + "x" * 300), None),
        (SERVER, 0),
        (SERVER, 4095),
    ],
)
def test_what_cannot_stand_in_a_configuration_is_refused(server: Server, vlan: int | None) -> None:
    with pytest.raises(InvalidInput):
        classes("Snom", server=server, vlan=vlan)
