"""The optional members of plugin-info: shown, checked, and a reason to refuse an old server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provisiond import __version__
from provisiond.errors import PluginProblem
from provisiond.packages.index_file import parse_index
from provisiond.plugins.manifest import check_api, parse_manifest

INFO: dict[str, Any] = {
    "version": "1.0",
    "description": "Phones",
    "capabilities": {"Demo, D10, 1": {"lines": 2}},
    "api": 1,
    "author": "Ann",
    "changelog": "1.0\n- first",
    "documentation": "https://example.org/demo",
    "icon": "icon.png",
}


def manifest(**members: Any) -> Any:
    return parse_manifest(json.dumps({**INFO, **members}).encode())


def test_the_manifest_gives_the_metadata_and_shows_it_as_it_stands_there() -> None:
    info = manifest()
    assert (info.metadata.author, info.metadata.icon, info.metadata.min_server_version) == ("Ann", "icon.png", "")
    assert info.localized(None)["documentation"] == "https://example.org/demo"


def test_a_wrong_member_keeps_the_plugin_from_loading_and_is_named() -> None:
    with pytest.raises(PluginProblem, match="plugin-info: icon must be the name of a PNG file"):
        manifest(icon="/etc/icon.png")


@pytest.mark.parametrize("minimum", ["", "0.0.1", __version__])
def test_a_server_that_is_new_enough_takes_it(minimum: str) -> None:
    check_api(manifest(min_provisiond_version=minimum))


def test_a_server_that_is_too_old_says_what_it_is_and_what_is_needed() -> None:
    with pytest.raises(PluginProblem, match=f"needs version 99.0 or later of the server, this is {__version__}"):
        check_api(manifest(min_provisiond_version="99.0"))


def test_the_index_carries_the_metadata_and_leaves_wrong_entries_out() -> None:
    entry = {**INFO, "filename": "demo-1.0.tar.bz2", "dsize": 10, "sha1sum": "a" * 40}
    index = parse_index(json.dumps({"demo": entry, "wrong": {**entry, "changelog": 7}}).encode(), "default")
    assert index.entries["demo"].metadata.changelog == "1.0\n- first"
    assert index.entries["demo"].localized("fr")["author"] == "Ann"
    assert index.left_out == ("'wrong': changelog must be a text of at most 65,536 characters",)
