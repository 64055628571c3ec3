"""From vendors and addresses to what each class of phones is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from attrs import frozen

from provisiond.dhcp.habits import BY_VENDOR, USUAL, Form, Habit, Vlan
from provisiond.errors import InvalidInput

VLAN_OPTION = 132
STANDARD = {66: "tftp-server-name", 114: "url"}


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
class Told:
    """An option and its value.

    :param code: 1 to 254.
    :param addresses: True when the value is addresses, else it is text.
    """

    code: int
    value: str
    addresses: bool = False


@frozen(kw_only=True)
class PhoneClass:
    """Phones that are told the same.

    :param name: letters, digits and ``-``.
    :param vendor: for comments.
    :param prefixes: beginnings of option 60.
    :param ouis: first three octets of hardware addresses, ``aa:bb:cc``, which count where option 60 tells nothing.
    :param vendor_options: sub-options of option 43.
    :param vlan: 1 to 4094, for phones that take it from option 132.
    """

    name: str
    vendor: str
    prefixes: tuple[str, ...]
    ouis: tuple[str, ...]
    options: tuple[Told, ...]
    vendor_options: tuple[Told, ...]
    vlan: int | None = None


def _told(code: int, form: Form, server: Server) -> Told:
    if form is Form.ADDRESSES:
        return Told(code=code, value=server.address, addresses=True)
    if form is Form.HOST:
        return Told(code=code, value=server.address)
    if form is Form.AVAYA:
        parts = urlsplit(server.url)
        kind = "TLSSRVR" if parts.scheme == "https" else "HTTPSRVR"
        port = "TLSPORT" if parts.scheme == "https" else "HTTPPORT"
        default = 443 if parts.scheme == "https" else 80
        return Told(code=code, value=f"{kind}={parts.hostname},{port}={parts.port or default}")
    return Told(code=code, value=f"{server.url}/")


def planned(
    vendors: Iterable[str], ouis: Mapping[str, Iterable[str]], server: Server, vlan: int | None = None
) -> tuple[PhoneClass, ...]:
    """Return the classes of the vendors' phones, in the order of their names.

    :param ouis: vendor to the first octets of its phones' addresses.
    :param vlan: for phones that take it from DHCP.
    :raises InvalidInput: when the server's address cannot stand in an option, or the VLAN is out of range.
    """
    _check(server, vlan)
    classes: list[PhoneClass] = []
    for vendor in sorted(set(vendors)):
        habit = BY_VENDOR.get(vendor) or Habit(vendor=vendor, options=USUAL)
        known = tuple(sorted({oui[:8].lower() for oui in ouis.get(vendor, ())}))
        if not habit.classes and not known:
            continue
        classes.append(
            PhoneClass(
                name="provisiond-" + re.sub(r"[^a-z0-9]+", "-", vendor.lower()),
                vendor=vendor,
                prefixes=habit.classes,
                ouis=known,
                options=tuple(_told(code, form, server) for code, form in habit.options),
                vendor_options=tuple(_told(code, form, server) for code, form in habit.inside_43),
                vlan=vlan if habit.vlan is Vlan.OPTION_132 else None,
            )
        )
    return tuple(classes)


def _check(server: Server, vlan: int | None) -> None:
    try:
        right = ip_address(server.address).version == 4
    except ValueError:
        right = False
    if not right:
        raise InvalidInput("DHCP tells phones an IPv4 address: set general.advertised_ip")
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*)?", server.url) or len(server.url) > 200:
        raise InvalidInput("general.advertised_http_url cannot stand in a DHCP option")
    if vlan is not None and not 1 <= vlan <= 4094:
        raise InvalidInput("a VLAN is 1 to 4094")


def new_codes(classes: Iterable[PhoneClass]) -> dict[int, bool]:
    """Return the option codes that servers do not know by a name of their own, and whether they hold addresses."""
    found = {told.code: told.addresses for each in classes for told in each.options if told.code not in STANDARD}
    return dict(sorted(found.items()))
