"""What a model has: lines, keys, firmware, language files."""

from __future__ import annotations

from attrs import field, frozen

CONSOLE_KEYS = 32
"""Keys of one attendant console (SPA500S, SPA932)."""


@frozen
class Image:
    """A firmware.

    :param version: devices with an older one fetch it.
    :param file: its name in the folder ``firmware``.
    """

    version: str
    file: str


@frozen(kw_only=True)
class Model:
    """One model.

    :param lines: SIP lines; of an adaptor, its telephone ports.
    :param keys: line keys; 0 for adaptors.
    :param consoles: attendant consoles that can be attached.
    :param has_soft_keys: whether keys below the display can be given a function.
    :param has_router: whether it is an adaptor whose web access and clock belong to a router with its own parameters.
    :param images: the firmware, behind those that must be installed before it.
    :param dictionary: name of the language files, with ``{}`` for the language; empty when there are none.
    :param first_file: the file that it asks for before it knows another; empty for ``spa<model>.cfg``.
    """

    lines: int
    keys: int = 0
    consoles: int = 0
    has_soft_keys: bool = False
    has_router: bool = False
    images: tuple[Image, ...] = field(default=(), converter=tuple)
    dictionary: str = ""
    first_file: str = ""

    @property
    def is_adaptor(self) -> bool:
        """True for devices without keys, for analogue telephones."""
        return not self.keys

    def first_files(self, name: str) -> tuple[str, ...]:
        """Return the names of the first file: phones keep the case of the model's name, some servers' links don't.

        :param name: the model, e.g. ``SPA504G``.
        """
        file = self.first_file or f"spa{name.removeprefix('SPA')}.cfg"
        return tuple(dict.fromkeys((file, file.lower())))


UNKNOWN = Model(lines=1, keys=1)
