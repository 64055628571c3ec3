"""What DHCP servers have to tell phones: ours, beyond the contract."""

from __future__ import annotations

from provisiond.dhcp.plan import Extras
from provisiond.errors import InvalidInput
from provisiond.provisioning.dhcp_plans import DhcpPlans
from provisiond.rest.answers import Answer
from provisiond.rest.routing import Call, route


class DhcpResources:
    """Writes the phones' part of a DHCP server's configuration."""

    def __init__(self, plans: DhcpPlans) -> None:
        self._plans = plans

    @route(
        "GET",
        "/dhcp/configuration",
        "provd.dhcp.configuration.read",
        "Write what a DHCP server has to tell phones: format is isc, kea or dnsmasq (ours)",
        media_type=None,
        answers=("text/plain",),
        query=("format", "vlan", "sip_server"),
        statuses={200: "The configuration.", 400: "The format, the VLAN or an address is wrong."},
    )
    async def configuration(self, call: Call) -> Answer:
        """Return the configuration of the installed plugins' phones."""
        vlan = call.query.get("vlan") or None
        if vlan is not None and not (vlan.isascii() and vlan.isdigit() and len(vlan) <= 4):
            raise InvalidInput("vlan is a number from 1 to 4094")
        extras = Extras(vlan=None if vlan is None else int(vlan), sip_server=call.query.get("sip_server") or None)
        text = self._plans.text(call.query.get("format", ""), extras)
        return Answer(content=text.encode("utf-8"), content_type="text/plain; charset=utf-8")
