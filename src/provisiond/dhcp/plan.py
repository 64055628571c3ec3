"""From vendors and addresses to what each class of phones is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from ipaddress import IPv4Address, ip_address
from urllib.parse import urlsplit

from attrs import evolve, frozen

from provisiond.dhcp.habits import Form, Habit, Vlan, Way, habits_of
from provisiond.errors import InvalidInput

STANDARD = {66: "tftp-server-name", 114: "url"}
SIP_OPTION = 120
# IANA private enterprise numbers.
MITEL = 1027
MITEL_LENGTH = 2 + ord("d")


@frozen(kw_only=True)
class Server:
    """How phones reach this server.

    :param address: IPv4 address.
    :param url: base URL for HTTP, without a slash at its end.
    :param tftp_port: phones that are told an address only ask port 69.
    """

    address: str
    url: str
    tftp_port: int = 69


@frozen(kw_only=True)
class Extras:
    """What an administrator may want phones to be told besides.

    :param vlan: 1 to 4094, for phones that take it from DHCP.
    :param sip_server: IPv4 address of a SIP server, for phones that take it from DHCP.
    """

    vlan: int | None = None
    sip_server: str | None = None


NO_EXTRAS = Extras()


class Kind(Enum):
    """What a value is."""

    TEXT = "text"
    ADDRESSES = "addresses"
    OCTETS = "octets"


@frozen(kw_only=True)
class Told:
    """An option and its value.

    :param code: 1 to 254.
    :param value: text, an IPv4 address, or two hexadecimal digits for each octet.
    """

    code: int
    value: str
    kind: Kind = Kind.TEXT

    def octets(self) -> bytes:
        """Return the value as it travels."""
        if self.kind is Kind.OCTETS:
            return bytes.fromhex(self.value)
        return IPv4Address(self.value).packed if self.kind is Kind.ADDRESSES else self.value.encode()

    def as_octets(self) -> Told:
        """Return the same with its value in hexadecimal digits."""
        return evolve(self, value=self.octets().hex(), kind=Kind.OCTETS)


@frozen(kw_only=True)
class PhoneClass:
    """Phones that are told the same.

    :param name: letters, digits and ``-``.
    :param vendor: for comments.
    :param prefixes: beginnings of option 60.
    :param ouis: first three octets of hardware addresses, ``aa:bb:cc``, which count where option 60 tells nothing.
    :param beside: names and beginnings of option 60 of the vendor's other classes, whose phones are none of these.
    :param vendor_options: sub-options of option 43.
    """

    name: str
    vendor: str
    prefixes: tuple[str, ...]
    ouis: tuple[str, ...]
    beside: tuple[tuple[str, tuple[str, ...]], ...] = ()
    options: tuple[Told, ...]
    vendor_options: tuple[Told, ...]


def planned(
    vendors: Iterable[str], ouis: Mapping[str, Iterable[str]], server: Server, extras: Extras = NO_EXTRAS
) -> tuple[PhoneClass, ...]:
    """Return the classes of the vendors' phones, in the order of their names.

    :param ouis: vendor to the first octets of its phones' addresses.
    :raises InvalidInput: when the server's address cannot stand in an option, or an extra is out of range.
    """
    _check(server, extras)
    classes: list[PhoneClass] = []
    for vendor in sorted(set(vendors)):
        usual, *others = habits_of(vendor)
        known = tuple(sorted({oui[:8].lower() for oui in ouis.get(vendor, ())}))
        beside = tuple((_name(each), each.classes) for each in others)
        if usual.classes or known:
            classes.append(_class(usual, server, extras, known, beside))
        classes += [_class(each, server, extras) for each in others]
    return _one_kind_a_code(classes)


def _class(
    habit: Habit,
    server: Server,
    extras: Extras,
    ouis: tuple[str, ...] = (),
    beside: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> PhoneClass:
    options = [told for way in habit.options if (told := _told(way, server, extras)) is not None]
    inside = [told for way in habit.inside_43 if (told := _told(way, server, extras)) is not None]
    if habit.sip_server and extras.sip_server is not None:
        # RFC 3361: 1 announces addresses.
        options.append(
            Told(code=SIP_OPTION, value="01" + IPv4Address(extras.sip_server).packed.hex(), kind=Kind.OCTETS)
        )
    if extras.vlan is not None:
        if habit.vlan is Vlan.OPTION_132:
            options.append(Told(code=132, value=str(extras.vlan)))
        elif habit.vlan is Vlan.POLYCOM_128:
            options.append(Told(code=128, value=f"VLAN-A={extras.vlan};"))
        elif habit.vlan is Vlan.SIEMENS_43:
            inside += [Told(code=1, value="Siemens"), Told(code=2, value=f"{extras.vlan:08x}", kind=Kind.OCTETS)]
    return PhoneClass(
        name=_name(habit),
        vendor=habit.vendor,
        prefixes=habit.classes,
        ouis=ouis,
        beside=beside,
        options=tuple(options),
        vendor_options=tuple(inside),
    )


def _name(habit: Habit) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", f"{habit.vendor} {habit.family}".strip().lower())
    return f"provisiond-{words}"


def _told(way: Way, server: Server, extras: Extras) -> Told | None:
    """Return what one option says; None when it is longer than the phones take."""
    if way.form is Form.ADDRESSES:
        return Told(code=way.code, value=server.address, kind=Kind.ADDRESSES)
    if way.form is Form.MITEL_IDENTIFIED:
        text = _mitel(server, extras).encode()
        octets = MITEL.to_bytes(4) + bytes([len(text)]) + text
        return Told(code=way.code, value=octets.hex(), kind=Kind.OCTETS)
    texts = {
        Form.HOST: server.address,
        Form.AVAYA: _avaya(server),
        Form.FALSE: "false",
    }
    value = texts.get(way.form, f"{server.url}/{way.file}")
    return Told(code=way.code, value=value) if len(value) <= way.longest else None


def _avaya(server: Server) -> str:
    parts = urlsplit(server.url)
    kind, default = ("TLS", 443) if parts.scheme == "https" else ("HTTP", 80)
    return f"{kind}SRVR={parts.hostname},{kind}PORT={parts.port or default}"


def _mitel(server: Server, extras: Extras) -> str:
    vlan = "" if extras.vlan is None else f";vlan={extras.vlan}"
    # Kea sends nothing in option 125 but sub-options, and would take "id" for the code and the length of one: 105, 100.
    # The text is filled up to be one; phones ignore separators at the end.
    return f"id:ipphone.mitel.com;sw_tftp={server.address}{vlan}".ljust(MITEL_LENGTH, ";")


def _check(server: Server, extras: Extras) -> None:
    if not _is_ipv4(server.address):
        raise InvalidInput("DHCP tells phones an IPv4 address: set general.advertised_ip")
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*)?", server.url) or len(server.url) > 200:
        raise InvalidInput("general.advertised_http_url cannot stand in a DHCP option")
    if extras.vlan is not None and not 1 <= extras.vlan <= 4094:
        raise InvalidInput("a VLAN is 1 to 4094")
    if extras.sip_server is not None and not _is_ipv4(extras.sip_server):
        raise InvalidInput("the SIP server that DHCP tells phones is an IPv4 address")


def _is_ipv4(text: str) -> bool:
    try:
        return ip_address(text).version == 4
    except ValueError:
        return False


def _one_kind_a_code(classes: Iterable[PhoneClass]) -> tuple[PhoneClass, ...]:
    """Return the classes with octets where a code is text for some and an address for others: a code has one type."""
    found = tuple(classes)
    kinds: dict[int, set[Kind]] = {}
    for each in found:
        for told in each.options:
            kinds.setdefault(told.code, set()).add(told.kind)
    mixed = {code for code, several in kinds.items() if len(several) > 1}
    return tuple(
        evolve(each, options=tuple(told.as_octets() if told.code in mixed else told for told in each.options))
        for each in found
    )


def new_codes(classes: Iterable[PhoneClass]) -> dict[int, Kind]:
    """Return the option codes that servers do not know by a name of their own, and what they hold."""
    found = {told.code: told.kind for each in classes for told in each.options if told.code not in STANDARD}
    return dict(sorted(found.items()))
