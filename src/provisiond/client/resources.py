"""Everything that a client offers."""

from __future__ import annotations

from provisiond.client.access import Tenants, Tokens
from provisiond.client.backups import Backups
from provisiond.client.configs import Configs
from provisiond.client.devices import Devices
from provisiond.client.events import Events
from provisiond.client.extensions import Extensions
from provisiond.client.faces import Asked, Face, Resource, Way
from provisiond.client.host import HostPackages
from provisiond.client.inspection import Inspection
from provisiond.client.log_levels import LogLevels
from provisiond.client.messages import Conversation, Request, checked, flags
from provisiond.client.operations import Operations
from provisiond.client.parameters import Parameters
from provisiond.client.plugins import Packages, Plugins


class Resources(Resource[Way]):
    """The resources of the API.

    :ivar packages: firmware and languages of plugins.
    :ivar inspection: what phones are served.
    :ivar host: packages of the server's host, extensions: its extensions.
    """

    def __init__(self, face: Face) -> None:
        super().__init__(face)
        self.devices: Devices[Way] = Devices(face)
        self.configs: Configs[Way] = Configs(face)
        self.plugins: Plugins[Way] = Plugins(face)
        self.packages: Packages[Way] = Packages(face)
        self.parameters: Parameters[Way] = Parameters(face)
        self.operations: Operations[Way] = Operations(face)
        self.tokens: Tokens[Way] = Tokens(face)
        self.tenants: Tenants[Way] = Tenants(face)
        self.events: Events[Way] = Events(face)
        self.inspection: Inspection[Way] = Inspection(face)
        self.backups: Backups[Way] = Backups(face)
        self.log_levels: LogLevels[Way] = LogLevels(face)
        self.host: HostPackages[Way] = HostPackages(face)
        self.extensions: Extensions[Way] = Extensions(face)

    @Asked
    def status(self) -> Conversation[dict[str, object]]:
        """Return the state of the server."""
        return checked((yield Request(method="GET", path="/status"))).document

    @Asked
    def problems(self) -> Conversation[list[dict[str, object]]]:
        """Return what is wrong with the server, what matters most first: ``code``, ``sentence``, ``cure``, …

        :raises Unauthorized: for a token that is not of the master tenant.
        """
        return list(checked((yield Request(method="GET", path="/status/problems"))).member("problems"))

    @Asked
    def dhcp_configuration(
        self, form: str, vlan: int | None = None, sip_server: str | None = None
    ) -> Conversation[str]:
        """Return what a DHCP server has to tell phones.

        :param form: ``isc``, ``kea`` or ``dnsmasq``.
        :param vlan: 1 to 4094, told to phones that take their VLAN from DHCP.
        :param sip_server: IPv4 address, told to phones that take their SIP server from DHCP.
        :raises Refused: when one of them is wrong, or the server's address cannot be told.
        """
        query = flags(format=form, vlan=vlan, sip_server=sip_server)
        answer = yield Request(method="GET", path="/dhcp/configuration", query=query, accept="text/plain")
        return checked(answer).content.decode("utf-8")
