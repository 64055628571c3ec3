"""Fronts, put together from the server's objects, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from provisiond.composition import Parts
from provisiond.current_settings import networks
from provisiond.phones.sharing.feeding import Feeding
from provisiond.phones.sharing.fronts import Fronts, OneFront, front_command
from provisiond.phones.sharing.known import told_plugin
from provisiond.phones.sharing.owner import Figures, OwnerEnd
from provisiond.phones.sharing.stamps import SharedStamp
from provisiond.provisioning.ports import Clock
from provisiond.tftp.service import TftpService


def state_of(parts: Parts) -> dict[str, Any]:
    """Return what fronts have to know besides devices, as JSON members."""
    registry, settings = parts.registry, parts.current.value
    return {
        "nat": parts.house.parameters.nat,
        # A front does not know whose key a path may begin with.
        "asks_all": settings.general.provisioning_key_in_urls,
        "allowed": {protocol.value: allowed for protocol, allowed in networks(settings).items()},
        "plugins": {
            plugin.id: told_plugin(
                registry.static_root(plugin.id),
                registry.served_by(plugin.id, "http"),
                registry.served_by(plugin.id, "tftp"),
                plugin.rules,
            )
            for plugin in registry.loaded().values()
        },
    }


def devices_of(parts: Parts, config_id: str) -> Iterator[str]:
    """Return the ids of the devices whose files depend on a config."""
    for each in parts.house.tree.graph.descendants((config_id,)):
        yield from parts.house.directory.using_config(each)


def feeding_of(parts: Parts, clock: Clock) -> Feeding:
    """Return what tells fronts of everything that they have to know."""
    house = parts.house
    feeding = Feeding(
        directory=house.directory,
        changes=house.changes,
        generation=house.generation,
        rendering=house.rendering,
        devices_of=partial(devices_of, parts),
        state=partial(state_of, parts),
        clock=clock,
    )
    house.parameters.listen(lambda name, tenant, value: feeding.state_changed())
    return feeding


def fronts_of(
    parts: Parts,
    reactor: Any,
    *,
    http: Any,
    tftp: TftpService,
    begin: Callable[[int], dict[str, Any]],
    is_key: Callable[[str], bool],
    figures: dict[OwnerEnd, Figures],
) -> Fronts:
    """Return the processes that serve phones beside this one, not started.

    :param http: the port that phones speak HTTP to; shared with them unless it speaks TLS.
    :param begin: what the process of a number is told first.
    :param figures: takes what goes on in each of them.
    """
    settings, stamp = parts.settings, SharedStamp()
    parts.house.generation.listen(stamp.write)
    feeding = feeding_of(parts, reactor)
    given = None
    if settings.http.listen.partition(":")[0] in ("tcp", "tcp6"):
        given = (http.fileno(), int(http.addressFamily))
    fronts = []
    for number in range(2, settings.general.processes + 1):
        end = partial(
            OwnerEnd,
            parts.pipeline,
            parts.journal,
            parts.metrics,
            parts.house.stamp,
            partial(begin, number),
            feeding=feeding,
            is_key=is_key,
            figures=figures,
        )
        fronts.append(OneFront(reactor, front_command(settings), end, stamp, given, tftp.more_sockets(), tftp))
    return Fronts(fronts, stamp)
