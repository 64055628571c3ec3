"""Entry, status, parameters and metrics (REST contract, sections 5.1 and 5.2)."""

from __future__ import annotations

from provisiond.errors import Unauthorized
from provisiond.metrics import Metrics
from provisiond.provisioning.parameters import Parameters
from provisiond.rest.answers import NO_CONTENT, Answer, links
from provisiond.rest.bodies import ParamBody
from provisiond.rest.documents import Links, ParameterAnswer, ParameterList, Status
from provisiond.rest.routing import Call, route

PARAMETER_ACL = "provd.configure.{tenant_uuid}.{param}"
# The general parameters go by several spellings; a provisioning key is one tenant's, so its name must say whose.
OTHER_ACLS = ("provd.configure.{param}", "provd.configure.{tenant_uuid}.{param_lower}", "provd.configure.{param_lower}")
KEY = "provisioning_key"
KEY_ACL = f"provd.configure.{{tenant_uuid}}.{KEY}"
NO_PARAMETER = {404: "No such parameter."}
SET = {204: "Set.", 400: "The value is refused."}
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

    @route(
        "GET",
        "",
        "provd.read",
        "Links of the API",
        response=Links,
    )
    async def entry(self, call: Call) -> Answer:
        """Return the links."""
        return Answer(document=links(call.prefix, *ENTRIES))

    @route(
        "GET",
        "/status",
        "provd.status.read",
        "State of the server",
        response=Status,
    )
    async def status(self, call: Call) -> Answer:
        """Return the state; there is no bus, so it is always in order."""
        return Answer(document={"bus_consumer": {"status": "ok"}, "rest_api": "ok"})

    @route(
        "GET",
        "/configure",
        "provd.configure.read",
        "List the parameters",
        response=ParameterList,
    )
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
        f"/configure/{KEY}",
        f"{KEY_ACL}.read",
        "Get the provisioning key of the tenant",
        response=ParameterAnswer,
    )
    async def key(self, call: Call) -> Answer:
        """Return the provisioning key of the request's tenant."""
        return self._read(KEY, call)

    @route(
        "GET",
        "/configure/<param>",
        f"{PARAMETER_ACL}.read",
        "Get a parameter",
        acl_choices=[f"{acl}.read" for acl in OTHER_ACLS],
        statuses=NO_PARAMETER,
        response=ParameterAnswer,
    )
    async def parameter(self, call: Call) -> Answer:
        """Return the value of a parameter."""
        return self._read(call.arguments["param"], call)

    @route(
        "PUT",
        f"/configure/{KEY}",
        f"{KEY_ACL}.update",
        "Set the provisioning key of the tenant",
        body=ParamBody,
        statuses=SET,
    )
    async def set_key(self, call: Call) -> Answer:
        """Set the provisioning key of the request's tenant, or unset it with null."""
        return await self._write(KEY, call)

    @route(
        "PUT",
        "/configure/<param>",
        f"{PARAMETER_ACL}.update",
        "Set a parameter",
        acl_choices=[f"{acl}.update" for acl in OTHER_ACLS],
        body=ParamBody,
        statuses={**SET, **NO_PARAMETER},
    )
    async def set_parameter(self, call: Call) -> Answer:
        """Set a parameter, or unset it with null."""
        return await self._write(call.arguments["param"], call)

    def _read(self, name: str, call: Call) -> Answer:
        return Answer(document={"param": {"value": self._parameters.get(name, call.scope.tenant_uuid)}})

    async def _write(self, name: str, call: Call) -> Answer:
        await self._parameters.set(name, call.body_as(ParamBody).param.value, call.scope.tenant_uuid)
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
        """Return all metrics, to tokens of the master tenant: they count everybody's devices."""
        if call.principal.tenant_uuid != call.scope.master:
            raise Unauthorized("Unauthorized")
        return Answer(content=self._metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")
