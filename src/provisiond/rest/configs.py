"""Configs (REST contract, section 5.4)."""

from __future__ import annotations

from provisiond.model.query import parse_query
from provisiond.provisioning.configs import Configs
from provisiond.rest.answers import NO_CONTENT, Answer, address, created, links, listed
from provisiond.rest.bodies import AnyBody, ConfigBody
from provisiond.rest.devices import LIST_QUERY
from provisiond.rest.documents import ConfigAnswer, ConfigList, CreatedId, Links, RawConfig
from provisiond.rest.routing import Call, route

UNKNOWN = {404: "No such config."}


class ConfigResources:
    """What programs can do with configs."""

    def __init__(self, configs: Configs) -> None:
        self._configs = configs

    @route(
        "GET",
        "/cfg_mgr",
        "provd.cfg_mgr.read",
        "Links of the config manager",
        response=Links,
    )
    async def entry(self, call: Call) -> Answer:
        """Return the links."""
        return Answer(
            document=links(call.prefix, ("cfg.configs", "/cfg_mgr/configs"), ("cfg.autocreate", "/cfg_mgr/autocreate"))
        )

    @route(
        "GET",
        "/cfg_mgr/configs",
        "provd.cfg_mgr.configs.read",
        "List configs",
        query=LIST_QUERY,
        statuses={200: "The configs.", 400: "A query argument is wrong."},
        response=ConfigList,
    )
    async def list_configs(self, call: Call) -> Answer:
        """Return the configs that the query selects, streamed when all are asked for."""
        query = parse_query(call.query)
        if query.limit:
            return Answer(document={"configs": await self._configs.list(query)})
        return Answer(chunks=listed("configs", self._configs.stream(query)))

    @route(
        "POST",
        "/cfg_mgr/configs",
        "provd.cfg_mgr.configs.create",
        "Create a config",
        body=ConfigBody,
        statuses={201: "Created; Location names it.", 400: "A member is wrong, or the id is used."},
        response=CreatedId,
    )
    async def create(self, call: Call) -> Answer:
        """Create a config."""
        config = await self._configs.create(call.body_as(ConfigBody).config)
        return created(address(call.prefix, "cfg_mgr", "configs", config.id), config.id)

    @route(
        "GET",
        "/cfg_mgr/configs/<config_id>",
        "provd.cfg_mgr.configs.{config_id}.read",
        "Get a config",
        statuses={200: "The config.", **UNKNOWN},
        response=ConfigAnswer,
    )
    async def get(self, call: Call) -> Answer:
        """Return a config."""
        config = await self._configs.get(call.arguments["config_id"])
        return Answer(document={"config": dict(config.document)})

    @route(
        "PUT",
        "/cfg_mgr/configs/<config_id>",
        "provd.cfg_mgr.configs.{config_id}.update",
        "Replace a config",
        body=ConfigBody,
        statuses={204: "Replaced.", 400: "A member is wrong.", **UNKNOWN},
    )
    async def replace(self, call: Call) -> Answer:
        """Replace a whole config."""
        await self._configs.replace(call.arguments["config_id"], call.body_as(ConfigBody).config)
        return NO_CONTENT

    @route(
        "DELETE",
        "/cfg_mgr/configs/<config_id>",
        "provd.cfg_mgr.configs.{config_id}.delete",
        "Delete a config",
        statuses={204: "Deleted.", 403: "Its member deletable is false.", **UNKNOWN},
    )
    async def delete(self, call: Call) -> Answer:
        """Delete a config."""
        await self._configs.delete(call.arguments["config_id"])
        return NO_CONTENT

    @route(
        "GET",
        "/cfg_mgr/configs/<config_id>/raw",
        "provd.cfg_mgr.configs.{config_id}.raw.read",
        "Get a config's parameters after inheritance",
        statuses={200: "The merged parameters.", **UNKNOWN},
        response=RawConfig,
    )
    async def raw(self, call: Call) -> Answer:
        """Return the parameters after inheritance."""
        return Answer(document={"raw_config": await self._configs.raw(call.arguments["config_id"])})

    @route(
        "POST",
        "/cfg_mgr/autocreate",
        "provd.cfg_mgr.autocreate.create",
        "Create a config from the one with the role autocreate",
        body=AnyBody,
        statuses={
            201: "Created; Location names it.",
            400: "The model has no SIP line 1.",
            404: "No config has the role autocreate.",
        },
        response=CreatedId,
    )
    async def autocreate(self, call: Call) -> Answer:
        """Create a config from the model."""
        config = await self._configs.autocreate()
        return created(address(call.prefix, "cfg_mgr", "configs", config.id), config.id)
