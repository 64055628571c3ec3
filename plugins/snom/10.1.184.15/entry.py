"""Snom D120, D140, D150, D3xx, D7xx and D8xx with firmware 10.1.184.15."""

from typing import ClassVar

from .common import Generation, SnomPlugin


class Snom10(SnomPlugin):
    """The firmware of the D series."""

    generation: ClassVar[Generation] = Generation(
        release="10.1.184.15",
        has_web_accounts=True,
        has_short_labels=True,
        has_inline_certificates=True,
        setting_server_end="/",
    )


PLUGIN = Snom10
