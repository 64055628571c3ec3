"""The description of the API (OpenAPI 3.1), made from the routes and the models of bodies and answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from provisiond import __version__
from provisiond.rest.answers import MEDIA_TYPE, PROBLEM_TYPE
from provisiond.rest.bodies import Body, ConfigBody, DeviceBody, DhcpInfoBody
from provisiond.rest.documents import ConfigRequest, DeviceRequest, DhcpInfoRequest, Problem
from provisiond.rest.front import PREFIXES
from provisiond.rest.openapi_parameters import PATH, QUERY, TEXT, raw_config_schema
from provisiond.rest.routing import Route

Schema = dict[str, Any]
_ARGUMENT: Final = re.compile(r"<(?:path:)?(\w+)>")
_SECURITY: Final[list[Schema]] = [{"token": []}, {"bearer": []}]
_TREES: Final = ("application/json", "application/yaml", MEDIA_TYPE)
_OBJECT: Final[Schema] = {"type": "object"}
# What a body is said to hold, where its model leaves the rules to the use cases.
_MEANT: Final[Mapping[type[Body], type[BaseModel]]] = {
    DeviceBody: DeviceRequest,
    ConfigBody: ConfigRequest,
    DhcpInfoBody: DhcpInfoRequest,
}
_SENTENCES: Final = {
    400: "Something that was sent is wrong; the sentence names it.",
    401: "No token, a wrong one, one that does not grant this, or a tenant that is not the token's.",
    404: "No such resource.",
    406: "Accept leaves out every media type of this resource.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    429: "Too many wrong tokens came from this address.",
    500: "A fault of the server; the sentence holds a reference to its log.",
    503: "The server cannot do this now; Retry-After says when to try again.",
}
_ABOUT: Final = """\
Provisioning of desk phones.

* Send a token as `X-Auth-Token` or `Authorization: Bearer`; `Wazo-Tenant` chooses a tenant below the token's.
* Bodies are JSON objects of the media type `application/vnd.proformatique.provd+json`.
* HEAD is answered wherever GET is, with the same rights; OPTIONS everywhere.
* An error is one sentence of plain text, or `application/problem+json` when `Accept` names it.
* Query arguments that a resource does not know are ignored.
"""


def description(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the OpenAPI document of these routes, ready to be written as JSON or YAML."""
    paths: dict[str, Any] = {}
    # The same address with and without a prefix is told once, with.
    for route in sorted(routes, key=lambda each: not each.prefixed):
        entry = paths.setdefault(_path(route), {} if route.prefixed else {"servers": [{"url": "/"}]})
        entry.setdefault(route.method.lower(), _operation(route))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "provisiond",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url} for url in sorted("/" + "/".join(prefix) for prefix in PREFIXES)],
        "tags": [{"name": name} for name in dict.fromkeys(map(_tag, routes))],
        "paths": paths,
        "components": _components(routes),
    }


def _path(route: Route) -> str:
    return _ARGUMENT.sub(r"{\1}", route.path) or "/"


def _tag(route: Route) -> str:
    return route.path.split("/")[1] if route.path else "entry"


def _operation(route: Route) -> Schema:
    found: Schema = {
        "operationId": "_".join([route.method.lower(), *re.findall(r"\w+", _path(route))]),
        "tags": [_tag(route)],
        "summary": route.summary,
        "security": _SECURITY if route.acl is not None else [],
        "parameters": [*_arguments(route), *_queries(route)],
        "responses": _responses(route),
    }
    if route.acl is not None:
        found["description"] = f"Asks for `{route.acl}`."
        found["parameters"].append({"$ref": "#/components/parameters/tenant"})
    if route.takes or route.body is not None:
        found["requestBody"] = {"required": True, "content": _body(route)}
    return found


def _arguments(route: Route) -> list[Schema]:
    names = _ARGUMENT.findall(route.path)
    return [_parameter(name, "path", *PATH.get(name, (f"The {name}.", TEXT)), required=True) for name in names]


def _queries(route: Route) -> list[Schema]:
    # An argument that means something of its own at one address stands in the table with that address.
    found = {
        name: QUERY.get(f"{route.path}?{name}") or QUERY.get(name) or (f"The {name}.", TEXT) for name in route.query
    }
    return [_parameter(name, "query", *meaning) for name, meaning in found.items()]


def _parameter(name: str, place: str, text: str, schema: Schema, *, required: bool = False) -> Schema:
    return {"name": name, "in": place, "required": required, "description": text, "schema": schema}


def _body(route: Route) -> Schema:
    if route.takes:
        return {kind: {"schema": TEXT} for kind in route.takes}
    assert route.body is not None
    return {MEDIA_TYPE: {"schema": _reference(_MEANT.get(route.body, route.body))}}


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _responses(route: Route) -> Schema:
    sentences = {**{code: _SENTENCES[code] for code in _general(route)}, **route.statuses}
    if not any(code < 300 for code in sentences):
        code = 200 if route.method == "GET" else 204
        sentences[code] = HTTPStatus(code).phrase
    return {
        str(code): _shared(code, sentences[code]) or _response(route, code, sentences[code])
        for code in sorted(sentences)
    }


def _shared(code: int, sentence: str) -> Schema | None:
    return {"$ref": f"#/components/responses/{code}"} if sentence == _SENTENCES.get(code) else None


def _general(route: Route) -> Iterable[int]:
    """Return the statuses that any resource of this kind can answer."""
    yield from (400, 500)
    if route.acl is not None:
        yield from (401, 429, 503)
    if _ARGUMENT.search(route.path):
        yield 404
    if route.method == "GET" and (route.media_type == MEDIA_TYPE or len(route.answers) > 1):
        yield 406
    if route.takes or route.body is not None:
        yield from (413, 415)


def _response(route: Route, code: int, sentence: str) -> Schema:
    if code >= 400:
        return _refusal(code, sentence)
    found: Schema = {"description": sentence}
    if code == 201:
        location = {"description": "Path of what was created, under the request's prefix.", "schema": TEXT}
        found["headers"] = {"Location": {**location, "required": True}}
    if route.response is not None:
        found["content"] = {route.media_type or MEDIA_TYPE: {"schema": _reference(route.response)}}
    elif code == 200:
        kinds = route.answers or [route.media_type or "*/*"]
        found["content"] = {kind: {"schema": _OBJECT if kind in _TREES else TEXT} for kind in kinds}
    return found


def _refusal(code: int, sentence: str) -> Schema:
    content = {"text/plain": {"schema": TEXT}, PROBLEM_TYPE: {"schema": _reference(Problem)}}
    found: Schema = {"description": sentence, "content": content}
    if code in (429, 503):
        found["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


def _components(routes: Sequence[Route]) -> Schema:
    bodies = [_MEANT.get(route.body, route.body) for route in routes if route.body is not None]
    answers = [route.response for route in routes if route.response is not None]
    models: dict[type[BaseModel], None] = dict.fromkeys([*bodies, *answers, Problem])
    _, found = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas = {name: _plain(schema) for name, schema in sorted(found["$defs"].items())}
    schemas["ConfigFields"]["properties"]["raw_config"] = {"$ref": "#/components/schemas/RawConfigFields"}
    schemas["RawConfigFields"] = raw_config_schema()
    tenant = _parameter("Wazo-Tenant", "header", "Uuid of a tenant; by default the token's.", TEXT)
    return {
        "schemas": schemas,
        "parameters": {"tenant": tenant},
        "responses": {str(code): _refusal(code, sentence) for code, sentence in _SENTENCES.items()},
        "securitySchemes": {
            "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
            "bearer": {"type": "http", "scheme": "bearer"},
        },
    }


def _plain(schema: Schema) -> Schema:
    """Return a schema whose members have no titles made from their names."""
    members = {
        name: {k: v for k, v in each.items() if k != "title"} for name, each in schema.get("properties", {}).items()
    }
    return {**schema, "properties": members} if members else schema
