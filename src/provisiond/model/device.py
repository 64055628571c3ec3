"""A device: one known phone, as a document with typed access."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen


def _frozen_document(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(document))


def _text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) else None


@frozen
class Device:
    """A known phone.

    ``document`` is the stored document in stored order (REST contract, section 8). A member that is absent
    and a member that is null differ there; the properties give None for both.
    """

    document: Mapping[str, Any] = field(converter=_frozen_document)

    @property
    def id(self) -> str:
        """The device's id."""
        return str(self.document["id"])

    @property
    def mac(self) -> str | None:
        """MAC address in the form ``aa:bb:cc:dd:ee:ff``; not unique."""
        return _text(self.document, "mac")

    @property
    def ip(self) -> str | None:
        """Last known IPv4 address; not unique."""
        return _text(self.document, "ip")

    @property
    def sn(self) -> str | None:
        """Serial number."""
        return _text(self.document, "sn")

    @property
    def uuid(self) -> str | None:
        """UUID of the phone."""
        return _text(self.document, "uuid")

    @property
    def vendor(self) -> str | None:
        """Vendor in the server's spelling."""
        return _text(self.document, "vendor")

    @property
    def model(self) -> str | None:
        """Model in the server's spelling."""
        return _text(self.document, "model")

    @property
    def version(self) -> str | None:
        """Firmware version as the phone sent it."""
        return _text(self.document, "version")

    @property
    def plugin(self) -> str | None:
        """Id of the plugin that makes this device's files; may name one that is not installed."""
        return _text(self.document, "plugin")

    @property
    def config(self) -> str | None:
        """Id of the device's config; may name one that does not exist."""
        return _text(self.document, "config")

    @property
    def options(self) -> Mapping[str, Any]:
        """Plugin options such as ``{"switchboard": True}``."""
        value = self.document.get("options")
        return value if isinstance(value, Mapping) else {}

    @property
    def configured(self) -> bool:
        """True when the plugin made this device's files without an error."""
        return self.document.get("configured") is True

    @property
    def is_new(self) -> bool:
        """True while the device is in the master tenant."""
        return self.document.get("is_new") is True

    @property
    def tenant_uuid(self) -> str | None:
        """UUID of the tenant that owns the device."""
        return _text(self.document, "tenant_uuid")

    def __reduce__(self) -> tuple[type[Device], tuple[dict[str, Any]]]:
        return Device, (dict(self.document),)

    def with_members(self, **members: Any) -> Device:
        """Return a copy with these members set."""
        return Device({**self.document, **members})

    def without(self, *names: str) -> Device:
        """Return a copy that lacks these members."""
        return Device({key: value for key, value in self.document.items() if key not in names})
