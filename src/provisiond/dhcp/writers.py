"""The plan in the words of ISC dhcpd, Kea and dnsmasq.

Sources: dhcpd.conf(5), dhcp-options(5), dhcp-eval(5); Kea Administrator Reference Manual, "Client Classification" and
"Custom DHCPv4 Options"; dnsmasq(8).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from provisiond.dhcp.plan import STANDARD, VLAN_OPTION, PhoneClass, Server, Told, new_codes

HEAD: Final = (
    "What provisiond at {address} has phones told, for the plugins that are installed.",
    "Generated; generate it again when plugins or addresses change.",
)


def _heading(server: Server, mark: str, more: Iterable[str] = ()) -> list[str]:
    lines = [line.format(address=server.address) for line in (*HEAD, *more)]
    if server.tftp_port != 69:
        lines.append(f"Beware: phones that are told an address ask port 69; TFTP is on port {server.tftp_port} here.")
    return [f"{mark} {line}" for line in lines]


def _name(code: int) -> str:
    return STANDARD.get(code) or f"provisiond-{code}"


# ISC dhcpd


def _isc_value(told: Told) -> str:
    return told.value if told.addresses else json.dumps(told.value)


def _isc_match(phones: PhoneClass) -> str:
    tests = [
        f"substring (option vendor-class-identifier, 0, {len(prefix)}) = {json.dumps(prefix)}"
        for prefix in phones.prefixes
    ]
    tests += [f"substring (hardware, 1, 3) = {oui}" for oui in phones.ouis]
    return "\n    or ".join(tests)


def _isc_class(phones: PhoneClass) -> list[str]:
    lines = [f"# {phones.vendor}", f'class "{phones.name}" {{', f"  match if {_isc_match(phones)};"]
    lines += [f"  option {_name(told.code)} {_isc_value(told)};" for told in phones.options]
    if phones.vendor_options:
        space = phones.name
        lines.append(f"  vendor-option-space {space};")
        lines += [f"  option {space}.option-{told.code} {_isc_value(told)};" for told in phones.vendor_options]
    if phones.vlan is not None:
        lines.append(f'  option {_name(VLAN_OPTION)} "{phones.vlan}";')
    return [*lines, "}"]


def isc(classes: Sequence[PhoneClass], server: Server) -> str:
    """Return a file for ``include "…";`` in dhcpd.conf, outside of subnets."""
    lines = _heading(server, "#", ['Use it with: include "/etc/dhcp/provisiond.conf";'])
    codes = new_codes(classes)
    if any(each.vlan is not None for each in classes):
        codes[VLAN_OPTION] = False
    for code, addresses in codes.items():
        kind = "array of ip-address" if addresses else "text"
        lines.append(f"option {_name(code)} code {code} = {kind};")
    if 114 in {told.code for each in classes for told in each.options}:
        lines.append("option url code 114 = text;")
    for phones in classes:
        if phones.vendor_options:
            lines.append(f"option space {phones.name};")
            lines += [
                f"option {phones.name}.option-{told.code} code {told.code} = text;" for told in phones.vendor_options
            ]
    for phones in classes:
        lines += ["", *_isc_class(phones)]
    return "\n".join(lines) + "\n"


# Kea


def _kea_test(phones: PhoneClass) -> str:
    tests = [f"substring(option[60].text,0,{len(prefix)}) == '{prefix}'" for prefix in phones.prefixes]
    tests += [f"substring(pkt4.mac,0,3) == 0x{oui.replace(':', '')}" for oui in phones.ouis]
    return " or ".join(tests)


def _kea_option(code: int, text: str) -> dict[str, Any]:
    # Kea divides values at commas unless they are escaped.
    return {"code": code, "data": text.replace(",", "\\,"), "always-send": True}


def _kea_class(phones: PhoneClass) -> dict[str, Any]:
    data = [_kea_option(told.code, told.value) for told in phones.options]
    made: dict[str, Any] = {"name": phones.name, "test": _kea_test(phones)}
    if phones.vendor_options:
        made["option-def"] = [{"name": "vendor-encapsulated-options", "code": 43, "type": "binary"}]
        octets = b"".join(bytes([told.code, len(told.value)]) + told.value.encode() for told in phones.vendor_options)
        data.append({"code": 43, "data": octets.hex().upper(), "csv-format": False, "always-send": True})
    if phones.vlan is not None:
        data.append(_kea_option(VLAN_OPTION, str(phones.vlan)))
    return {**made, "option-data": data, "user-context": {"comment": phones.vendor}}


def kea(classes: Sequence[PhoneClass], server: Server) -> str:
    """Return a configuration for ``kea-dhcp4``; its members go into ``Dhcp4`` of an existing one."""
    codes = new_codes(classes)
    if any(each.vlan is not None for each in classes):
        codes[VLAN_OPTION] = False
    definitions = [
        {"name": _name(code), "code": code, "type": "ipv4-address" if addresses else "string", "array": addresses}
        for code, addresses in codes.items()
    ]
    # Kea refuses an empty list.
    members = {"option-def": definitions, "client-classes": [_kea_class(each) for each in classes]}
    told = {"user-context": {"comment": "the phones' part, written by provisiond"}}
    document = {"Dhcp4": {**told, **{name: rows for name, rows in members.items() if rows}}}
    comments = _heading(server, "//", ["Put these members into Dhcp4 of your configuration."])
    return "\n".join(comments) + "\n" + json.dumps(document, indent=2) + "\n"


# dnsmasq


def _dnsmasq_option(tag: str, told: Told, *, inside_43: str | None = None) -> str:
    where = f"vendor:{inside_43},{told.code}" if inside_43 is not None else f"option:{told.code}"
    value = told.value if told.addresses else json.dumps(told.value)
    if inside_43 is None and told.code != 66:
        where = str(told.code)
    elif inside_43 is None:
        where = "option:tftp-server"
    return f"dhcp-option=tag:{tag},{where},{value}"


def _dnsmasq_class(phones: PhoneClass) -> list[str]:
    tag = phones.name
    lines = [f"# {phones.vendor}"]
    lines += [f"dhcp-vendorclass=set:{tag},{json.dumps(prefix)}" for prefix in phones.prefixes]
    lines += [f"dhcp-mac=set:{tag},{oui}:*:*:*" for oui in phones.ouis]
    lines += [_dnsmasq_option(tag, told).replace("dhcp-option=", "dhcp-option-force=") for told in phones.options]
    for told in phones.vendor_options:
        lines += [_dnsmasq_option(tag, told, inside_43=prefix) for prefix in phones.prefixes]
    if phones.vlan is not None:
        lines.append(f'dhcp-option-force=tag:{tag},{VLAN_OPTION},"{phones.vlan}"')
    return lines


def dnsmasq(classes: Sequence[PhoneClass], server: Server) -> str:
    """Return a file for ``/etc/dnsmasq.d/``."""
    lines = _heading(server, "#", ["Put it into /etc/dnsmasq.d/provisiond.conf."])
    for phones in classes:
        lines += ["", *_dnsmasq_class(phones)]
    return "\n".join(lines) + "\n"


WRITERS: Final[Mapping[str, Callable[[Sequence[PhoneClass], Server], str]]] = {
    "isc": isc,
    "kea": kea,
    "dnsmasq": dnsmasq,
}
