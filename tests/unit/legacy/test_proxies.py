"""The handler of urllib that plugins get for downloads of their own."""

from __future__ import annotations

from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

import pytest

from provisiond.legacy.surface.proxy import DynProxyHandler


@pytest.mark.parametrize(
    ("proxies", "url", "host"),
    [
        ({"http": "http://proxy.example.org:3128/"}, "http://192.0.2.1/a", "proxy.example.org:3128"),
        ({"https": "proxy.example.org:3128"}, "https://192.0.2.1/a", "proxy.example.org:3128"),
        ({"https": "proxy.example.org:3128"}, "http://192.0.2.1/a", "192.0.2.1"),
    ],
)
def test_the_mapping_is_read_at_each_request(proxies: dict[str, str], url: str, host: str) -> None:
    mapping: dict[str, str] = {}
    handler = DynProxyHandler(mapping)
    for now, seen in ((proxies, host), ({}, "192.0.2.1")):
        mapping.clear()
        mapping.update(now)
        request = Request(url)
        assert getattr(handler, f"{request.type}_open")(request) is None
        assert request.host == seen


def test_user_and_password_of_a_proxy_are_told_to_it() -> None:
    request = Request("http://192.0.2.1/a")
    DynProxyHandler({"http": "http://user:word@192.0.2.9:3128"}).http_open(request)
    assert (request.host, request.get_header("Proxy-authorization")) == ("192.0.2.9:3128", "Basic dXNlcjp3b3Jk")


def test_ftp_by_a_proxy_of_http_is_asked_for_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    again: list[str] = []
    handler = DynProxyHandler({"ftp": "http://192.0.2.9:3128"})
    opener = build_opener(handler)
    monkeypatch.setattr(OpenerDirector, "open", lambda _, request, timeout: again.append(request.type))
    handler.ftp_open(_with_a_limit(Request("ftp://192.0.2.1/a")))
    assert again == ["http"]
    assert [each for each in opener.handlers if isinstance(each, ProxyHandler)] == [handler]


def _with_a_limit(request: Request) -> Request:
    request.timeout = 1
    return request
