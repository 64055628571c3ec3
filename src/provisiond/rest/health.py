"""What is wrong with the server, in words, and whether a load balancer may send anybody here."""

from __future__ import annotations

from typing import Any

from provisiond.errors import Unauthorized
from provisiond.model.trouble import Trouble
from provisiond.provisioning.health import Health
from provisiond.rest.answers import Answer, encoded, moment
from provisiond.rest.our_documents import Readiness, ServerProblems
from provisiond.rest.routing import Call, route

JSON = "application/json"


def row_of(trouble: Trouble) -> dict[str, Any]:
    """Return a trouble as programs get it."""
    return {
        "code": trouble.code,
        "severity": trouble.kind.severity.value,
        "about": trouble.about,
        "sentence": trouble.sentence,
        "cure": trouble.kind.cure,
        "since": moment(trouble.since),
    }


class HealthResources:
    """How the server is."""

    def __init__(self, health: Health) -> None:
        self._health = health

    @route(
        "GET",
        "/status/problems",
        "provd.status.read",
        "Tell what is wrong with the server, in words",
        response=ServerProblems,
    )
    async def problems(self, call: Call) -> Answer:
        """Return what is wrong now, to tokens of the master tenant: it is about everybody's devices."""
        if call.principal.tenant_uuid != call.scope.master:
            raise Unauthorized("Unauthorized")
        return Answer(document={"problems": [row_of(each) for each in await self._health.look()]})

    @route(
        "GET",
        "/health/live",
        None,
        "Tell that the server runs, for load balancers",
        media_type=JSON,
        prefixed=False,
        response=Readiness,
        quiet=True,
    )
    async def live(self, call: Call) -> Answer:
        """Answer; who gets no answer knows enough."""
        return _told("live", ())

    @route(
        "GET",
        "/health/ready",
        None,
        "Tell whether requests may be sent here, for load balancers",
        media_type=JSON,
        prefixed=False,
        response=Readiness,
        statuses={503: "Not ready; the body tells why."},
        quiet=True,
    )
    async def ready(self, call: Call) -> Answer:
        """Answer 200, or 503 with the codes of why not; as found at the last look, so it costs nothing."""
        reasons = self._health.not_ready()
        return _told("not ready" if reasons else "ready", reasons)


def _told(status: str, reasons: tuple[str, ...]) -> Answer:
    content = encoded({"status": status, "reasons": list(reasons)})
    headers = {"Cache-Control": "no-store"}
    return Answer(status=503 if reasons else 200, content=content, content_type=JSON, headers=headers)
