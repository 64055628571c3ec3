"""The API put together: resources, router, site."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevelFilterPredicate

from provisiond.logs import Levels
from provisiond.metrics import Metrics
from provisiond.provisioning.host_side import HostSide
from provisiond.provisioning.house import House
from provisiond.provisioning.received import PIECE
from provisiond.rest.api_description import DescriptionResources
from provisiond.rest.backups import PIECES, BackupResources
from provisiond.rest.bulk import BulkResources
from provisiond.rest.configs import ConfigResources
from provisiond.rest.devices import DeviceResources
from provisiond.rest.dhcp import DhcpResources
from provisiond.rest.event_stream import EventResources
from provisiond.rest.extensions import ExtensionResources
from provisiond.rest.front import ExtensionFront, Front
from provisiond.rest.gate import TokenGate
from provisiond.rest.health import HealthResources
from provisiond.rest.host_packages import UPLOADS, HostPackageResources
from provisiond.rest.inspection import InspectionResources, Journal
from provisiond.rest.log_levels import LogLevelResources
from provisiond.rest.migration import MigrationResources
from provisiond.rest.operations import PATHS, OperationListResource, OperationResource
from provisiond.rest.package_files import FILE_UPLOADS, PackageFileResources
from provisiond.rest.packages import PackageResources
from provisiond.rest.plugin_parameters import PluginParameterResources
from provisiond.rest.plugin_versions import PluginVersionResources
from provisiond.rest.plugins import PluginResources
from provisiond.rest.routing import Router
from provisiond.rest.server import ServerResources
from provisiond.rest.site import ApiSite
from provisiond.rest.synchronization import SynchronizationResources
from provisiond.rest.tenants import TenantResources
from provisiond.rest.tokens import TokenResources


def routed(house: House, journal: Journal, metrics: Metrics, clock: Any, levels: Levels | None = None) -> Router:
    """Return the router with every resource of the API.

    :param levels: of the log, which programs may change; None when this process does not log.
    """
    gate = TokenGate(house.tokens, house.tenants, clock.seconds, house.outside)
    router = Router(gate, metrics)
    router.add(ServerResources(house.parameters, metrics))
    router.add(HealthResources(house.health))
    router.add(LogLevelResources(levels or Levels(LogLevelFilterPredicate())))
    router.add(DeviceResources(house.devices, house.contact, house.synchronization, house.plugins))
    router.add(ConfigResources(house.configs))
    router.add(PluginResources(house.plugins, house.packages))
    router.add(PluginParameterResources(house.plugin_parameters))
    router.add(PluginVersionResources(house.plugin_versions))
    router.add(PackageResources(house.packages))
    router.add(PackageFileResources(house.package_files))
    router.add(InspectionResources(house.inspection, house.currencies, house.devices, journal))
    router.add(SynchronizationResources(house.synchronization))
    router.add(DhcpResources(house.dhcp_plans))
    router.add(BulkResources(house.bulk))
    router.add(TokenResources(house.tokens))
    router.add(TenantResources(house.tenants))
    router.add(EventResources(house.event_log, clock, gate.is_current))
    if house.host_side is not None:
        router.add(HostPackageResources(house.host_side.packages))
        router.add(extension_resources(house.host_side))
    router.add(DescriptionResources(lambda: router.routes, house.threads))
    router.add(BackupResources(house.backups, house.received, house.threads))
    router.add(MigrationResources(house.taking_over))
    router.add(OperationListResource(house.operations))
    for path in PATHS:
        for each, endpoint in OperationResource(house.operations, path).routes():
            router.put(each, endpoint)
    return router


def api_site(
    house: House, journal: Journal, metrics: Metrics, reactor: Any, *, max_body: int, levels: Levels | None = None
) -> ApiSite:
    """Return the site that serves the API; see :func:`routed`."""
    uploads = dict.fromkeys(PIECES, PIECE)
    if house.host_side is not None:
        uploads |= dict.fromkeys((*UPLOADS, *FILE_UPLOADS), house.host_side.packages.rules.max_upload)
    return ApiSite(Front(routed(house, journal, metrics, reactor, levels)), reactor, max_body=max_body, uploads=uploads)


def extension_resources(side: HostSide) -> ExtensionResources:
    """Return what programs can do with extensions."""
    return ExtensionResources(side.extensions, side.market, side.shown_settings)


def extension_site(house: House, metrics: Metrics, reactor: Any, *, max_body: int) -> ApiSite:
    """Return a site that serves the API of extensions alone, under ``/0.2``."""
    router = Router(TokenGate(house.tokens, house.tenants, reactor.seconds, house.outside), metrics)
    assert house.host_side is not None
    router.add(extension_resources(house.host_side))
    return ApiSite(ExtensionFront(router), reactor, max_body=max_body)
