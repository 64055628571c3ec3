"""Which contacts of an endpoint are one phone: where people have several phones on one account, one is told.

Source: Asterisk documentation of the action PJSIPShowEndpoint, whose events ContactStatusDetail have ``URI`` and
``ViaAddress``.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from provisiond.errors import Unavailable
from provisiond.sip.fields import parse_uri
from provisiond.sip.messages import MalformedSip
from provisiond.sync.ami_messages import AmiMessage

CONTACT: Final = "ContactStatusDetail"


def own_contacts(contacts: Sequence[AmiMessage], address: str) -> list[str]:
    """Return the URIs of those contacts that are at an address; none when the endpoint has only one contact.

    :param contacts: events ``ContactStatusDetail`` of one endpoint.
    :raises Unavailable: when it has several, and none of them is there.
    """
    registered = [each for each in contacts if each.get("URI")]
    if len(registered) < 2:
        return []
    own = [each.get("URI") for each in registered if _same(address, each)]
    if not own:
        raise Unavailable(
            f"{len(registered)} phones share the account, and Asterisk knows none of them at {address}; none was told"
        )
    return own


def _same(address: str, contact: AmiMessage) -> bool:
    wanted = _plain(address)
    via = contact.get("ViaAddress").rpartition(":")[0]
    return wanted is not None and wanted in (_plain(_host(contact.get("URI"))), _plain(via))


def _host(uri: str) -> str:
    try:
        return parse_uri(uri).host
    except MalformedSip:
        return ""


def _plain(host: str) -> str | None:
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return None
