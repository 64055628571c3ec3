"""URLs: what may be asked for, and what may be shown of them."""

from __future__ import annotations

import pytest

from provisiond.packages.network_problems import told
from provisiond.packages.problems import DownloadProblem
from provisiond.packages.urls import checked_url, public_url, redirected

WEB = ("http", "https")


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://h/a b", "http://h/a%20b"),
        ("http://h/a%20b?x=1#part", "http://h/a%20b?x=1"),
        ("http://user:geheim@h:81/x", "http://h:81/x"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("https://H\u00f6st.example/\u00f6", "https://xn--hst-sna.example/%C3%B6"),
    ],
)
def test_what_is_asked_for(url: str, asked: str) -> None:
    assert checked_url(url, WEB) == asked


@pytest.mark.parametrize(
    "url",
    [
        "http:///x",
        "http://a b/",
        "http://a\tb c/",
        "http://h:99999/",
        "http://h:0/",
        "http://h:x/",
        "http://[::1",
        "http://[x]/",
        "http://a..b/",
        "http://" + "a" * 300 + "/",
        "http://h_%2e/",
        "ftp://h/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//h/x",
        "",
    ],
)
def test_what_is_not(url: str) -> None:
    with pytest.raises(DownloadProblem):
        checked_url(url, WEB)


@pytest.mark.parametrize("location", ["ftp://h/x", "file:///etc/passwd", "http://h:x/", "http://[::1"])
def test_where_no_redirection_leads(location: str) -> None:
    with pytest.raises(DownloadProblem, match="http://first/x redirects"):
        redirected("http://first/x", location, WEB)


def test_nothing_secret_is_shown() -> None:
    assert public_url("http://user:geheim@h/x?token=geheim#geheim") == "http://h/x"
    assert len(public_url("http://h/" + "x" * 500)) == 200


def test_a_host_that_the_resolver_refuses_is_told() -> None:
    problem = told(UnicodeError("codepoint not allowed"), "http://xn--hst-hga8t.invalid/x")
    assert problem is not None
    assert problem.sentence == "http://xn--hst-hga8t.invalid/x has a host that cannot exist"
