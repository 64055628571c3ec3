"""Cisco SPA30x, SPA50x, SPA51x and SPA525G phones with firmware 7.5.5."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import ClassVar

from .common import Image, Model, SpaPlugin

_SPA50X = partial(
    Model,
    # Older firmware cannot install 7.5.5 itself (its release notes).
    images=(Image("7.5.2b", "spa50x-30x-7-5-2b.bin"), Image("7.5.5", "spa50x-30x-7-5-5.bin")),
    dictionary="spa50x_30x_{}_v755.xml",
)
_SPA51X = partial(Model, images=(Image("7.5.5", "spa51x-7-5-5.bin"),), dictionary="spa50x_30x_{}_v755.xml")
_SPA525 = partial(Model, images=(Image("7.5.5", "spa525g-7-5-5.bin"),), dictionary="spa525_{}_v755.xml")


class Spa755(SpaPlugin):
    """The SPA300 and SPA500 series."""

    models: ClassVar[Mapping[str, Model]] = MappingProxyType(
        {
            "SPA301": _SPA50X(lines=1, keys=1),
            "SPA303": _SPA50X(lines=3, keys=3, has_soft_keys=True),
            "SPA501G": _SPA50X(lines=8, keys=8, consoles=2),
            "SPA502G": _SPA50X(lines=1, keys=1, consoles=2, has_soft_keys=True),
            "SPA504G": _SPA50X(lines=4, keys=4, consoles=2, has_soft_keys=True),
            "SPA508G": _SPA50X(lines=8, keys=8, consoles=2, has_soft_keys=True),
            "SPA509G": _SPA50X(lines=12, keys=12, consoles=2, has_soft_keys=True),
            "SPA512G": _SPA51X(lines=1, keys=1, consoles=2, has_soft_keys=True),
            "SPA514G": _SPA51X(lines=4, keys=4, consoles=2, has_soft_keys=True),
            "SPA525G": _SPA525(lines=5, keys=5, consoles=2, has_soft_keys=True),
            "SPA525G2": _SPA525(lines=5, keys=5, consoles=2, has_soft_keys=True),
        }
    )


PLUGIN = Spa755
