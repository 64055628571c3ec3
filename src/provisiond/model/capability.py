"""What a plugin says about one vendor, model and version."""

from __future__ import annotations

from attrs import frozen

from provisiond.errors import InvalidInput


@frozen
class Capability:
    """The key of one capability of plugin-info."""

    vendor: str
    model: str
    version: str

    @classmethod
    def parse(cls, key: str) -> Capability:
        """Return the capability that a ``Vendor, Model, Version`` key names.

        :raises InvalidInput: when the key has not exactly three parts separated by a comma and a blank.
        """
        parts = key.split(", ")
        if len(parts) != 3 or not all(part.strip() for part in parts):
            raise InvalidInput(f"the capability {key[:80]!r} is not of the form 'Vendor, Model, Version'")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.vendor}, {self.model}, {self.version}"
