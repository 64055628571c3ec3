"""Keys of capabilities (legacy plugin contract, section 2.3)."""

from __future__ import annotations

import pytest

from provisiond.errors import InvalidInput
from provisiond.model.capability import Capability


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("Aastra, 6731i, 3.3.1-SP4", ("Aastra", "6731i", "3.3.1-SP4")),
        ("*, *, *", ("*", "*", "*")),
        ("Fanvil, X3S/X3SP/G, 2.10.2", ("Fanvil", "X3S/X3SP/G", "2.10.2")),
        ("Yealink, T33(P)(G), 124.86.0.40", ("Yealink", "T33(P)(G)", "124.86.0.40")),
        ("Alcatel-Lucent, 8008 & 8018, R110 3.13", ("Alcatel-Lucent", "8008 & 8018", "R110 3.13")),
    ],
)
def test_keys_are_read_and_written_alike(key: str, parts: tuple[str, str, str]) -> None:
    capability = Capability.parse(key)
    assert (capability.vendor, capability.model, capability.version) == parts
    assert str(capability) == key
    assert capability == Capability(*parts)


@pytest.mark.parametrize(
    "key", ["", "Aastra", "Aastra, 6731i", "Aastra,6731i,3.3", "a, b, c, d", ", b, c", "a,  , c", "a, b, ", "a; b; c"]
)
def test_other_forms_are_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match="Vendor, Model, Version"):
        Capability.parse(key)
