"""What speaks to others of its own accord, put together: to phones, to Asterisk, to the authentication service."""

from __future__ import annotations

from typing import Any

from provisiond.authservice.service import AuthService, auth_service
from provisiond.settings import AuthSettings, Settings
from provisiond.sip.digest import Credentials
from provisiond.sync.ami import Ami, AmiNotifier, AmiPlace
from provisiond.sync.ami_connection import AmiUser
from provisiond.sync.http_action import HttpActions
from provisiond.sync.reaching import Reaching, SipRoute
from provisiond.sync.sip_sending import SipSending


def reaching_of(settings: Settings, reactor: Any) -> Reaching:
    """Return what reaches phones, in the way that the settings name."""
    way, sip, asterisk = settings.general.sync, settings.sip_sync, settings.asterisk_ami
    ami = None
    if way == "asterisk_ami":
        user = AmiUser(asterisk.username, asterisk.password, challenge=asterisk.login == "md5")
        place = AmiPlace(host=asterisk.host, port=asterisk.port, user=user, tls=asterisk.tls)
        ami = AmiNotifier(Ami(reactor, place), asterisk.channel)
    credentials = Credentials(sip.username, sip.password or "") if sip.username else None
    return Reaching(
        sip=SipSending(reactor, verify=sip.verify_certificates) if way == "sip" else None,
        route=SipRoute(transport=sip.transport, port=sip.effective_port, proxy=sip.proxy, credentials=credentials),
        ami=ami,
        http=HttpActions(reactor),
    )


def auth_service_of(auth: AuthSettings, reactor: Any) -> AuthService | None:
    """Return what asks the authentication service; None when the settings name none."""
    if auth.url is None:
        return None
    return auth_service(reactor, auth.url, timeout=auth.timeout, ca_file=auth.ca_file)
