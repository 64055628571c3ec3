"""The API put together: resources, router, site."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from provisiond.metrics import Metrics
from provisiond.provisioning.configs import Configs
from provisiond.provisioning.contact import Contact
from provisiond.provisioning.devices import Devices
from provisiond.provisioning.parameters import Parameters
from provisiond.provisioning.tenants import Tenants
from provisiond.provisioning.tokens import Tokens
from provisiond.rest.answers import Answer
from provisiond.rest.configs import ConfigResources
from provisiond.rest.devices import DeviceResources
from provisiond.rest.gate import TokenGate
from provisiond.rest.routing import Router
from provisiond.rest.sending import send
from provisiond.rest.server import ServerResources
from provisiond.rest.site import ApiSite
from provisiond.settings import Settings


class UseCases(Protocol):
    """What the API calls."""

    settings: Settings
    metrics: Metrics
    configs: Configs
    contact: Contact
    devices: Devices
    parameters: Parameters
    tenants: Tenants
    tokens: Tokens


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


def routed(parts: UseCases, clock: Any) -> Router:
    """Return the router with every resource of the API."""
    router = Router(TokenGate(parts.tokens, parts.tenants, clock.seconds), parts.metrics)
    router.add(ServerResources(parts.parameters, parts.metrics))
    router.add(DeviceResources(parts.devices, parts.contact))
    router.add(ConfigResources(parts.configs))
    return router


def api_site(parts: UseCases, reactor: Any) -> ApiSite:
    """Return the site that serves the API."""
    return ApiSite(Front(routed(parts, reactor)), reactor, max_body=parts.settings.rest_api.max_body)
