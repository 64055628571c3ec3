"""Cisco SPA30x, SPA50x, SPA51x and SPA525G phones with firmware 7.5.5."""

from typing import ClassVar

from .common import Generation, Model, SpaPlugin

_LINES = {
    "SPA301": (1, 1),
    "SPA303": (3, 3),
    "SPA501G": (8, 8),
    "SPA502G": (1, 1),
    "SPA504G": (4, 4),
    "SPA508G": (8, 8),
    "SPA509G": (12, 12),
    "SPA512G": (1, 1),
    "SPA514G": (4, 4),
    "SPA525G": (5, 5),
    "SPA525G2": (5, 5),
}


class Spa755(SpaPlugin):
    """The SPA300 and SPA500 series."""

    generation: ClassVar[Generation] = Generation(
        release="7.5.5",
        models={
            name: Model(lines=lines, keys=keys, file=f"spa{name.removeprefix('SPA')}.cfg")
            for name, (lines, keys) in _LINES.items()
        },
        dictionary="spa50x_30x_{}_v755.xml",
    )


PLUGIN = Spa755
