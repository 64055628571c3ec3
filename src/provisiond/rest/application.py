"""The API put together: resources, router, site."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from provisiond.metrics import Metrics
from provisiond.provisioning.house import House
from provisiond.rest.answers import Answer
from provisiond.rest.bulk import BulkResources
from provisiond.rest.configs import ConfigResources
from provisiond.rest.devices import DeviceResources
from provisiond.rest.event_stream import EventResources
from provisiond.rest.gate import TokenGate
from provisiond.rest.inspection import InspectionResources, Journal
from provisiond.rest.operations import PATHS, OperationResource
from provisiond.rest.packages import PackageResources
from provisiond.rest.plugins import PluginResources
from provisiond.rest.routing import Router
from provisiond.rest.sending import send
from provisiond.rest.server import ServerResources
from provisiond.rest.site import ApiSite
from provisiond.rest.tenants import TenantResources
from provisiond.rest.tokens import TokenResources


@implementer(IResource)
class Front(Resource):
    """Answers OPTIONS anywhere, accepts a final slash, and hands the rest to the router."""

    isLeaf = True  # noqa: N815

    def __init__(self, router: Router) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inner = router.app.resource()

    def render(self, request: Any) -> Any:
        """Answer a request."""
        if request.method == b"OPTIONS":
            Deferred.fromCoroutine(send(request, Answer(status=200, headers={"Allow": "GET, POST, PUT, DELETE"})))
            return NOT_DONE_YET
        if len(request.postpath) > 1 and request.postpath[-1] == b"":
            request.postpath = request.postpath[:-1]
        return self._inner.render(request)


def routed(house: House, journal: Journal, metrics: Metrics, clock: Any) -> Router:
    """Return the router with every resource of the API."""
    router = Router(TokenGate(house.tokens, house.tenants, clock.seconds), metrics)
    router.add(ServerResources(house.parameters, metrics))
    router.add(DeviceResources(house.devices, house.contact, house.synchronization, house.plugins))
    router.add(ConfigResources(house.configs))
    router.add(PluginResources(house.plugins, house.packages))
    router.add(PackageResources(house.packages))
    router.add(InspectionResources(house.inspection, house.currencies, house.devices, journal))
    router.add(BulkResources(house.bulk))
    router.add(TokenResources(house.tokens))
    router.add(TenantResources(house.tenants, house.directory))
    router.add(EventResources(house.event_log, clock, house.tokens.is_current))
    for path in PATHS:
        for each, endpoint in OperationResource(house.operations, path).routes():
            router.put(each, endpoint)
    return router


def api_site(house: House, journal: Journal, metrics: Metrics, reactor: Any, *, max_body: int) -> ApiSite:
    """Return the site that serves the API."""
    return ApiSite(Front(routed(house, journal, metrics, reactor)), reactor, max_body=max_body)
