"""Answers to challenges, against the examples of the RFCs."""

from __future__ import annotations

import re

import pytest

from provisiond.sip.digest import Credentials, authorization, best_challenge

MUFASA = Credentials("Mufasa", "Circle of Life")


def response_of(value: str) -> str:
    found = re.search(r'response="([0-9a-f]+)"', value)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("challenge", "who", "nonce", "expected"),
    [
        pytest.param(
            'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
            'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
            Credentials("Mufasa", "Circle Of Life"),
            "0a4f113b",
            "6629fae49393a05397450978507c4ef1",
            id="RFC 2617, section 3.5",
        ),
        pytest.param(
            'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, '
            'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
            MUFASA,
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "8ca523f5e9506fed4657c9700eebdbec",
            id="RFC 7616, section 3.9.1, MD5",
        ),
        pytest.param(
            'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
            'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
            MUFASA,
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            id="RFC 7616, section 3.9.1, SHA-256",
        ),
    ],
)
def test_examples_of_the_rfcs(challenge: str, who: Credentials, nonce: str, expected: str) -> None:
    found = best_challenge([challenge])
    assert found is not None
    value = authorization(found, who, method="GET", uri="/dir/index.html", client_nonce=nonce)
    assert response_of(value) == expected
    assert f'opaque="{found.opaque}"' in value
    assert "qop=auth, nc=00000001" in value


def test_without_quality_there_is_no_counter() -> None:
    found = best_challenge(['Digest realm="asterisk", nonce="1a2b"'])
    assert found is not None
    value = authorization(found, Credentials('a"b', "x"), method="NOTIFY", uri="sip:a@b", client_nonce="c")
    assert "nc=" not in value
    assert "cnonce" not in value
    assert 'username="a\\"b"' in value
    assert "algorithm=MD5" in value


def test_session_algorithms_carry_the_client_nonce() -> None:
    found = best_challenge(['Digest realm="r", nonce="n", algorithm=MD5-sess'])
    assert found is not None
    value = authorization(found, MUFASA, method="NOTIFY", uri="sip:a@b", client_nonce="c")
    assert "algorithm=MD5-sess" in value
    assert 'cnonce="c"' in value


def test_the_strongest_that_is_known_is_answered() -> None:
    weak, strong = 'Digest realm="a", nonce="1"', 'Digest realm="b", nonce="2", algorithm=SHA-256'
    best = best_challenge([weak, 'Digest realm="c", nonce="3", algorithm=X-NEW', strong, "Basic realm=x"])
    assert best is not None
    assert best.realm == "b"


@pytest.mark.parametrize(
    "values", [[], ["Basic realm=x"], ["Digest realm=x"], ['Digest nonce="1", qop="auth-int"'], ["", "Digest ="]]
)
def test_what_cannot_be_answered(values: list[str]) -> None:
    assert best_challenge(values) is None


def test_a_password_is_never_shown() -> None:
    assert "Circle" not in repr(MUFASA)
