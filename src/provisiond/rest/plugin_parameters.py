"""Parameters of one plugin (REST contract, section 5.7)."""

from __future__ import annotations

from urllib.parse import quote

from provisiond.provisioning.plugin_parameters import PluginParameters
from provisiond.rest.answers import NO_CONTENT, Answer
from provisiond.rest.bodies import ParamBody
from provisiond.rest.documents import ParameterAnswer, ParameterList
from provisiond.rest.routing import Call, route

PATH = "/pg_mgr/plugins/<plugin>/configure"
ACL = "provd.pg_mgr.plugins.{plugin}.configure"
UNKNOWN = {404: "The plugin is not loaded, or has no such parameter."}


class PluginParameterResources:
    """What programs can set for a plugin."""

    def __init__(self, parameters: PluginParameters) -> None:
        self._parameters = parameters

    @route(
        "GET",
        PATH,
        f"{ACL}.read",
        "List the parameters of a plugin",
        statuses=UNKNOWN,
        response=ParameterList,
    )
    async def list_parameters(self, call: Call) -> Answer:
        """Return every parameter with its description in the language of ``locale``."""
        plugin = call.arguments["plugin"]
        path = f"{call.prefix}/pg_mgr/plugins/{quote(plugin, safe='')}/configure"
        rows = [
            {
                "id": each.name,
                "description": each.description,
                "value": each.value,
                "links": [{"rel": "srv.configure.param", "href": f"{path}/{each.name}"}],
            }
            for each in await self._parameters.all(plugin)
        ]
        return Answer(document={"params": rows})

    @route(
        "GET",
        f"{PATH}/<param>",
        f"{ACL}.{{param}}.read",
        "Get a parameter of a plugin",
        statuses=UNKNOWN,
        response=ParameterAnswer,
    )
    async def get(self, call: Call) -> Answer:
        """Return the value of a parameter."""
        value = await self._parameters.get(call.arguments["plugin"], call.arguments["param"])
        return Answer(document={"param": {"value": value}})

    @route(
        "PUT",
        f"{PATH}/<param>",
        f"{ACL}.{{param}}.update",
        "Set a parameter of a plugin",
        body=ParamBody,
        statuses={204: "Set; the plugin's devices follow.", 400: "The value is refused, or in progress.", **UNKNOWN},
    )
    async def set(self, call: Call) -> Answer:
        """Set a parameter, or unset it with null."""
        value = call.body_as(ParamBody).param.value
        await self._parameters.set(call.arguments["plugin"], call.arguments["param"], value)
        return NO_CONTENT
