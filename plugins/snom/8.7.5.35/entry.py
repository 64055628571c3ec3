"""Snom 3xx, 7xx, 8xx, D765, MP and PA1 with firmware 8.7.5.35."""

from typing import ClassVar

from .common import Generation, SnomPlugin


class Snom8(SnomPlugin):
    """The last firmware of the phones before the D series."""

    generation: ClassVar[Generation] = Generation(release="8.7.5.35", ships_languages=False)


PLUGIN = Snom8
