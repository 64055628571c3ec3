"""``provisionctl dhcp``: what a DHCP server has to tell phones."""

from __future__ import annotations

import click

from provisiond.cli.provisionctl.session import Session, pass_session


@click.group()
def dhcp() -> None:
    """What a DHCP server has to tell phones, so that they find this server.

    \b
    provisionctl dhcp generate --format isc > /etc/dhcp/provisiond.conf
    provisionctl dhcp generate --format dnsmasq > /etc/dnsmasq.d/provisiond.conf
    provisionctl dhcp generate --format kea --vlan 20
    """


@dhcp.command()
@click.option("--format", "form", type=click.Choice(["isc", "kea", "dnsmasq"]), required=True, help="For which server.")
@click.option("--vlan", type=click.IntRange(1, 4094), help="VLAN for phones that take it from DHCP.")
@click.option("--sip-server", metavar="ADDRESS", help="SIP server for phones that take it from DHCP (option 120).")
@pass_session
def generate(session: Session, form: str, vlan: int | None, sip_server: str | None) -> None:
    """Write the phones' part of a DHCP server's configuration, for the plugins that are installed."""
    click.echo(session.client.dhcp_configuration(form, vlan, sip_server), nl=False)
