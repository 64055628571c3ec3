"""Many phones told at once, and how far each got: ours, beyond the contract."""

from __future__ import annotations

from typing import Any

from provisiond.provisioning.sync_waves import pace_of
from provisiond.provisioning.synchronization import Synchronization
from provisiond.rest.answers import Answer
from provisiond.rest.bodies import Body
from provisiond.rest.operations import begun
from provisiond.rest.our_documents import SynchronizationSteps
from provisiond.rest.routing import Call, route


class ManyBody(Body):
    """Which phones to tell, and how fast.

    ``ids``: devices. ``rate``: phones a second, 10 unless said. ``window``: phones at a time, 20 unless said.
    ``max_failures``: failures in a row after which the rest is left alone, 10 unless said.
    """

    ids: list[str]
    rate: float | None = None
    window: int | None = None
    max_failures: int | None = None


class SynchronizationResources:
    """What the API says of synchronizations beyond the contract."""

    def __init__(self, synchronization: Synchronization) -> None:
        self._synchronization = synchronization

    @route(
        "POST",
        "/dev_mgr/synchronize_many",
        "provd.dev_mgr.synchronize_many.create",
        "Tell many phones to fetch their files again, at a pace (ours)",
        body=ManyBody,
        statuses={
            201: "Begun; Location is the operation.",
            400: "A member is wrong.",
            404: "A device is not in the tenant's tree.",
        },
    )
    async def synchronize_many(self, call: Call) -> Answer:
        """Begin to synchronize devices."""
        body = call.body_as(ManyBody)
        pace = pace_of(body.rate, body.window, body.max_failures)
        return begun(call, await self._synchronization.start_many(body.ids, call.scope, pace))

    @route(
        "GET",
        "/dev_mgr/devices/<device_id>/synchronization",
        "provd.dev_mgr.devices.{device_id}.synchronization.read",
        "Show how far a device's last synchronization got: sent, answered, fetched or failed (ours)",
        statuses={404: "No such device in the tenant's tree."},
        response=SynchronizationSteps,
    )
    async def steps(self, call: Call) -> Answer:
        """Return the steps."""
        steps: list[dict[str, Any]] = self._synchronization.steps(call.arguments["device_id"], call.scope)
        return Answer(document={"steps": steps})
