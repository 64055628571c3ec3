"""The ways to phones put together: who is asked to make which phone fetch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from provisiond.errors import InvalidInput, Unavailable
from provisiond.model.device import Device
from provisiond.sdk import HttpAction, SccpReset, SipNotify
from provisiond.sip.digest import Credentials
from provisiond.sip.messages import MalformedSip
from provisiond.sync.ami import AmiNotifier
from provisiond.sync.http_action import HttpActions
from provisiond.sync.notify_request import SipTarget, meaning, phone_target, sip_uri
from provisiond.sync.sip_sending import SipSending

SHARED_LENGTH: Final = 10


@frozen
class SipAccount:
    """The account of a phone's first line."""

    username: str
    registrar: str | None = None

    @property
    def is_shared(self) -> bool:
        """Whether it is the account of all phones that nobody configured yet (REST contract, section 12)."""
        return self.username.startswith("ap") and len(self.username) == SHARED_LENGTH


def first_account(raw_config: Mapping[str, Any]) -> SipAccount | None:
    """Return the account of the lowest line that has one, or None."""
    lines = raw_config.get("sip_lines")
    if not isinstance(lines, Mapping):
        return None
    for number in sorted(lines, key=lambda text: (len(str(text)), str(text))):
        line = lines[number]
        if isinstance(line, Mapping) and isinstance(line.get("username"), str) and line["username"]:
            registrar = line.get("registrar_ip") or raw_config.get("sip_registrar_ip")
            return SipAccount(line["username"], registrar if isinstance(registrar, str) else None)
    return None


@frozen(kw_only=True)
class SipRoute:
    """How a NOTIFY of ours travels.

    :param transport: ``udp``, ``tcp`` or ``tls``.
    :param port: where phones, or the proxy, listen.
    :param proxy: host that NOTIFYs go through, or None to ask phones directly.
    :param credentials: what answers a challenge, or None.
    """

    transport: str = "udp"
    port: int = 5060
    proxy: str | None = None
    credentials: Credentials | None = None


class Reaching:
    """Performs what plugins ask for.

    :param sip: None when provisiond sends no NOTIFY itself.
    :param ami: None when Asterisk is not asked.
    """

    def __init__(self, *, sip: SipSending | None, route: SipRoute, ami: AmiNotifier | None, http: HttpActions) -> None:
        self._sip = sip
        self._route = route
        self._ami = ami
        self._http = http

    async def ami_problem(self) -> str | None:
        """Return why Asterisk's manager interface cannot be reached; None when it can, or is not asked."""
        return None if self._ami is None else await self._ami.problem()

    async def perform(
        self, device: Device, action: SipNotify | HttpAction | SccpReset, raw_config: Mapping[str, Any]
    ) -> str:
        """Make a phone fetch and return, as a sentence, what it or Asterisk answered.

        :param raw_config: the flat parameters of the device.
        :raises Unavailable: with the reason when nobody did it.
        """
        account = first_account(raw_config)
        if isinstance(action, HttpAction):
            return await self._http.perform(_address(device), action)
        if isinstance(action, SccpReset):
            if self._ami is None:
                raise Unavailable("SCCP phones are reset by Asterisk: set general.sync to asterisk_ami")
            return await self._ami.reset(action)
        if self._ami is not None:
            # One phone was asked for: an account that others have too must not tell them all.
            own = account.username if account and not account.is_shared else None
            return await self._ami.notify(device.ip, own, action)
        if self._sip is None:
            raise Unavailable("this server does not notify phones: general.sync is none")
        return await self._notified(self._sip, device, action, account)

    async def _notified(self, sip: SipSending, device: Device, action: SipNotify, account: SipAccount | None) -> str:
        target = self._target(device, account)
        try:
            response = await sip.notify(target, action.event, self._route.credentials, action.extra)
        except MalformedSip as problem:
            raise InvalidInput(f"the plugin's event makes no SIP request: {problem.sentence}") from problem
        sentence = meaning(response, action.event)
        if response.status >= 300:
            raise Unavailable(sentence)
        return sentence

    def _target(self, device: Device, account: SipAccount | None) -> SipTarget:
        route = self._route
        if route.proxy is None or (account is not None and account.is_shared):
            user = account.username if account else None
            return phone_target(_address(device), user, transport=route.transport, port=route.port)
        if account is None:
            raise Unavailable("the device has no SIP account, which the proxy would find it by")
        uri = sip_uri(account.username, account.registrar or route.proxy)
        return SipTarget(host=route.proxy, port=route.port, transport=route.transport, uri=uri)


def _address(device: Device) -> str:
    if device.ip is None:
        raise Unavailable("the device has no address: it was never seen")
    return device.ip
