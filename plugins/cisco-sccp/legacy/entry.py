"""Cisco phones of the first generation with their last SCCP firmware."""

from typing import ClassVar

from .common import Generation, SccpPlugin


class SccpLegacy(SccpPlugin):
    """Each model has a release of its own; 8.1 is that of the 7940 and 7960."""

    generation: ClassVar[Generation] = Generation(
        release="8.",
        has_image_file=True,
        loads={
            "7905G": "CP7905080003SCCP070409A",
            "7912G": "CP7912080004SCCP080108A",
            "7920": "cmterm_7920.4.0-03-02",
            "7940G": "P00308010200",
            "7960G": "P00308010200",
        },
    )


PLUGIN = SccpLegacy
