"""Browsers get the page at the root, programs what they always got."""

from __future__ import annotations

import pytest
from tests.support.api import Api

from provisiond.rest.front import ExtensionFront, Front, prefers_page

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    "accept", [FIREFOX, "text/html", "TEXT/HTML;Q=0.9, application/json;q=0.5", "text/*, */*;q=0.1"]
)
def test_who_prefers_a_page_is_sent_there(api: Api, accept: str) -> None:
    for method in ("GET", "HEAD"):
        got = api.plain(method, "/", accept=accept)
        assert (got.status, got.headers["location"]) == (303, "/api/browser.html")


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/json", "application/json, text/html", "text/html;q=0", "text/html;q=x;q=2, */*", ";q="],
)
def test_all_others_get_the_document(api: Api, accept: str) -> None:
    assert not prefers_page(accept)


@pytest.mark.parametrize("path", ["/provd", "/0.2/", "/api/provd/0.2", "/package"])
def test_other_addresses_are_not_pages(api: Api, path: str) -> None:
    assert "location" not in api.plain("GET", path, accept=FIREFOX).headers


def test_the_listener_of_extensions_has_no_page() -> None:
    assert (Front.has_page, ExtensionFront.has_page) == (True, False)
