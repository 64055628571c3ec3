"""The phones: their firmware, and the numbers that the call manager's protocol gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from attrs import frozen

IMAGE_7960 = "P0030801SR02"
"""Firmware 8.1(2)SR2 of the 7940 and 7960, the only phones that ask for ``OS79XX.TXT``."""


@frozen(kw_only=True)
class Generation:
    """What one generation of phones has of its own.

    :param loads: name of the firmware by model.
    :param charset: character set of the phones' locale files.
    :param unnamed_support: support for Cisco phones that have not told their model, as SCCP phones never do over TFTP.
    """

    loads: Mapping[str, str]
    charset: str
    unnamed_support: int


DEVICE_TYPES: Mapping[str, int] = MappingProxyType(
    {
        "7905G": 20000,
        "7906G": 369,
        "7911G": 307,
        "7912G": 30007,
        "7920": 30002,
        "7931G": 348,
        "7940G": 8,
        "7941G": 115,
        "7941G-GE": 309,
        "7942G": 434,
        "7945G": 435,
        "7960G": 7,
        "7961G": 30018,
        "7961G-GE": 308,
        "7962G": 404,
        "7965G": 436,
        "7970G": 30006,
        "7971G": 119,
        "7975G": 437,
    }
)
"""The 7971G-GE, the only 7971 there is, has no number of its own."""


def default_loads(loads: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield ``element``, ``model`` and ``load`` for each model, as ``XMLDefault.cnf.xml`` wants them."""
    for model, number in DEVICE_TYPES.items():
        if model in loads:
            yield {
                "element": f"loadInformation{number}",
                "model": f"IP Phone {model.replace('G', '', 1)}",
                "load": loads[model],
            }
