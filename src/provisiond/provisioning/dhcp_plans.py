"""What a DHCP server has to tell the phones that installed plugins serve."""

from __future__ import annotations

from typing import Final

from provisiond.dhcp.plan import NO_EXTRAS, Extras, Server, planned
from provisiond.dhcp.writers import WRITERS
from provisiond.errors import InvalidInput
from provisiond.identification.knowledge import Knowledge
from provisiond.provisioning.flattening import Flattening
from provisiond.provisioning.ports import PluginHost

FORMATS: Final = tuple(WRITERS)
OUI_DIGITS: Final = 6


class DhcpPlans:
    """Writes the part of a DHCP server's configuration that concerns phones.

    :param flattening: has the base raw_config, which tells how phones reach this server.
    """

    def __init__(self, host: PluginHost, knowledge: Knowledge, flattening: Flattening) -> None:
        self._host = host
        self._knowledge = knowledge
        self._flattening = flattening

    def text(self, form: str, extras: Extras = NO_EXTRAS) -> str:
        """Return the configuration.

        Prefixes that vendors share with others, longer than three octets, are left out: they would catch strangers.

        :param form: ``isc``, ``kea`` or ``dnsmasq``.
        :raises InvalidInput: for another format, a wrong extra, or an address that phones cannot be told.
        """
        if form not in WRITERS:
            raise InvalidInput(f"format is one of {', '.join(FORMATS)}")
        base = self._flattening.base
        server = Server(
            address=str(base.get("ip", "")),
            url=str(base.get("http_base_url", "")).rstrip("/"),
            tftp_port=int(base.get("tftp_port", 69)),
        )
        return WRITERS[form](planned(self._vendors(), self._ouis(), server, extras), server)

    def _vendors(self) -> set[str]:
        named = (
            key.partition(",")[0].strip() for plugin in self._host.loaded().values() for key in plugin.info.capabilities
        )
        return {vendor.name if (vendor := self._knowledge.vendor_named(name)) else name for name in named if name}

    def _ouis(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for prefix, vendor in self._knowledge.prefixes.items():
            if len(prefix) == OUI_DIGITS:
                found.setdefault(vendor, []).append(f"{prefix[:2]}:{prefix[2:4]}:{prefix[4:]}")
        return found
