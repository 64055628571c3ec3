"""Cisco 79xx phones with SCCP firmware 9.0(3)."""

from typing import ClassVar

from .common import Generation, SccpPlugin

SMALL, LINE31, LINE41, LINE42, LINE45, LINE70, LINE75 = (
    f"SCCP{number}.9-0-3S" for number in (11, 31, 41, 42, 45, 70, 75)
)


class Sccp903(SccpPlugin):
    """The phones of the second and third generation."""

    generation: ClassVar[Generation] = Generation(
        release="9.0",
        serves_unnamed=True,
        loads={
            "7906G": SMALL,
            "7911G": SMALL,
            "7931G": LINE31,
            "7941G": LINE41,
            "7941G-GE": LINE41,
            "7942G": LINE42,
            "7945G": LINE45,
            "7961G": LINE41,
            "7961G-GE": LINE41,
            "7962G": LINE42,
            "7965G": LINE45,
            "7970G": LINE70,
            "7971G": LINE70,
            "7971G-GE": LINE70,
            "7975G": LINE75,
        },
    )


PLUGIN = Sccp903
