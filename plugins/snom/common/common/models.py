"""What the models have: keys, expansion modules, the name of their firmware.

Source: the vendor's user manuals and the pages "<functionKeys> tag" and "Desk Phone Firmware" of its wiki.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

_D7_MODULES = 3 * 18
_OLD_MODULES = 3 * 42
_MODEL_NAME = re.compile(r"[A-Za-z0-9]{1,16}")


@frozen
class Model:
    """One model.

    :param keys: function keys of the phone itself; those without a function become line keys.
    :param more_keys: further keys that can exist: on attached modules, or on more pages of the display.
    :param image: end of the firmware's name behind the version, or empty where the name isn't known.
    :param has_orbit: True if a park key is of the type ``orbit``; elsewhere it dials.
    """

    keys: int = 0
    more_keys: int = 0
    image: str = "r.bin"
    has_orbit: bool = False


UNKNOWN = Model(image="")

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "300": Model(6, image="f.bin"),
        "320": Model(12, _OLD_MODULES, image="f.bin"),
        "370": Model(12, _OLD_MODULES, image="f.bin"),
        "710": Model(5, has_orbit=True),
        "715": Model(5, _D7_MODULES, has_orbit=True),
        "720": Model(18, _D7_MODULES, has_orbit=True),
        "725": Model(18, _D7_MODULES, has_orbit=True),
        "760": Model(12, _D7_MODULES, has_orbit=True),
        "820": Model(4, _OLD_MODULES),
        "821": Model(4, _OLD_MODULES),
        "870": Model(15, _OLD_MODULES),
        "MP": Model(0, 12),
        "PA1": Model(0, image="f.bin"),
        "D120": Model(0, 2),
        "D140": Model(0, 8),
        "D150": Model(0, 8),
        "D305": Model(5),
        "D315": Model(5, _D7_MODULES),
        "D335": Model(32, _D7_MODULES),
        "D345": Model(48, _D7_MODULES),
        "D375": Model(12, _D7_MODULES),
        "D385": Model(48, _D7_MODULES),
        "D712": Model(5),
        "D713": Model(4),
        "D717": Model(3, _D7_MODULES),
        "D735": Model(32, _D7_MODULES),
        "D745": Model(32, _D7_MODULES),
        "D765": Model(16, _D7_MODULES, has_orbit=True),
        "D785": Model(24, _D7_MODULES),
        "D810": Model(0, 32, image=""),
        "D812": Model(8, 32, image=""),
        "D815": Model(10, 40, image=""),
        "D862": Model(8, 32, image="r.swu"),
        "D865": Model(10, 40, image="r.swu"),
        "D892": Model(0, 40, image=""),
    }
)


def model_of(name: str | None) -> Model:
    """Return what is known of a model; one that is not known has no keys."""
    return MODELS.get(name or "", UNKNOWN)


def is_model_name(name: str | None) -> bool:
    """Tell whether ``name`` can stand in a file name as these phones ask for it."""
    return name is not None and _MODEL_NAME.fullmatch(name) is not None


def image_name(name: str, release: str) -> str:
    """Return the file name of a model's firmware, or an empty text where it isn't known."""
    image = model_of(name).image
    return f"snom{name}-{release}-SIP-{image}" if image else ""
