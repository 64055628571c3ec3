"""Linksys and Cisco SPA9xx phones and the analogue adaptors, each with its last firmware."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from .common import Image, Model, SpaPlugin

_SPA9X1 = (Image("5.1.8", "spa941-5-1-8.bin"),)
_SPA9X2 = (Image("6.1.5", "spa942-6-1-5a.bin"),)
_SPA1X2 = (Image("1.3.5", "SPA112-SPA122_1.3.5p.bin"),)
_DICTIONARY = "spa9x2_{}.xml"


class SpaLegacy(SpaPlugin):
    """The SPA900 series, SPA112, SPA122, SPA2102, SPA3102, SPA8000 and PAP2T."""

    serves_linksys: ClassVar[bool] = True
    models: ClassVar[Mapping[str, Model]] = MappingProxyType(
        {
            "SPA901": Model(lines=1, keys=1, images=(Image("5.1.5", "spa901-5-1-5.bin"),)),
            "SPA921": Model(lines=1, keys=1, images=_SPA9X1),
            "SPA922": Model(lines=1, keys=1, images=_SPA9X2, dictionary=_DICTIONARY),
            "SPA941": Model(lines=4, keys=4, images=_SPA9X1),
            "SPA942": Model(lines=4, keys=4, images=_SPA9X2, dictionary=_DICTIONARY),
            "SPA962": Model(
                lines=6, keys=6, consoles=2, images=(Image("6.1.5", "spa962-6-1-5a.bin"),), dictionary=_DICTIONARY
            ),
            "SPA112": Model(lines=2, images=_SPA1X2, has_router=True),
            "SPA122": Model(lines=2, images=_SPA1X2, has_router=True),
            "SPA2102": Model(lines=2, images=(Image("5.2.12", "spa2102-5-2-12.bin"),)),
            "SPA3102": Model(lines=1, images=(Image("5.1.10", "spa3102-5-1-10-GW.bin"),)),
            "SPA8000": Model(lines=8, images=(Image("6.1.11", "spa8000-6-1-11.bin"),)),
            "PAP2T": Model(lines=2, images=(Image("5.1.6", "pap2t-5-1-6.bin"),), first_file="init.cfg"),
        }
    )


PLUGIN = SpaLegacy
