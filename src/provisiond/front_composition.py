"""What fronts are told, taken from the server's objects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from provisiond.composition import Parts
from provisiond.current_settings import networks
from provisiond.phones.sharing.feeding import Feeding
from provisiond.phones.sharing.known import told_plugin
from provisiond.provisioning.ports import Clock


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
