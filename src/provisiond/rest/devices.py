"""Devices (REST contract, section 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisiond.identification.values import DeviceInfo
from provisiond.model.query import parse_query
from provisiond.provisioning.contact import Contact
from provisiond.provisioning.devices import Devices
from provisiond.provisioning.plugins import Plugins
from provisiond.provisioning.synchronization import Synchronization
from provisiond.rest.answers import NO_CONTENT, Answer, address, created, links, listed
from provisiond.rest.bodies import DeviceBody, DhcpInfoBody, IdBody
from provisiond.rest.documents import CreatedId, DeviceAnswer, DeviceList, FittingPlugins, Links
from provisiond.rest.operations import begun
from provisiond.rest.routing import Call, route

LIST_QUERY = ("q", "q64", "fields", "skip", "limit", "sort", "sort_ord")
UNKNOWN = {404: "No such device in the tenant's tree."}


def recurses(query: Mapping[str, str]) -> bool:
    """Tell whether devices of the tenants below are asked for too."""
    return query.get("recurse", "").lower() in ("true", "1")


class DeviceResources:
    """What programs can do with devices."""

    def __init__(self, devices: Devices, contact: Contact, synchronization: Synchronization, plugins: Plugins) -> None:
        self._devices = devices
        self._plugins = plugins
        self._synchronization = synchronization
        self._contact = contact

    @route(
        "GET",
        "/dev_mgr",
        "provd.dev_mgr.read",
        "Links of the device manager",
        response=Links,
    )
    async def entry(self, call: Call) -> Answer:
        """Return the links."""
        names = ("synchronize", "reconfigure", "dhcpinfo", "devices")
        return Answer(document=links(call.prefix, *((f"dev.{name}", f"/dev_mgr/{name}") for name in names)))

    @route(
        "GET",
        "/dev_mgr/devices",
        "provd.dev_mgr.devices.read",
        "List devices",
        query=(*LIST_QUERY, "recurse"),
        statuses={200: "The devices.", 400: "A query argument is wrong."},
        response=DeviceList,
    )
    async def list_devices(self, call: Call) -> Answer:
        """Return the devices that the query selects, streamed when all are asked for."""
        query, scope, recurse = parse_query(call.query), call.scope, recurses(call.query)
        if query.limit:
            return Answer(document={"devices": await self._devices.list(query, scope, recurse=recurse)})
        return Answer(chunks=listed("devices", self._devices.stream(query, scope, recurse=recurse)))

    @route(
        "POST",
        "/dev_mgr/devices",
        "provd.dev_mgr.devices.create",
        "Create a device",
        body=DeviceBody,
        statuses={201: "Created; Location names it.", 400: "A member is wrong, or the id is used."},
        response=CreatedId,
    )
    async def create(self, call: Call) -> Answer:
        """Create a device of the request's tenant."""
        device = await self._devices.create(call.body_as(DeviceBody).device, call.scope)
        return created(address(call.prefix, "dev_mgr", "devices", device.id), device.id)

    @route(
        "GET",
        "/dev_mgr/devices/<device_id>",
        "provd.dev_mgr.devices.{device_id}.read",
        "Get a device",
        statuses={200: "The device.", **UNKNOWN},
        response=DeviceAnswer,
    )
    async def get(self, call: Call) -> Answer:
        """Return a device, its pending work finished."""
        device = await self._devices.get(call.arguments["device_id"], call.scope)
        return Answer(document={"device": dict(device.document)})

    @route(
        "GET",
        "/dev_mgr/devices/<device_id>/plugins",
        "provd.dev_mgr.devices.{device_id}.plugins.read",
        "List the plugins that are not installed and would serve a device, the best first",
        statuses={200: "Ids of plugins that the repositories offer.", **UNKNOWN},
        response=FittingPlugins,
    )
    async def fitting_plugins(self, call: Call) -> Answer:
        """Return the plugins that an administrator may install for this phone."""
        device = await self._devices.get(call.arguments["device_id"], call.scope)
        info = DeviceInfo(vendor=device.vendor, model=device.model, version=device.version)
        return Answer(document={"plugins": list(self._plugins.fitting_installable(info))})

    @route(
        "PUT",
        "/dev_mgr/devices/<device_id>",
        "provd.dev_mgr.devices.{device_id}.update",
        "Replace a device",
        body=DeviceBody,
        statuses={204: "Replaced.", 400: "A member is wrong.", **UNKNOWN},
    )
    async def replace(self, call: Call) -> Answer:
        """Replace a whole device."""
        await self._devices.replace(call.arguments["device_id"], call.body_as(DeviceBody).device, call.scope)
        return NO_CONTENT

    @route(
        "DELETE",
        "/dev_mgr/devices/<device_id>",
        "provd.dev_mgr.devices.{device_id}.delete",
        "Delete a device",
        statuses={204: "Deleted.", **UNKNOWN},
    )
    async def delete(self, call: Call) -> Answer:
        """Delete a device with its files."""
        await self._devices.delete(call.arguments["device_id"], call.scope)
        return NO_CONTENT

    @route(
        "POST",
        "/dev_mgr/reconfigure",
        "provd.dev_mgr.reconfigure.create",
        "Make a device's files anew",
        body=IdBody,
        statuses={204: "Done; the device's member configured tells whether it worked.", 400: "Unknown device."},
    )
    async def reconfigure(self, call: Call) -> Answer:
        """Make the files of a device anew."""
        await self._devices.reconfigure(call.body_as(IdBody).id, call.scope)
        return NO_CONTENT

    @route(
        "POST",
        "/dev_mgr/synchronize",
        "provd.dev_mgr.synchronize.create",
        "Tell a phone to fetch its files again",
        body=IdBody,
        statuses={201: "Begun; Location is the operation.", 404: "No such device in the tenant's tree."},
    )
    async def synchronize(self, call: Call) -> Answer:
        """Begin to synchronize a device."""
        return begun(call, await self._synchronization.start(call.body_as(IdBody).id, call.scope))

    @route(
        "POST",
        "/dev_mgr/dhcpinfo",
        "provd.dev_mgr.dhcpinfo.create",
        "Report a lease of a DHCP server",
        body=DhcpInfoBody,
        statuses={204: "Taken; the work goes on.", 400: "A member is wrong."},
    )
    async def dhcpinfo(self, call: Call) -> Answer:
        """Take a lease report."""
        body: dict[str, Any] = call.body_as(DhcpInfoBody).dhcp_info
        self._contact.dhcp_info(body)
        return NO_CONTENT
