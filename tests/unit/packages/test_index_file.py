"""Check 16 of the firmware contract: ``plugins.db``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provisiond.errors import PackageProblem
from provisiond.packages import index_file
from provisiond.packages.index_file import parse_index
from provisiond.packages.problems import RepositoryProblem
from provisiond.packages.signatures import check_signature, new_private_key, public_half, public_key, sign

ENTRY: dict[str, Any] = {
    "version": "1.0",
    "description": "Phones",
    "description_fr": "Postes",
    "description_fr_CA": "Appareils",
    "capabilities": {"Demo, D10, 1": {"lines": 2}},
    "filename": "demo-1.0.tar.bz2",
    "dsize": 1000,
    "sha1sum": "A" * 40,
    "vendor.url": "https://example.org",
}


def index_of(**members: Any) -> bytes:
    entry = {**ENTRY, **members}
    return json.dumps({"demo": {key: value for key, value in entry.items() if value is not ...}}).encode()


def test_unknown_keys_are_kept_and_the_description_is_localised() -> None:
    entry = parse_index(index_of(), "default").entries["demo"]
    assert entry.digests == {"sha1": "a" * 40}
    shown = entry.localized("fr_CA")
    assert shown["description"] == "Appareils"
    assert shown["vendor.url"] == "https://example.org"
    assert set(shown) == {"version", "description", "capabilities", "dsize", "sha1sum", "vendor.url"}
    assert [entry.localized(locale)["description"] for locale in ("fr", "fr_FR", "de", None)] == [
        *("Postes", "Postes", "Phones", "Phones"),
    ]


@pytest.mark.parametrize(
    "members",
    [
        *({key: ...} for key in ("version", "description", "capabilities", "filename", "dsize", "sha1sum")),
        *({"filename": name} for name in ("", "../x", "a/b", "/etc/x", ".hidden", "x.part", "a\nb", 7, "n" * 300)),
        *({"dsize": size} for size in (-1, 0, 1.5, "10", True, None)),
        *({"sha1sum": digest} for digest in ("", "a" * 39, "g" * 40, 5)),
        {"sha256sum": "b" * 63},
        {"sha256sum": "b" * 64, "sha256": "c" * 64},
        {"version": 3},
        {"capabilities": []},
    ],
)
def test_a_bad_entry_is_left_out_and_reported(members: dict[str, Any]) -> None:
    index = parse_index(index_of(**members), "default")
    assert index.entries == {}
    assert index.left_out[0].startswith("'demo': ")


def test_one_bad_entry_does_not_hide_the_others() -> None:
    document = {"good": ENTRY, "../bad": ENTRY, "worse": 5, ".x": ENTRY}
    index = parse_index(json.dumps(document).encode(), "default")
    assert list(index.entries) == ["good"]
    assert len(index.left_out) == 3


@pytest.mark.parametrize("key", ["sha256sum", "sha256"])
def test_a_sha256_alone_is_enough(key: str) -> None:
    entry = parse_index(index_of(sha1sum=..., **{key: "B" * 64}), "default").entries["demo"]
    assert entry.digests == {"sha256": "b" * 64}


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"5", b"[" * 200_000, b"\xff\xfe", b"{'a': 1}"])
def test_what_is_not_an_index(data: bytes) -> None:
    with pytest.raises(RepositoryProblem):
        parse_index(data, "default")


def test_a_huge_index_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "MAX_INDEX_SIZE", 100)
    with pytest.raises(RepositoryProblem, match="larger"):
        parse_index(index_of(), "default")


def test_the_archive_lies_beside_the_index() -> None:
    entry = parse_index(index_of(), "default").entries["demo"]
    for base in ("http://host/dir", "http://host/dir/"):
        assert entry.wanted(base).url == "http://host/dir/demo-1.0.tar.bz2"
    assert entry.wanted(None).url == ""


def test_signatures() -> None:
    private, other = new_private_key(), new_private_key()
    keys = [public_key(public_half(private))]
    data = index_of()
    check_signature(data, None, [])
    check_signature(data, sign(data, private), keys)
    check_signature(data, b"garbage\n" + sign(data, other) + sign(data, private), keys)
    for signature in (None, b"", sign(data, other), sign(data + b" ", private), b"\xff\xfe"):
        with pytest.raises(RepositoryProblem, match="signed"):
            check_signature(data, signature, keys)
    for text in ("", "x", "AAAA"):
        with pytest.raises(PackageProblem, match="32 bytes"):
            public_key(text)
        with pytest.raises(PackageProblem, match="32 bytes"):
            sign(data, text)
    assert private not in repr(keys)
