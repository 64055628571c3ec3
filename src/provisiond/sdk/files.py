"""A file that a plugin wants a phone to get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


def _names(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@frozen(kw_only=True)
class File:
    """One file of a device, or one shared by all devices of the plugin.

    Give ``templates`` and ``context``, or ``content``.

    :param name: name as the phone asks for it, relative, with forward slashes, e.g. ``Aastra/00085D2DB07C.cfg``.
    :param templates: template names, the first that exists is used. A name that ends in ``.xml.tpl``, ``.htm.tpl``
        or ``.html.tpl`` is rendered with XML escaping of every value and without characters that XML 1.0 forbids; in
        every other template line breaks and control characters of values become blanks, so a value stays on its line.
    :param context: what the template sees; plain values only (texts, numbers, booleans, lists, dictionaries, frozen
        attrs values).
    :param content: the bytes themselves, for files that need no template.
    :param encoding: of the rendered text.
    :param trigger: True if its download means that the phone now runs its current configuration.
    :param sensitive: True if it holds secrets; it is then served to this device only, and masked in previews.
    """

    name: str
    templates: tuple[str, ...] = field(default=(), converter=_names)
    context: Mapping[str, Any] = field(factory=dict)
    content: bytes | None = None
    encoding: str = "utf-8"
    trigger: bool = False
    sensitive: bool = True
