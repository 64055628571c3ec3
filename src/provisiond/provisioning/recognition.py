"""Recognising the same request again without reading it again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from provisiond.identification.extract import Identifier
from provisiond.identification.rulebook import RuleProblem
from provisiond.identification.rules import Rule
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol
from provisiond.provisioning.generation import Generation

REMEMBERED = 4_096
MAX_KEY = 2_048
_FILE_PROTOCOLS = frozenset({Protocol.HTTP, Protocol.TFTP})


class Recognition:
    """An identifier that remembers what the last few thousand different requests for files revealed.

    :param remembered: requests remembered, 1 or more.
    """

    def __init__(
        self, identifier: Identifier, remembered: int = REMEMBERED, generation: Generation | None = None
    ) -> None:
        self._identifier = identifier
        self._remembered = remembered
        self._generation = generation or Generation()
        self._known: OrderedDict[tuple[object, ...], DeviceInfo] = OrderedDict()

    @property
    def problems(self) -> Sequence[RuleProblem]:
        """Rules of plugins that cannot be used."""
        return self._identifier.problems

    def use_plugin_rules(self, rules: Mapping[str, Sequence[Rule]]) -> None:
        """Take these rules of plugins from now on, in place of those before."""
        self._known.clear()
        self._identifier.use_plugin_rules(rules)
        self._generation.advance()

    def identify(self, request: PhoneRequest) -> DeviceInfo:
        """Return what a request reveals about the phone. Never raises."""
        if request.protocol not in _FILE_PROTOCOLS:
            return self._identifier.identify(request)
        agent = request.user_agent
        key = (request.protocol, request.path, agent, request.peer, *request.query.items())
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        info = self._identifier.identify(request)
        size = len(request.path) + len(agent) + sum(len(name) + len(value) for name, value in request.query.items())
        if size <= MAX_KEY:
            self._known[key] = info
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)
        return info
