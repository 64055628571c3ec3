"""Recorded requests of phones, as they stand in tests/data, and the exact check of what may be concluded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provisiond.identification.extract import Identifier
from provisiond.identification.values import PhoneRequest, Protocol

DATA = Path(__file__).parents[1] / "data"
CLAIMS = ("vendor", "model", "version", "mac")


def recorded(*names: str) -> list[dict[str, Any]]:
    """Return the cases of these files, e.g. ``traps.jsonl``."""
    return [json.loads(line) for name in names for line in (DATA / name).read_text("utf-8").splitlines()]


def request_of(case: Mapping[str, Any]) -> PhoneRequest:
    """Return the request of a recorded case."""
    options = dict(case.get("dhcp", {}))
    chaddr = options.pop("chaddr", None)
    return PhoneRequest(
        protocol=Protocol(case["protocol"]),
        method=case["method"],
        path=case["path"],
        query=case.get("query", {}),
        headers=case.get("headers", {}),
        dhcp={int(number): value for number, value in options.items()},
        chaddr=chaddr,
    )


def claimed(identifier: Identifier, case: Mapping[str, Any]) -> dict[str, str]:
    """Return what is claimed of a recorded case, among vendor, model, version and mac."""
    claims = identifier.identify(request_of(case)).claims()
    return {name: claims[name] for name in CLAIMS if name in claims}


def complaints(case: Mapping[str, Any], claims: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the claims: one text for each key that is wrong, missing or claimed without right."""
    expected, allowed = case["expect"], case.get("allow", {})
    wrong = [
        f"{key}: {claims.get(key)!r} instead of {value!r}"
        for key, value in expected.items()
        if claims.get(key) != value
    ]
    extra = [
        f"{key}: {claims[key]!r} must not be claimed"
        for key in sorted(claims.keys() - expected.keys())
        if claims[key] not in allowed.get(key, ())
    ]
    return wrong + extra
