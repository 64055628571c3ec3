"""Recognising a phone from one request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from provisiond.identification.clues import (
    NO_CLUE,
    Clue,
    clue_from,
    clue_from_plugin,
    event_clue,
    path_macs,
    path_segments,
    query_mac,
    query_uuid,
    uri_mac,
)
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.matcher import Matcher
from provisiond.identification.rulebook import RuleProblem, own_rules, plugin_rules
from provisiond.identification.rules import Rule, Where
from provisiond.identification.text import macs_in, phone_mac, tidy
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol
from provisiond.model.identifiers import is_ip

_CLASS_OPTIONS = (60, 77)
_SOFTPHONE = "Jitsi"
"""The vendor whose phones are told apart by the query argument ``uuid``."""
_SERIAL_USERS = frozenset({"Cisco"})
"""Vendors whose User-Agents hold serial numbers that look like addresses."""


class Identifier:
    """Tells from one request which phone sent it.

    The server's own knowledge decides; rules of plugins add what it does not say. A User-Agent beats the file name,
    the file name beats the address prefix.

    :param knowledge: what the server knows of phones.
    :param plugin_rules: plugin id to the rules it brings; unusable ones are left out and reported in ``problems``.
    """

    def __init__(self, knowledge: Knowledge, plugin_rules: Mapping[str, Sequence[Rule]] | None = None) -> None:
        self.knowledge = knowledge
        self._own = {where: Matcher(own_rules(knowledge, where)) for where in Where}
        self._plugins: dict[Where, dict[str | None, Matcher]] = {}
        self.problems: tuple[RuleProblem, ...] = ()
        self.use_plugin_rules(plugin_rules or {})

    def use_plugin_rules(self, rules: Mapping[str, Sequence[Rule]]) -> None:
        """Take these rules of plugins from now on, in place of those before.

        :param rules: plugin id to its rules.
        """
        compiled, self.problems = plugin_rules(rules)
        self._plugins = {
            where: {
                argument: Matcher(tuple(rule for name, rule in entries if name == argument))
                for argument in dict.fromkeys(name for name, _ in entries)
            }
            for where, entries in compiled.items()
        }

    def identify(self, request: PhoneRequest) -> DeviceInfo:
        """Return what a request reveals about the phone. Never raises, and takes bounded time for any input."""
        if request.protocol is Protocol.DHCP:
            clue, mac = self._from_dhcp(request)
        elif request.protocol is Protocol.PNP:
            clue, mac = self._from_pnp(request)
        else:
            clue, mac = self._from_file_request(request)
        return DeviceInfo(
            vendor=clue.vendor or (self.knowledge.vendor_of_mac(mac) if mac else None),
            model=clue.model,
            version=clue.version,
            mac=mac,
            sn=clue.sn,
            uuid=clue.uuid or (query_uuid(request.query.get("uuid", "")) if clue.vendor == _SOFTPHONE else None),
            ip=_ip(request.peer),
        )

    def _from_file_request(self, request: PhoneRequest) -> tuple[Clue, str | None]:
        segments = path_segments(request.path)
        path = "/" + "/".join(segments)
        agent = tidy(request.user_agent)
        ua = self._clue(Where.USER_AGENT, agent, as_sent=True, path=path)
        name = self._file_clue(segments) or self._clue(Where.PATH, path)
        extra = self._plugin_clues(request, agent, path)
        clue = _merged((ua, name), extra)
        in_path = [mac for mac in (name.mac, *path_macs(segments, self.knowledge)) if mac]
        other = [query_mac(request.query), ua.mac or self._mac_in(agent, ua)]
        return clue, _agreed(in_path, other) if in_path or any(other) else clue.mac

    def _from_pnp(self, request: PhoneRequest) -> tuple[Clue, str | None]:
        event = event_clue(request.headers.get("event") or request.headers.get("o", ""), self.knowledge)
        if event is None:
            return NO_CLUE, None
        agent = tidy(request.user_agent)
        ua = self._clue(Where.USER_AGENT, agent, as_sent=True)
        clue = _merged((ua, event), self._plugin_clues(request, agent, ""))
        uri = uri_mac(request.path)
        return clue, _agreed([uri] if uri else [], [ua.mac or self._mac_in(agent, ua)])

    def _from_dhcp(self, request: PhoneRequest) -> tuple[Clue, str | None]:
        texts = [tidy(request.dhcp.get(option, "").replace("\0", "")) for option in _CLASS_OPTIONS]
        own = [self._clue(Where.DHCP_VENDOR_CLASS, text) for text in texts]
        extra = [clue for text in texts for clue in self._clues_of_plugins(Where.DHCP_VENDOR_CLASS, None, text)]
        return _merged(own, extra), phone_mac((request.chaddr or "")[:40])

    def _clue(self, where: Where, text: str, *, as_sent: bool = False, path: str = "") -> Clue:
        """Return what the server's first matching rule says of one part of a request."""
        for hit in self._own[where].hits(text) if text else ():
            clue = clue_from(hit, self.knowledge, as_sent=as_sent, path=path)
            if clue is not None:
                return clue
        return NO_CLUE

    def _file_clue(self, segments: Sequence[str]) -> Clue | None:
        known = self.knowledge.files.get(segments[-1].lower()) if segments else None
        return Clue(vendor=known.vendor, model=known.model) if known else None

    def _mac_in(self, agent: str, clue: Clue) -> str | None:
        """Return an address with a known prefix somewhere in the User-Agent of a known vendor."""
        if clue.vendor is None or clue.vendor in _SERIAL_USERS:
            return None
        return next((mac for mac in macs_in(agent) if self.knowledge.vendor_of_mac(mac)), None)

    def _plugin_clues(self, request: PhoneRequest, agent: str, path: str) -> list[Clue]:
        if not any(self._plugins.values()):
            return []
        clues = self._clues_of_plugins(Where.USER_AGENT, None, agent) + self._clues_of_plugins(Where.PATH, None, path)
        for argument in self._plugins[Where.QUERY]:
            value = tidy(request.query.get(argument or "", ""))
            clues += self._clues_of_plugins(Where.QUERY, argument, value)
        return clues

    def _clues_of_plugins(self, where: Where, argument: str | None, text: str) -> list[Clue]:
        matchers = self._plugins[where]
        chosen = matchers.values() if where is not Where.QUERY else [matchers[argument]]
        return [clue_from_plugin(hit, self.knowledge) for matcher in chosen for hit in matcher.hits(text)]


def _merged(own: Iterable[Clue], extra: Iterable[Clue]) -> Clue:
    """Lay clues over each other, the strongest first; those about another vendor's phone count nothing.

    :param own: clues of the server's own knowledge; they name the vendor.
    :param extra: clues of plugins: they name the vendor only when the server knows none, and may replace a model that
        the server does not know.
    """
    result = NO_CLUE
    for clue in own:
        if clue.vendor is not None:
            result = _laid_over(result, clue)
    for clue in extra:
        result = _laid_over(result, clue)
    return result


def _laid_over(strong: Clue, weak: Clue) -> Clue:
    if strong is NO_CLUE or weak is NO_CLUE:
        return strong if weak is NO_CLUE else weak
    if strong.vendor is not None and weak.vendor not in (None, strong.vendor):
        return strong
    better = strong.model is None or (weak.model is not None and not strong.model_is_known)
    return Clue(
        vendor=strong.vendor or weak.vendor,
        model=weak.model if better else strong.model,
        model_is_known=weak.model_is_known if better else strong.model_is_known,
        version=strong.version or weak.version,
        mac=strong.mac or weak.mac,
        sn=strong.sn or weak.sn,
        uuid=strong.uuid or weak.uuid,
    )


def _agreed(in_path: Sequence[str], others: Iterable[str | None]) -> str | None:
    """Return the address that all parts of a request agree on; None when they name different phones."""
    claims = {mac for mac in others if mac}
    if not in_path:
        return claims.pop() if len(claims) == 1 else None
    return next((mac for mac in in_path if not claims or mac in claims), None)


def _ip(peer: str | None) -> str | None:
    """Return the peer as an IPv4 address; the form ``::ffff:192.0.2.1`` is one."""
    text = (peer or "").removeprefix("::ffff:")
    return text if is_ip(text) else None
