"""Names of files as phones send them: short ways give what the long way gives."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.paths import UnsafeName, normalized_name

PIECES = st.sampled_from(
    ["a", "SEP00.cnf.xml", ".", "..", "...", "/", "\\", "", " ", "é", "\u2028", "\0", "\x1f", "\x7f", "\x80"]
)


def by_the_rules(name: str) -> str | None:
    """Return what a name means, or None where it is refused."""
    if re.search("[\x00-\x1f\x7f]", name):
        return None
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]
    return None if ".." in parts else "/".join(parts)


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20))
def test_every_name_means_what_the_rules_say(name: str) -> None:
    wanted = by_the_rules(name)
    if wanted is None:
        with pytest.raises(UnsafeName):
            normalized_name(name)
    else:
        assert normalized_name(name) == wanted
