"""What the server knows of phones: vendors, models, address prefixes and well-known files, read from shipped data."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from provisiond.identification.text import folded


def _read(name: str) -> str:
    return resources.files("provisiond.identification").joinpath("data", name).read_text("utf-8")


@frozen
class Vendor:
    """One maker of phones.

    :param name: the one spelling that the server uses.
    :param aliases: other spellings and brands, as phones and people write them.
    :param models: model to its other spellings.
    """

    name: str
    aliases: tuple[str, ...]
    models: Mapping[str, tuple[str, ...]]
    _by_folded_name: Mapping[str, str] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Index the models by every spelling."""
        spellings = [(name, model) for model, aliases in self.models.items() for name in (*aliases, model)]
        names = {folded(name): model for name, model in spellings} | dict(spellings)
        object.__setattr__(self, "_by_folded_name", names)

    def model(self, name: str) -> str | None:
        """Return the one spelling of a model, or None when no model of this vendor is called so."""
        return self._by_folded_name.get(name) or self._by_folded_name.get(folded(name))

    def brands(self) -> tuple[str, ...]:
        """Return the name and its aliases, each once regardless of letter case, longest first."""
        names = {name.casefold(): name for name in (*self.aliases, self.name)}
        return tuple(sorted(names.values(), key=lambda name: (-len(name), name)))

    def model_spellings(self) -> tuple[str, ...]:
        """Return every spelling of every model, longest first."""
        spellings = {name for model, aliases in self.models.items() for name in (*aliases, model)}
        return tuple(sorted(spellings, key=lambda name: (-len(name), name)))


@frozen
class KnownFile:
    """What a file name alone says: the vendor, and the models that ask for it."""

    vendor: str
    models: tuple[str, ...] = ()

    @property
    def model(self) -> str | None:
        """The model, when only one asks for this file."""
        return self.models[0] if len(self.models) == 1 else None


@frozen
class Knowledge:
    """Everything the server knows of phones, independent of the installed plugins.

    :param vendors: vendor name to vendor.
    :param prefixes: first hex digits (6 to 9, lower case) of hardware addresses to vendor names.
    :param files: base name in lower case to what it says.
    :param rules: the raw rules by the part of the request they read, see ``data/rules.json``.
    """

    vendors: Mapping[str, Vendor]
    prefixes: Mapping[str, str]
    files: Mapping[str, KnownFile]
    rules: Mapping[str, tuple[Mapping[str, Any], ...]]
    _by_folded_name: Mapping[str, str] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Index the vendors by every spelling."""
        names = {folded(alias): vendor.name for vendor in self.vendors.values() for alias in vendor.aliases}
        names |= {folded(name): name for name in self.vendors}
        object.__setattr__(self, "_by_folded_name", names)

    @classmethod
    def shipped(cls) -> Knowledge:
        """Return the knowledge that ships with the server; reads its data files anew at each call."""
        rules = json.loads(_read("rules.json"))
        files = rules.pop("files")
        return cls(
            vendors=MappingProxyType(dict(_vendors(json.loads(_read("models.json"))))),
            prefixes=MappingProxyType({row["prefix"]: row["vendor"] for row in _rows("prefixes.csv")}),
            files=MappingProxyType(dict(_files(files, json.loads(_read("model-files.json"))))),
            rules=MappingProxyType({where: tuple(entries) for where, entries in rules.items()}),
        )

    def vendor_named(self, name: str) -> Vendor | None:
        """Return the vendor called ``name`` in any spelling, or None."""
        known = self._by_folded_name.get(folded(name))
        return self.vendors[known] if known is not None else None

    def canonical(self, vendor: str | None, model: str | None = None) -> tuple[str | None, str | None]:
        """Return vendor and model in the server's spelling; what is unknown comes back as it was given.

        :param vendor: any spelling, e.g. ``linksys``.
        :param model: any spelling, e.g. ``SPA-942``; only looked up when the vendor is known.
        """
        known = self.vendor_named(vendor) if vendor else None
        if known is None:
            return vendor, model
        return known.name, (known.model(model) or model) if model else model

    def vendor_of_mac(self, mac: str) -> str | None:
        """Return the vendor that owns the longest known prefix of a stored-form address, or None."""
        digits = mac.replace(":", "")
        prefixes = self.prefixes
        return (
            prefixes.get(digits[:9]) or prefixes.get(digits[:8]) or prefixes.get(digits[:7]) or prefixes.get(digits[:6])
        )


def _rows(name: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(_read(name).splitlines())


def _vendors(raw: Mapping[str, Any]) -> Iterator[tuple[str, Vendor]]:
    for name, entry in raw.items():
        models = {model: tuple(facts.get("aliases", ())) for model, facts in entry["models"].items()}
        yield name, Vendor(name, tuple(entry["aliases"]), MappingProxyType(models))


def _files(common: Mapping[str, list[str]], of_models: Mapping[str, list[str]]) -> Iterator[tuple[str, KnownFile]]:
    for vendor, names in common.items():
        for name in names:
            yield name, KnownFile(vendor)
    for name, (vendor, *models) in of_models.items():
        yield name, KnownFile(vendor, tuple(models))
