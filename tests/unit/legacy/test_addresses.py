"""Addresses, UUIDs and URLs (legacy plugin contract, sections 4.4, 4.11 and 15, check 48)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.legacy.surface import util
from provisiond.legacy.surface.operation import OperationInProgress, format_oip
from provisiond.legacy.surface.phonebook import add_xivo_phonebook_url, add_xivo_phonebook_url_from_format
from provisiond.legacy.surface.phoned_users import add_wazo_phoned_user_service_url

RAW = {"X_xivo_phonebook_ip": "10.0.0.80", "X_xivo_user_uuid": "U"}


@pytest.mark.parametrize("text", ["00085D2db07c", "0:8:5d:2D:b0:7c", "00-08-5D-2D-B0-7C"])
def test_48_forms_of_addresses(text: str) -> None:
    assert util.norm_mac(text) == "00:08:5d:2d:b0:7c"
    assert util.format_mac(text, "", uppercase=True) == "00085D2DB07C"
    assert util.format_mac(text, separator="_") == "00_08_5d_2d_b0_7c"


@pytest.mark.parametrize(
    "text", ["", "00085d2db07", "00:08:5d:2d:b0", "00:08-5d:2d:b0:7c", "0g085d2db07c", "000:8:5d:2d:b0:7c"]
)
def test_48_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        util.norm_mac(text)
    assert not util.is_normed_mac(text)


def test_48_only_texts_are_addresses() -> None:
    with pytest.raises(TypeError):
        util.norm_mac(b"00085d2db07c")  # type: ignore[arg-type]


@given(st.binary(min_size=6, max_size=6))
def test_packed_addresses_come_back(data: bytes) -> None:
    packed = data.decode("latin-1")
    assert util.to_mac(util.from_mac(packed)) == packed
    assert util.is_normed_mac(util.from_mac(packed))
    assert util.from_ip(util.to_ip(util.from_ip(data[:4]))) == util.from_ip(data[:4])


def test_other_addresses() -> None:
    assert (util.norm_ip("010.1.2.003"), util.is_normed_ip("10.1.2.3"), util.is_normed_ip("10.01.2.3")) == (
        "10.1.2.3",
        True,
        False,
    )
    for wrong in ("1.2.3", "1.2.3.256", "a.b.c.d"):
        with pytest.raises(ValueError):
            util.to_ip(wrong)
    uuid = "550E8400-E29B-41D4-A716-446655440000"
    assert (util.norm_uuid(uuid), util.is_normed_uuid(uuid), util.is_normed_uuid(uuid.lower())) == (
        uuid.lower(),
        False,
        True,
    )
    with pytest.raises(ValueError):
        util.norm_uuid(uuid.replace("-", ""))


def test_urls_of_the_directory() -> None:
    raw: dict[str, Any] = dict(RAW)
    add_xivo_phonebook_url(raw, "yealink", entry_point="lookup", qs_suffix="term=#SEARCH")
    assert raw["XX_xivo_phonebook_url"] == (
        "http://10.0.0.80:9498/0.1/directories/lookup/default/yealink?xivo_user_uuid=U&term=#SEARCH"
    )
    add_xivo_phonebook_url(raw, "snom", qs_prefix="a=1")
    assert raw["XX_xivo_phonebook_url"].endswith("/input/default/snom?a=1&xivo_user_uuid=U")
    add_xivo_phonebook_url_from_format(raw, "{scheme}:{hostname}:{port}:{profile}:{user_uuid}")
    assert raw["XX_xivo_phonebook_url"] == "http:10.0.0.80:9498:default:U"
    add_wazo_phoned_user_service_url(raw, "aastra", "dnd")
    base = "http://10.0.0.80:9498/0.1/aastra/users/U/services/dnd"
    assert raw["XX_wazo_phoned_user_service_dnd_enabled_url"] == f"{base}/enable"
    assert raw["XX_wazo_phoned_user_service_dnd_disabled_url"] == f"{base}/disable"


@pytest.mark.parametrize("missing", RAW)
def test_urls_need_host_and_user(missing: str) -> None:
    raw: dict[str, Any] = {**RAW, missing: ""}
    add_xivo_phonebook_url(raw, "x")
    add_xivo_phonebook_url_from_format(raw, "{nonsense}")
    add_wazo_phoned_user_service_url(raw, "x", "y")
    assert raw == {**RAW, missing: ""}


def test_progress_as_text() -> None:
    part = OperationInProgress("download", "progress", 10, 20)
    assert format_oip(OperationInProgress("install_pkg", "progress", sub_oips=[part])) == (
        "install_pkg|progress(download|progress;10/20)"
    )
