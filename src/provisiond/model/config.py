"""A config: parameters for phones, with parents it inherits from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen


def _frozen_document(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(document))


@frozen
class Config:
    """A stored config document (REST contract, section 9), already validated."""

    document: Mapping[str, Any] = field(converter=_frozen_document)

    @property
    def id(self) -> str:
        """The config's id."""
        return str(self.document["id"])

    @property
    def parent_ids(self) -> tuple[str, ...]:
        """Ids of the configs this one inherits from; later ones win. Unknown ids are allowed."""
        return tuple(self.document.get("parent_ids", ()))

    @property
    def raw_config(self) -> Mapping[str, Any]:
        """The config's own parameters, before inheritance."""
        value = self.document.get("raw_config")
        return value if isinstance(value, Mapping) else {}

    @property
    def role(self) -> str | None:
        """``autocreate`` marks the model for autocreated configs."""
        value = self.document.get("role")
        return value if isinstance(value, str) else None

    @property
    def transient(self) -> bool:
        """True when the config is deleted with the last device that uses it."""
        return self.document.get("transient") is True

    @property
    def deletable(self) -> bool:
        """False protects the document from DELETE."""
        return self.document.get("deletable") is not False
