"""Reading what a service tells: whatever it is, the result is a value or one error."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.authservice.values import ServiceTenant, Unreadable, Vouched

DATA: dict[str, Any] = {
    "auth_id": "u1",
    "session_uuid": "s1",
    "acl": ["provd.#", 5],
    "utc_expires_at": "2026-01-02T03:04:05.678901",
    "metadata": {"tenant_uuid": "AAAA", "uuid": "u2"},
}


def test_a_token() -> None:
    found = Vouched.read({"data": DATA})
    assert found == Vouched(owner="u1", session="s1", tenant_uuid="aaaa", acl=("provd.#",), expires=1767323045.678901)


def test_a_token_of_few_words() -> None:
    found = Vouched.read({"data": {"metadata": {"tenant_uuid": "t", "uuid": "u2"}}})
    assert found == Vouched(owner="u2", session=None, tenant_uuid="t", acl=(), expires=None)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"data": None},
        {"data": {}},
        {"data": {**DATA, "metadata": {}}},
        {"data": {**DATA, "metadata": []}} | {"data": {**DATA, "metadata": "x"}},
        {"data": {**DATA, "acl": "#"}},
        {"data": {**DATA, "utc_expires_at": "soon"}},
        {"data": {**DATA, "metadata": {"tenant_uuid": 5}}},
    ],
)
def test_what_is_no_token(document: Any) -> None:
    with pytest.raises(Unreadable):
        Vouched.read(document)


def test_tenants() -> None:
    rows = [
        {"uuid": "M", "parent_uuid": "M", "name": "master"},
        {"uuid": "n", "parent_uuid": "M", "name": None},
        {"name": "nobody"},
        "x",
    ]
    assert ServiceTenant.read_all({"items": rows}) == (
        ServiceTenant(uuid="m", name="master", parent_uuid=None),
        ServiceTenant(uuid="n", name=None, parent_uuid="m"),
    )
    with pytest.raises(Unreadable):
        ServiceTenant.read_all({"items": {}})


NAMES = st.sampled_from([*DATA, "data", "items", "tenant_uuid"])
LEAVES = st.none() | st.booleans() | st.floats() | st.text()
JSON = st.recursive(LEAVES, lambda one: st.lists(one) | st.dictionaries(NAMES, one), max_leaves=8)


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_anything(document: Any) -> None:
    for read in (Vouched.read, ServiceTenant.read_all):
        with contextlib.suppress(Unreadable):
            read(document)
