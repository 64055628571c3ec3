"""What DHCP servers are told, checked by these servers themselves."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from provisiond.dhcp.habits import HABITS
from provisiond.dhcp.plan import Extras, PhoneClass, Server, planned
from provisiond.dhcp.writers import WRITERS
from provisiond.errors import InvalidInput

SERVER = Server(address="192.0.2.1", url="http://192.0.2.1:8667")
OUIS = {
    "Htek": ["00:1f:c1"],
    "Alcatel-Lucent": ["00:80:9f"],
    "Aastra": ["00:10:BC", "00:08:5d"],
    "Zenitel": ["00:13:cb"],
    "AudioCodes": ["00:90:8f"],
}
EVERYONE = [*(habit.vendor for habit in HABITS), "Zenitel", "Unknown & Sons"]
# A program of the DHCP server checks the file; its path is the last argument.
CHECKS = {
    "isc": ["/usr/sbin/dhcpd", "-t", "-cf"],
    "kea": ["/usr/sbin/kea-dhcp4", "-t"],
    "dnsmasq": ["/usr/sbin/dnsmasq", "--test", "-C"],
}


def classes(
    *vendors: str, server: Server = SERVER, vlan: int | None = None, sip_server: str | None = None
) -> tuple[PhoneClass, ...]:
    return planned(vendors, OUIS, server, Extras(vlan=vlan, sip_server=sip_server))


def checked(form: str, text: str, directory: Path) -> None:
    file = directory / f"provisiond.{form}"
    file.write_text(text)
    done = subprocess.run([*CHECKS[form], str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize(("vlan", "sip_server"), [(None, None), (20, "192.0.2.5")])
@pytest.mark.parametrize(
    "server",
    [SERVER, Server(address="198.51.100.7", url="https://prov.example.org/phones", tftp_port=6969)],
    ids=["plain", "https"],
)
def test_the_real_programs_accept_it(
    form: str, vlan: int | None, sip_server: str | None, server: Server, tmp_path: Path
) -> None:
    told = classes(*EVERYONE, server=server, vlan=vlan, sip_server=sip_server)
    checked(form, WRITERS[form](told, server), tmp_path)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("vendor", sorted({habit.vendor for habit in HABITS}))
def test_each_vendor_alone_is_accepted(form: str, vendor: str, tmp_path: Path) -> None:
    checked(form, WRITERS[form](classes(vendor, vlan=20, sip_server="192.0.2.5"), SERVER), tmp_path)


@pytest.mark.parametrize("form", WRITERS)
def test_nothing_installed_is_an_empty_configuration(form: str, tmp_path: Path) -> None:
    text = WRITERS[form]((), SERVER)
    checked(form, text, tmp_path)
    assert "provisiond-aastra" not in text


def test_isc() -> None:
    text = WRITERS["isc"](classes("Aastra", "Cisco", vlan=20), SERVER)
    assert 'substring (option vendor-class-identifier, 0, 13) = "AastraIPPhone"' in text
    assert "((substring (hardware, 1, 3) = 00:08:5d\n      or substring (hardware, 1, 3) = 00:10:bc)" in text
    assert 'option tftp-server-name "http://192.0.2.1:8667/";' in text
    assert 'option provisiond-aastra.option-2 "http://192.0.2.1:8667/";' in text
    assert "option provisiond-150 192.0.2.1;" in text
    assert 'option provisiond-132 "20";' in text


def test_kea() -> None:
    text = WRITERS["kea"](classes("Aastra", "Avaya", "Cisco"), SERVER)
    aastra, minet, avaya, cisco = json.loads(re.sub(r"(?m)^//.*$", "", text))["Dhcp4"]["client-classes"]
    assert aastra["test"].startswith("substring(option[60].text,0,13) == 'AastraIPPhone' or ")
    assert aastra["test"].endswith(" and not (substring(option[60].text,0,17) == 'ipphone.mitel.com'))")
    assert minet["name"] == "provisiond-aastra-minet"
    (inside,) = [each for each in aastra["option-data"] if each["code"] == 43]
    assert bytes.fromhex(inside["data"]) == b"\x02\x16http://192.0.2.1:8667/\x03\x05false"
    assert [each["data"] for each in avaya["option-data"]] == ["HTTPSRVR=192.0.2.1\\,HTTPPORT=8667"]
    assert [(each["code"], each["data"]) for each in cisco["option-data"]] == [(150, "192.0.2.1"), (66, "192.0.2.1")]


def test_dnsmasq() -> None:
    text = WRITERS["dnsmasq"](classes("Cisco", "Aastra"), SERVER)
    assert 'dhcp-vendorclass=set:provisiond-cisco,"Cisco Systems, Inc. IP Phone"' in text
    assert "dhcp-option-force=tag:provisiond-cisco,150,192.0.2.1" in text
    assert "dhcp-mac=set:provisiond-aastra,00:08:5d:*:*:*" in text
    assert (
        'dhcp-option=tag:provisiond-aastra,tag:!provisiond-aastra-minet,vendor:AastraIPPhone,2,"http://192.0.2.1:8667/"'
        in text
    )


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


@pytest.mark.parametrize("sip_server", ["", "pbx.example.org", "2001:db8::1", "192.0.2.5; x"])
def test_a_sip_server_is_an_address(sip_server: str) -> None:
    with pytest.raises(InvalidInput):
        classes("Grandstream", sip_server=sip_server)


def told(vendor: str, family: str = "", **extras: Any) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """Return the options and sub-options of a class, as they travel."""
    wanted = f"provisiond-{vendor}{family}".lower()
    (found,) = [each for each in classes(vendor, **extras) if each.name == wanted]
    return {each.code: each.octets() for each in found.options}, {
        each.code: each.octets() for each in found.vendor_options
    }


def test_vlans_in_the_words_of_each_vendor() -> None:
    assert told("Snom", vlan=20)[0][132] == b"20"
    assert told("Polycom", vlan=20)[0][128] == b"VLAN-A=20;"
    assert told("Siemens", vlan=300)[1] == {1: b"Siemens", 2: b"\0\0\x01\x2c"}
    assert told("Aastra", "-minet", vlan=20)[0][125].rstrip(b";").endswith(b";vlan=20")
    assert 132 not in told("Panasonic", vlan=20)[0]


def test_vendor_options_of_families() -> None:
    # Kea takes the text for a sub-option: "i" is its code and "d", 100, its length.
    text = b"id:ipphone.mitel.com;sw_tftp=192.0.2.1".ljust(102, b";")
    assert told("Aastra", "-minet")[0] == {125: b"\0\0\x04\x03" + bytes([len(text)]) + text, 128: bytes([192, 0, 2, 1])}
    assert told("Alcatel-Lucent")[1] == {67: b"http://192.0.2.1:8667/"}
    assert told("Alcatel-Lucent", "-myriad")[1] == {66: b"http://192.0.2.1:8667/"}
    assert told("Snom")[1] == {66: b"http://192.0.2.1:8667/"}
    assert told("Patton")[0] == {66: b"http://192.0.2.1:8667/$(system.mac).cfg"}
    assert told("Grandstream", sip_server="192.0.2.5")[0][120] == bytes([1, 192, 0, 2, 5])


def test_phones_are_not_told_more_than_they_take() -> None:
    long = Server(address="192.0.2.1", url="https://provisioning.example.org/" + "x" * 60)
    assert set(told("Gigaset")[0]) == {114, 66}
    assert set(told("Gigaset", server=long)[0]) == {66}


def test_a_code_that_is_text_for_some_and_an_address_for_others_is_octets() -> None:
    both = classes("Aastra", "Polycom", vlan=20)
    found = [option for each in both for option in each.options if option.code == 128]
    assert [option.value for option in found] == ["c0000201", b"VLAN-A=20;".hex()]
