"""The description of the API, and a page that shows it and tries it out (REST contract, section 5.1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import yaml

from provisiond.errors import NotFound
from provisiond.provisioning.ports import Threads
from provisiond.rest.answers import Answer
from provisiond.rest.openapi import description
from provisiond.rest.routing import Call, Route, route

YAML_TYPE: Final = "application/yaml"
JSON_TYPE: Final = "application/json"
PAGE_TYPES: Final = {
    "browser.html": "text/html; charset=utf-8",
    "browser.css": "text/css; charset=utf-8",
    "browser.js": "text/javascript; charset=utf-8",
    "schemas.js": "text/javascript; charset=utf-8",
}
# Everything comes from this server, nothing is inline, and no other site may put the page into a frame.
PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_PAGE: Final = "Page that shows the API and tries it out: browser.html and its parts"
_PAGE_ANSWERS: Final[Mapping[str, Any]] = {
    "media_type": None,
    "statuses": {404: "No such page."},
    "answers": ("text/html", "text/css", "text/javascript"),
}
_FASTEST: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Writer(_FASTEST):  # type: ignore[misc]
    """Writes texts of several lines as they are read."""


def _text(writer: Any, text: str) -> Any:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Writer.add_representer(str, _text)


class DescriptionResources:
    """What describes the API. Nothing here needs a token, and nothing here tells anything of this installation.

    :param routes: all routes, asked for when the description is wanted for the first time.
    """

    def __init__(self, routes: Callable[[], Sequence[Route]], threads: Threads) -> None:
        self._routes = routes
        self._threads = threads
        self._written: dict[str, bytes] = {}
        folder = files("provisiond.rest") / "api_page"
        self._page = {name: (folder / name).read_bytes() for name in PAGE_TYPES}

    @route("GET", "/api/api.yml", None, "Description of the API, as YAML", media_type=YAML_TYPE)
    @route("GET", "/api/api.yml", None, "Description of the API, as YAML", media_type=YAML_TYPE, prefixed=False)
    async def as_yaml(self, call: Call) -> Answer:
        """Return the OpenAPI document."""
        return await self._described(YAML_TYPE)

    @route("GET", "/api/api.json", None, "Description of the API, as JSON", media_type=JSON_TYPE)
    @route("GET", "/api/api.json", None, "Description of the API, as JSON", media_type=JSON_TYPE, prefixed=False)
    async def as_json(self, call: Call) -> Answer:
        """Return the OpenAPI document."""
        return await self._described(JSON_TYPE)

    @route("GET", "/api/<file>", None, _PAGE, **_PAGE_ANSWERS)
    @route("GET", "/api/<file>", None, _PAGE, prefixed=False, **_PAGE_ANSWERS)
    async def page(self, call: Call) -> Answer:
        """Return a part of the page."""
        name = call.arguments["file"]
        if name not in self._page:
            raise NotFound("")
        return Answer(content=self._page[name], content_type=PAGE_TYPES[name], headers=PAGE_HEADERS)

    async def _described(self, kind: str) -> Answer:
        if not self._written:
            self._written = await self._threads.run(_written, self._routes())
        return Answer(content=self._written[kind], content_type=kind, headers={"Cache-Control": "no-cache"})


def _written(routes: Sequence[Route]) -> dict[str, bytes]:
    text = json.dumps(description(routes), separators=(",", ":"))
    # Read again, so that nothing in it is the same object twice: YAML would write references.
    tree = json.loads(text)
    written = yaml.dump(tree, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=110)
    return {JSON_TYPE: text.encode("ascii"), YAML_TYPE: written.encode("utf-8")}
