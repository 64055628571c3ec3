"""Entry, status, parameters and metrics (REST contract, sections 5.1 and 5.2)."""

from __future__ import annotations

from provisiond.metrics import Metrics
from provisiond.provisioning.parameters import Parameters
from provisiond.rest.answers import NO_CONTENT, Answer, links
from provisiond.rest.bodies import ParamBody
from provisiond.rest.routing import Call, route

PARAMETER_ACL = "provd.configure.{tenant_uuid}.{param}"
ENTRIES = (
    ("dev", "/dev_mgr"),
    ("cfg", "/cfg_mgr"),
    ("pg", "/pg_mgr"),
    ("status", "/status"),
    ("srv.configure", "/configure"),
)


class ServerResources:
    """The server itself."""

    def __init__(self, parameters: Parameters, metrics: Metrics) -> None:
        self._parameters = parameters
        self._metrics = metrics

    @route("GET", "", "provd.read", "Links of the API")
    async def entry(self, call: Call) -> Answer:
        """Return the links."""
        return Answer(document=links(call.prefix, *ENTRIES))

    @route("GET", "/status", "provd.status.read", "State of the server")
    async def status(self, call: Call) -> Answer:
        """Return the state; there is no bus, so it is always in order."""
        return Answer(document={"bus_consumer": {"status": "ok"}, "rest_api": "ok"})

    @route("GET", "/configure", "provd.configure.read", "List the parameters")
    async def parameters(self, call: Call) -> Answer:
        """Return every parameter with its description in the language of ``locale``."""
        french = (self._parameters.locale or "").startswith("fr")
        tenant = call.scope.tenant_uuid
        rows = [
            {
                "id": each.name,
                "description": each.description_fr if french else each.description,
                "value": self._parameters.get(each.name, tenant),
                "links": [{"rel": "srv.configure.param", "href": f"{call.prefix}/configure/{each.name}"}],
            }
            for each in self._parameters.described()
        ]
        return Answer(document={"params": rows})

    @route(
        "GET",
        "/configure/<param>",
        f"{PARAMETER_ACL}.read",
        "Get a parameter",
        acl_choices=("provd.configure.{param}.read",),
        statuses={404: "No such parameter."},
    )
    async def parameter(self, call: Call) -> Answer:
        """Return the value of a parameter."""
        value = self._parameters.get(call.arguments["param"], call.scope.tenant_uuid)
        return Answer(document={"param": {"value": value}})

    @route(
        "PUT",
        "/configure/<param>",
        f"{PARAMETER_ACL}.update",
        "Set a parameter",
        acl_choices=("provd.configure.{param}.update",),
        body=ParamBody,
        statuses={204: "Set.", 400: "The value is refused.", 404: "No such parameter."},
    )
    async def set_parameter(self, call: Call) -> Answer:
        """Set a parameter, or unset it with null."""
        value = call.body_as(ParamBody).param.value
        await self._parameters.set(call.arguments["param"], value, call.scope.tenant_uuid)
        return NO_CONTENT

    @route(
        "GET",
        "/metrics",
        "provd.status.read",
        "Metrics in Prometheus' text format",
        media_type="text/plain",
        prefixed=False,
    )
    async def metrics(self, call: Call) -> Answer:
        """Return all metrics."""
        return Answer(content=self._metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")
