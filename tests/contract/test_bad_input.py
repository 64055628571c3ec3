"""Wrong input on every route: never a fault, never a hang, nothing stored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import quote

import pytest
from tests.support.api import Api
from tests.support.packages import FakePackages
from tests.support.provisioning import PLUGIN, World

from provisiond.metrics import Metrics
from provisiond.rest.answers import MEDIA_TYPE
from provisiond.rest.application import routed
from provisiond.rest.bodies import AnyBody
from provisiond.rest.routing import Route

ROUTES: list[Route] = routed(MagicMock(), MagicMock(), Metrics(), MagicMock()).routes
ARGUMENT = re.compile(r"<(?:path:)?(\w+)>")
TENANT = "11111111-1111-4111-8111-111111111111"
GOOD = {"device_id": "d", "config_id": "c", "plugin": PLUGIN, "param": "locale", "number": "1", "name": "x.cfg",
        "package": "firmware", "uuid": TENANT, "token_id": "t"}  # fmt: skip
IDS = (
    "no-such", "a%2Fb", "..", "%2e%2e", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5C..%5Cetc", ".", "%00", "a%00b", "%0A",
    "a%0D%0Ab", "%FF", "%C3%28", "%ED%A0%80", "%20", "%27%20OR%201=1--", "%25", "%7Bid%7D", "<script>", "-1", "0",
    "1.5", "9" * 40, "null", "True", "%F0%9F%98%80", "x" * 10_240, "%C3%A9" * 1_700,
)  # fmt: skip
TEXTS = (
    b"", b" ", b"{", b"}", b"[", b"nul", b"{}{}", b"{} x", b"{'a':1}", b'{"a":1,}', b"// x\n{}", b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}", b"\xff", b"\xc3(", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e400}',
    b'{"a":1,"a":2}', b'{"x":{"a":1,"a":2}}', b'{"a":"\\u0000"}', b'{"\\u0000":1}', b'{"a":"\x00"}', b'{"a":"\\ud800"}',
    b'{"a":' + b"[" * 80 + b"]" * 80 + b"}", b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"9" * 5_000 + b"}",
    b"[]", b"5", b'"x"', b"null", b"true", b'{"a":"' + b"x" * 10_240,
)  # fmt: skip
TYPES = (None, "", "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x",
         f"{MEDIA_TYPE}+xml", "a/" + "b" * 5_000)  # fmt: skip
VALUES = (
    "", "x", "-1", "1.5", "1e999", "9" * 400, "%00", "%FF", "%ED%A0%80", "[]", "{", "%7B%7D%7B", "NaN", "null", "5",
    quote('{"a":NaN}'), quote('{"$or":[]}'), quote('{"a":{"$in":5}}'), quote('{"a":{"$regex":"x"}}'),
    quote('{"a":' * 40 + "1" + "}" * 40), "%5B" * 5_000, "a" * 15_000, "....", "'", "%22", "$",
)  # fmt: skip
WRONG: dict[str, tuple[Any, ...]] = {
    "string": (5, True, [], {}),
    "integer": ("x", 1.5, True, [], {}),
    "number": ("x", True, [], {}),
    "boolean": ("x", 1, [], {}),
    "array": ("x", 5, True, {}),
    "object": ("x", 5, True, []),
}


def address(each: Route, **arguments: str) -> tuple[str, str]:
    """Return prefix and path of a route with its arguments filled in."""
    path = ARGUMENT.sub(lambda match: arguments.get(match[1], GOOD.get(match[1], "x")), each.path)
    return "/0.2" if each.prefixed else "", path


def names(each: Route) -> list[str]:
    return ARGUMENT.findall(each.path)


def chosen(*, body: bool = False, takes: bool = False, arguments: bool = False) -> Any:
    """Return the routes that have these, as parameters of a test."""
    found = [
        each for each in ROUTES
        if (not body or each.body is not None) and (not takes or each.takes or each.body is not None)
        and (not arguments or names(each))
    ]  # fmt: skip
    return pytest.mark.parametrize("each", found, ids=[f"{each.method} {each.path or '/'}" for each in found])


class Site:
    """The API of a world with one of each thing, and everything that it stores."""

    def __init__(self, directory: Path) -> None:
        packages = FakePackages()
        packages.offer(PLUGIN, "firmware", 5)
        self.world = World(directory, packages=packages)
        self.world.start()
        self.world.device(id="d")
        self.api = Api(self.world)

    def stored(self) -> Any:
        world = self.world
        return json.dumps(
            [world.devices.rows, world.configs.rows, sorted(map(str, world.parameters.values.items())),
             sorted(world.tenants.rows), sorted(world.tokens.rows), sorted(world.operations.rows),
             sorted(world.host.on_disk), sorted(world.host.plugins)]
        )  # fmt: skip

    def answered(self, each: Route, place: tuple[str, str], body: Any = None, query: str = "", **more: Any) -> int:
        """Return the status of one request; it has to come, and must tell nothing of the inside."""
        prefix, path = place
        connection = self.api.begin(each.method, path + query, body, prefix=prefix, **more)
        try:
            for _ in range(20_000):
                got = connection.got()
                if got is not None:
                    assert got.status != 500, (path[:200], got.content)
                    assert b"Traceback" not in got.content
                    assert b'File "' not in got.content
                    if 400 <= got.status < 500 and each.method != "HEAD":
                        assert got.content
                        assert len(got.content) < 20_000
                    return got.status
                self.world.clock.advance(0)
            raise AssertionError(f"no answer to {each.method} {path[:200]}")
        finally:
            connection.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    for call in made.world.clock.getDelayedCalls():
        call.cancel()


@chosen(arguments=True)
def test_ids_that_can_name_nothing(site: Site, each: Route, capsys: pytest.CaptureFixture[str]) -> None:
    before = site.stored()
    body = {} if each.body is not None or each.takes else None
    for name in names(each):
        for text in IDS:
            status = site.answered(each, address(each, **{name: text}), body)
            assert 400 <= status < 500 or (status, each.method) == (200, "GET"), (name, text[:80])
    assert site.stored() == before
    assert "internal error" not in "".join(capsys.readouterr())


@chosen(body=True)
def test_bodies_that_are_not_right_json(site: Site, each: Route) -> None:
    before = site.stored()
    for content in TEXTS:
        assert site.answered(each, address(each), content) == 400, content[:80]
    assert site.stored() == before


@chosen(body=True)
def test_missing_keys_and_wrong_types(site: Site, each: Route) -> None:
    assert each.body is not None
    schema = each.body.model_json_schema()
    properties, needed = schema.get("properties", {}), schema.get("required", [])
    if each.body is not AnyBody:
        assert properties
    before = site.stored()
    whole = {name: _sample(about) for name, about in properties.items()}
    for name in needed:
        missing = {key: value for key, value in whole.items() if key != name}
        assert site.answered(each, address(each), missing) == 400, name
    for name, about in properties.items():
        for value in _wrong(about):
            assert site.answered(each, address(each), {**whole, name: value}) == 400, (name, value)
    assert site.stored() == before


@chosen(takes=True)
def test_bodies_of_another_media_type(site: Site, each: Route) -> None:
    before = site.stored()
    for kind in TYPES:
        if kind in each.takes:
            continue
        assert site.answered(each, address(each), b"{}", kind=kind) == 415, kind
    assert site.stored() == before


@chosen()
def test_queries_that_mean_nothing(site: Site, each: Route) -> None:
    if each.method in ("POST", "PUT", "DELETE") and not each.query:
        # What they do does not depend on the query, and they would do it.
        return
    before = site.stored()
    content = b"\xff" if each.body is not None or each.takes else None
    kind = each.takes[0] if each.takes else MEDIA_TYPE
    for name in (*each.query, "unknown"):
        for value in VALUES:
            query = f"?{name}={value}&{name}={value}&=&&{name}"
            status = site.answered(each, address(each), content, query, kind=kind)
            assert status < 500 or status in each.statuses, (name, value[:80])
    status = site.answered(each, address(each), content, "?" + "&" * 15_000, kind=kind)
    assert status < 500 or status in each.statuses
    assert site.stored() == before


@chosen()
def test_headers_that_mean_nothing(site: Site, each: Route) -> None:
    before = site.stored()
    refused: tuple[tuple[dict[str, str], int], ...] = (
        ({"Wazo-Tenant": "nobody"}, 401),
        ({"Wazo-Tenant": "../../etc"}, 401),
        ({"Wazo-Tenant": "x" * 10_000}, 401),
        ({"X-Auth-Token": "x" * 10_000}, 401),
        ({"X-Auth-Token": "\xe9\xff"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
    )
    for headers, status in refused if each.acl is not None else ():
        token = "" if "X-Auth-Token" in headers or "Authorization" in headers else None
        named = {name.replace("-", "_"): value for name, value in headers.items()}
        # Whoever shows too many wrong tokens in a minute is told to wait.
        site.world.clock.advance(61)
        assert site.answered(each, address(each), token=token, **named) == status, headers
    if each.method == "GET" and each.media_type == MEDIA_TYPE:
        for accept in ("text/html", "x", ",", ";;;", "*/*;q=0", "a" * 10_000, "\xff"):
            assert site.answered(each, address(each), Accept=accept) == 406, accept
    assert site.stored() == before


def _types(about: dict[str, Any]) -> list[str]:
    if "$ref" in about:
        return ["object"]
    return [
        kind for each in about.get("anyOf", [about]) if (kind := each.get("type", "object" if "$ref" in each else ""))
    ]


def _sample(about: dict[str, Any]) -> Any:
    kinds = _types(about)
    if "default" in about:
        return about["default"]
    return {"string": "zz", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}.get(
        kinds[0] if kinds else "", "zz"
    )


def _wrong(about: dict[str, Any]) -> list[Any]:
    kinds = _types(about)
    if not kinds:
        return []
    values = list(WRONG[kinds[0]]) if kinds[0] in WRONG else []
    good = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list, "object": dict}
    rest = tuple(good[kind] for kind in kinds[1:] if kind in good)
    wrong = [value for value in values if not (rest and isinstance(value, rest))]
    return wrong if "null" in kinds or about.get("default", 1) is None else [*wrong, None]
