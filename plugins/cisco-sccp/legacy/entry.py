"""Cisco phones of the first generation, each with its last SCCP firmware."""

from typing import ClassVar

from provisiond.sdk import Support

from .common import Generation, SccpPlugin


class SccpLegacy(SccpPlugin):
    """The 7905G, 7912G, 7920, 7940G and 7960G."""

    generation: ClassVar[Generation] = Generation(
        loads={
            "7905G": "CP7905080003SCCP070409A",
            "7912G": "CP7912080004SCCP080108A",
            "7920": "cmterm_7920.4.0-03-02",
            "7940G": "P0030801SR02",
            "7960G": "P0030801SR02",
        },
        charset="iso-8859-1",
        unnamed_support=Support.PROBABLE,
    )


PLUGIN = SccpLegacy
