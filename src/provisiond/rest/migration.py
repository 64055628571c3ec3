"""Taking over the state of another server of the provd family (ours, beyond the contract)."""

from __future__ import annotations

from provisiond.provisioning.taking_over import TakingOver
from provisiond.rest.answers import Answer
from provisiond.rest.backups import UNKNOWN, ReceivedBody
from provisiond.rest.operations import begun
from provisiond.rest.our_documents import LastMigration
from provisiond.rest.routing import Call, check_master, route


class MigrationResources:
    """What administrators of the whole server can take over."""

    def __init__(self, taking_over: TakingOver) -> None:
        self._taking_over = taking_over

    @route(
        "POST",
        "/migrate",
        "provd.migrate.create",
        "Take over the state of another server that was sent (ours)",
        body=ReceivedBody,
        statuses={
            201: "It is being taken over; GET /migrate tells what was taken when the operation has succeeded.",
            **UNKNOWN,
        },
    )
    async def migrate(self, call: Call) -> Answer:
        """Begin to take over an upload."""
        check_master(call)
        body = call.body_as(ReceivedBody)
        return begun(call, await self._taking_over.take(body.upload, dry_run=body.dry_run))

    @route(
        "GET", "/migrate", "provd.migrate.read", "What was taken over last, and what not (ours)", response=LastMigration
    )
    async def last(self, call: Call) -> Answer:
        """Return the report since the server was started."""
        check_master(call)
        return Answer(document={"report": self._taking_over.last})
