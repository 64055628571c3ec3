"""The plan in the words of ISC dhcpd, Kea and dnsmasq.

Sources: dhcpd.conf(5), dhcp-options(5), dhcp-eval(5); Kea Administrator Reference Manual, "Client Classification" and
"Custom DHCPv4 Options"; dnsmasq(8).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from provisiond.dhcp.plan import STANDARD, Kind, PhoneClass, Server, Told, new_codes

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

_ISC_TYPES: Final = {Kind.TEXT: "text", Kind.ADDRESSES: "array of ip-address", Kind.OCTETS: "string"}


def _colons(told: Told) -> str:
    return told.octets().hex(":")


def _isc_value(told: Told) -> str:
    if told.kind is Kind.OCTETS:
        return _colons(told)
    return told.value if told.kind is Kind.ADDRESSES else json.dumps(told.value)


def _isc_prefix(prefix: str) -> str:
    return f"substring (option vendor-class-identifier, 0, {len(prefix)}) = {json.dumps(prefix)}"


def _isc_match(phones: PhoneClass) -> str:
    tests = [_isc_prefix(prefix) for prefix in phones.prefixes]
    other = "".join(f"\n      and not ({_isc_prefix(prefix)})" for _, prefixes in phones.beside for prefix in prefixes)
    ouis = [f"substring (hardware, 1, 3) = {oui}" for oui in phones.ouis]
    if other and ouis:
        return "\n    or ".join([*tests, "((" + "\n      or ".join(ouis) + f"){other})"])
    return "\n    or ".join([*tests, *ouis])


def _isc_class(phones: PhoneClass) -> list[str]:
    lines = [f"# {phones.vendor}", f'class "{phones.name}" {{', f"  match if {_isc_match(phones)};"]
    lines += [f"  option {_name(told.code)} {_isc_value(told)};" for told in phones.options]
    if phones.vendor_options:
        space = phones.name
        lines.append(f"  vendor-option-space {space};")
        lines += [f"  option {space}.option-{told.code} {_isc_value(told)};" for told in phones.vendor_options]
    return [*lines, "}"]


def isc(classes: Sequence[PhoneClass], server: Server) -> str:
    """Return a file for ``include "…";`` in dhcpd.conf, outside of subnets."""
    lines = _heading(server, "#", ['Use it with: include "/etc/dhcp/provisiond.conf";'])
    lines += [f"option {_name(code)} code {code} = {_ISC_TYPES[kind]};" for code, kind in new_codes(classes).items()]
    if 114 in {told.code for each in classes for told in each.options}:
        lines.append("option url code 114 = text;")
    for phones in classes:
        if phones.vendor_options:
            space = phones.name
            lines.append(f"option space {space};")
            lines += [
                f"option {space}.option-{told.code} code {told.code} = {_ISC_TYPES[told.kind]};"
                for told in phones.vendor_options
            ]
    for phones in classes:
        lines += ["", *_isc_class(phones)]
    return "\n".join(lines) + "\n"


# Kea

_KEA_TYPES: Final = {Kind.TEXT: "string", Kind.ADDRESSES: "ipv4-address", Kind.OCTETS: "binary"}
# Kea defines these itself.
_KEA_OWN: Final = (125,)


def _kea_prefix(prefix: str) -> str:
    return f"substring(option[60].text,0,{len(prefix)}) == '{prefix}'"


def _kea_test(phones: PhoneClass) -> str:
    tests = [_kea_prefix(prefix) for prefix in phones.prefixes]
    ouis = [f"substring(pkt4.mac,0,3) == 0x{oui.replace(':', '')}" for oui in phones.ouis]
    other = "".join(f" and not ({_kea_prefix(prefix)})" for _, prefixes in phones.beside for prefix in prefixes)
    if other and ouis:
        return " or ".join([*tests, f"(({' or '.join(ouis)}){other})"])
    return " or ".join([*tests, *ouis])


def _kea_option(told: Told) -> dict[str, Any]:
    if told.kind is Kind.OCTETS:
        return {"code": told.code, "data": told.value.upper(), "csv-format": False, "always-send": True}
    # Kea divides values at commas unless they are escaped.
    return {"code": told.code, "data": told.value.replace(",", "\\,"), "always-send": True}


def _kea_class(phones: PhoneClass) -> dict[str, Any]:
    data = [_kea_option(told) for told in phones.options]
    made: dict[str, Any] = {"name": phones.name, "test": _kea_test(phones)}
    if phones.vendor_options:
        made["option-def"] = [{"name": "vendor-encapsulated-options", "code": 43, "type": "binary"}]
        inside = b"".join(bytes([told.code, len(told.octets())]) + told.octets() for told in phones.vendor_options)
        data.append(_kea_option(Told(code=43, value=inside.hex(), kind=Kind.OCTETS)))
    return {**made, "option-data": data, "user-context": {"comment": phones.vendor}}


def kea(classes: Sequence[PhoneClass], server: Server) -> str:
    """Return a configuration for ``kea-dhcp4``; its members go into ``Dhcp4`` of an existing one."""
    definitions = [
        {"name": _name(code), "code": code, "type": _KEA_TYPES[kind], "array": kind is Kind.ADDRESSES}
        for code, kind in new_codes(classes).items()
        if code not in _KEA_OWN
    ]
    # Kea refuses an empty list.
    members = {"option-def": definitions, "client-classes": [_kea_class(each) for each in classes]}
    told = {"user-context": {"comment": "the phones' part, written by provisiond"}}
    document = {"Dhcp4": {**told, **{name: rows for name, rows in members.items() if rows}}}
    comments = _heading(server, "//", ["Put these members into Dhcp4 of your configuration."])
    return "\n".join(comments) + "\n" + json.dumps(document, indent=2) + "\n"


# dnsmasq


def _dnsmasq_value(told: Told) -> str:
    if told.kind is Kind.OCTETS:
        return _colons(told)
    return told.value if told.kind is Kind.ADDRESSES else json.dumps(told.value)


def _dnsmasq_class(phones: PhoneClass) -> list[str]:
    tag = phones.name
    lines = [f"# {phones.vendor}"]
    lines += [f"dhcp-vendorclass=set:{tag},{json.dumps(prefix)}" for prefix in phones.prefixes]
    lines += [f"dhcp-mac=set:{tag},{oui}:*:*:*" for oui in phones.ouis]
    tags = ",".join([f"tag:{tag}", *(f"tag:!{name}" for name, _ in phones.beside)])
    for told in phones.options:
        where = "option:tftp-server" if told.code == 66 else str(told.code)
        lines.append(f"dhcp-option-force={tags},{where},{_dnsmasq_value(told)}")
    for told in phones.vendor_options:
        lines += [
            f"dhcp-option={tags},vendor:{prefix},{told.code},{_dnsmasq_value(told)}" for prefix in phones.prefixes
        ]
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
