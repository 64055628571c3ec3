"""Linksys and Cisco SPA9xx phones and the analogue adaptors."""

from typing import ClassVar

from .common import Generation, Model, SpaPlugin

_LINES = {
    "SPA901": (1, 1),
    "SPA921": (1, 1),
    "SPA922": (1, 1),
    "SPA941": (4, 4),
    "SPA942": (4, 4),
    "SPA962": (6, 6),
    "SPA112": (2, 0),
    "SPA122": (2, 0),
    "SPA2102": (2, 0),
    "SPA3102": (1, 0),
    "SPA8000": (8, 0),
}


class SpaLegacy(SpaPlugin):
    """Each model has a last release of its own; 6.1 is that of the phones."""

    generation: ClassVar[Generation] = Generation(
        release="6.1",
        models={
            **{
                name: Model(lines=lines, keys=keys, file=f"spa{name.removeprefix('SPA')}.cfg")
                for name, (lines, keys) in _LINES.items()
            },
            "PAP2T": Model(lines=2, keys=0, file="init.cfg"),
        },
    )


PLUGIN = SpaLegacy
