"""Cisco 79xx phones with SCCP firmware 9.0(3)."""

from typing import ClassVar

from provisiond.sdk import Support

from .common import Generation, SccpPlugin

_IMAGES = {
    "SCCP11": ("7906G", "7911G"),
    "SCCP31": ("7931G",),
    "SCCP41": ("7941G", "7941G-GE", "7961G", "7961G-GE"),
    "SCCP42": ("7942G", "7962G"),
    "SCCP45": ("7945G", "7965G"),
    "SCCP70": ("7970G", "7971G", "7971G-GE"),
    "SCCP75": ("7975G",),
}


class Sccp903(SccpPlugin):
    """The phones of the second and third generation."""

    generation: ClassVar[Generation] = Generation(
        loads={model: f"{image}.9-0-3S" for image, models in _IMAGES.items() for model in models},
        charset="utf-8",
        unnamed_support=Support.PROBABLE + 10,
    )


PLUGIN = Sccp903
