"""The parameters that can be changed at run time (REST contract, sections 5.2 and 10)."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.model.parameters import PARAMETERS, check_parameter

PROXY = "http://user:secret@proxy.example:3128"
KEEPS = [
    *(
        ("plugin_server", value)
        for value in ("http://provd.wazo.community/plugins/2/stable/", "https://a", "ftp://a/b")
    ),
    *(
        (name, value)
        for name in ("http_proxy", "ftp_proxy")
        for value in (PROXY, "https://a:1", "http://[2001:db8::1]:1")
    ),
    *(
        ("https_proxy", value)
        for value in ("proxy.example:3128", "proxy.example", "[2001:db8::1]:3128", "192.0.2.1:80")
    ),
    *(("locale", value) for value in ("fr", "fr_FR", "fil", "fil_PHL")),
    *(("provisioning_key", value) for value in ("abcdefgh", "A-Z$~.09", "x" * 256)),
]
CHANGES = [
    *((name, None, None) for name in PARAMETERS if name != "NAT"),
    ("locale", "", None),
    ("provisioning_key", "", None),
    ("NAT", None, 0),
    *(("NAT", value, number) for value, number in ((0, 0), (1, 1), ("0", 0), ("1", 1))),
]
NO_TEXTS = (True, 5, 1.5, [], ["http://a"], {})
REFUSED = [
    *((name, value) for name in PARAMETERS if name != "NAT" for value in NO_TEXTS),
    *(("plugin_server", value) for value in ("", "a.example", "//a", "http://", "http:///x", "ssh://a", "http://a b")),
    *(("plugin_server", value) for value in ("http://a:x/", "http://[a", "http://a:99999", "http://a\n", "http://:80")),
    *(
        (name, value)
        for name in ("http_proxy", "ftp_proxy")
        for value in (
            *("", "a:3128", "http://", "http://a/", "http://a/x", "http://a?", "http://a?b", "http://a#", "http://a#b"),
            *("socks5://a:1", "ftp://a", "http://a :1", "http://a:x", "http://:3128"),
        )
    ),
    *(
        ("https_proxy", value)
        for value in ("", "http://a:1", "https://a", "a b:1", "a:1/", "a:x", ":80", "a?b", "a:1#b")
    ),
    *(("locale", value) for value in ("f", "FR", "fr-FR", "fr_fr", "fr_FRAN", "fran", "fr_FR.UTF-8", "fr_FR\n", "fr_")),
    *(("NAT", value) for value in (True, False, 2, -1, 0.5, "", "2", "01", " 1", "true", [], {})),
    *(
        ("provisioning_key", value)
        for value in ("short", "x" * 257, "with blank", "slash/es", "ünïcödé1", "abcdefgh\n")
    ),
]


def test_the_order_of_the_parameters() -> None:
    assert list(PARAMETERS) == [
        "plugin_server",
        "http_proxy",
        "ftp_proxy",
        "https_proxy",
        "locale",
        "NAT",
        "provisioning_key",
    ]
    assert [each.name for each in PARAMETERS.values()] == list(PARAMETERS)
    assert [each.name for each in PARAMETERS.values() if each.per_tenant] == ["provisioning_key"]


def test_every_parameter_is_described_in_two_languages() -> None:
    for each in PARAMETERS.values():
        assert each.description
        assert each.description_fr
        assert each.description != each.description_fr


@pytest.mark.parametrize(("name", "value"), KEEPS)
def test_values_that_are_stored_as_sent(name: str, value: str) -> None:
    assert check_parameter(name, value) == value


@pytest.mark.parametrize(("name", "value", "stored"), CHANGES)
def test_values_with_another_stored_form(name: str, value: Any, stored: Any) -> None:
    result = check_parameter(name, value)
    assert result == stored
    assert type(result) is type(stored)


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_refused_values_name_the_parameter(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=f"^{name}: must "):
        check_parameter(name, value)


SECRET = "hunter2!%s3cret"
SECRETS = [
    *((name, f"http://u:{SECRET}@a/ b") for name in ("plugin_server", "http_proxy", "ftp_proxy", "https_proxy")),
    *((name, f"http://u:{SECRET}@a/x?y") for name in ("http_proxy", "ftp_proxy", "https_proxy")),
    *((name, f"http://u:{SECRET}@[a") for name in ("plugin_server", "http_proxy", "ftp_proxy", "https_proxy")),
    *((name, f"http://a:{SECRET}") for name in ("plugin_server", "http_proxy", "ftp_proxy", "https_proxy")),
    *((name, f"a:{SECRET}") for name in ("plugin_server", "http_proxy", "ftp_proxy", "https_proxy")),
    ("locale", SECRET),
    ("NAT", SECRET),
    ("provisioning_key", SECRET),
]


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_a_refusal_never_repeats_what_may_be_a_secret(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_parameter(name, value)
    assert "s3cret" not in "".join(traceback.format_exception(refused.value, limit=0))


@given(st.sampled_from(list(PARAMETERS)), st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_text_is_either_stored_or_refused(name: str, value: str) -> None:
    try:
        stored = check_parameter(name, value)
    except InvalidInput:
        return
    assert stored == value or (value, stored) in {("", None), ("0", 0), ("1", 1)}
    assert check_parameter(name, stored) == stored
