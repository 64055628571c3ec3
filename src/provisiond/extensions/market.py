"""What a market offers: read strictly, searched, sorted (extension contract, sections 4.1 and 5.1)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from provisiond.errors import InvalidInput, Unavailable
from provisiond.extensions.metadata import LIMITS, Need
from provisiond.extensions.problems import InvalidRequest
from provisiond.extensions.sources import Source
from provisiond.extensions.validating import RunningVersions, within
from provisiond.model.versions import version_key

MAX_SIZE: Final = 16 << 20
_SHOWN: Final = (
    "namespace",
    "name",
    "display_name",
    "author",
    "color",
    "homepage",
    "icon",
    "description",
    "short_description",
    "license",
    "tags",
    "screenshots",
)
_OPTIONS: Final = ("url", "ref", "subdirectory", "path")
_RESERVED: Final = ("search", "limit", "offset", "order", "direction", "installed")
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class WrongOrder(InvalidInput):
    """The list cannot be sorted by this member."""

    code = "invalid-sort-params"


class MarketUnavailable(Unavailable):
    """The market cannot be asked, or its answer is none."""

    code = "market-service-unavailable"


@frozen
class Offer:
    """One version of an extension in the market."""

    version: str
    limits: Mapping[str, str]
    source: Source


@frozen
class MarketEntry:
    """An extension in the market.

    :param offers: its versions, newest first.
    """

    document: Mapping[str, Any]
    offers: tuple[Offer, ...]

    @property
    def identity(self) -> str:
        """Namespace and name."""
        return f"{self.document['namespace']}/{self.document['name']}"

    def shown(self, installed: str | None, running: RunningVersions) -> dict[str, Any]:
        """Return the entry for REST.

        :param installed: the version that is installed, or None.
        """
        versions = [
            {
                "version": offer.version,
                "upgradable": _is_upgradable(offer, installed, running),
                "min_wazo_version": offer.limits.get("min_wazo_version"),
                "max_wazo_version": offer.limits.get("max_wazo_version"),
            }
            for offer in self.offers
        ]
        members = {key: self.document.get(key) for key in _SHOWN}
        return {**members, "installed_version": installed, "versions": versions}


def parse_market(content: bytes) -> tuple[MarketEntry, ...]:
    """Return what the answer of a market offers; entries and versions that break a rule are left out.

    :raises MarketUnavailable: when it is no list of entries.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise MarketUnavailable("the market's answer is not valid JSON") from None
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise MarketUnavailable("the market's answer holds no list of items")
    return tuple(entry for entry in map(_entry, items) if entry is not None)


def _entry(item: object) -> MarketEntry | None:
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("namespace", "name")):
        return None
    rows = item.get("versions")
    offers = [_offer(row) for row in rows] if isinstance(rows, list) else []
    good = [offer for offer in offers if offer is not None]
    return MarketEntry(item, tuple(sorted(good, key=lambda offer: version_key(offer.version), reverse=True)))


def _offer(row: object) -> Offer | None:
    if not isinstance(row, dict) or not isinstance(row.get("version"), str):
        return None
    options = row.get("options")
    method = row.get("method", "git")
    if not isinstance(options, dict) or method not in ("git", "tarball"):
        return None
    texts = {key: value for key in _OPTIONS if isinstance(value := options.get(key), str)}
    sha256 = row.get("sha256", options.get("sha256"))
    if isinstance(sha256, str):
        texts["sha256"] = sha256
    limits = {key: value for key in LIMITS if isinstance(value := row.get(key), str)}
    return Offer(row["version"], limits, Source(method, texts))


def choose(entries: Sequence[MarketEntry], need: Need, running: RunningVersions) -> Source | None:
    """Return where the newest version is that fits the condition and this server, or None."""
    for entry in entries:
        if entry.identity == need.identity:
            fitting = [
                each for each in entry.offers if need.fits(each.version) and within(each.limits, running) is None
            ]
            return fitting[0].source if fitting else None
    return None


def _is_upgradable(offer: Offer, installed: str | None, running: RunningVersions) -> bool:
    newer = installed is None or version_key(installed) < version_key(offer.version)
    return newer and within(offer.limits, running) is None


def searched(rows: Sequence[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the page of a list that a query asks for.

    :param rows: entries as shown.
    :raises InvalidRequest: naming the argument that is wrong.
    :raises WrongOrder: when the list cannot be sorted so.
    """
    limit, offset = _number(query, "limit"), _number(query, "offset")
    direction = query.get("direction", "asc")
    if direction not in ("asc", "desc"):
        raise InvalidRequest("direction", "must be asc or desc", "enum", ["asc", "desc"])
    found = [row for row in rows if _matches(row, query)]
    ordered = _ordered(found, query.get("order", "name"), descending=direction == "desc")
    page = ordered[offset : offset + limit] if limit else ordered[offset:]
    return {"items": page, "total": len(rows), "filtered": len(found)}


def boolean(name: str, text: str) -> bool:
    """Return what an argument says.

    :raises InvalidRequest: when it is no boolean.
    """
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise InvalidRequest(name, "must be true or false", "type", "boolean")
    return value


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "0")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidRequest(name, "must be a number from 0", "range", {"min": 0, "max": None})
    return int(text)


def _matches(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    wanted = _plain(query.get("search", ""))
    if wanted and not any(wanted in _plain(text) for text in _texts(row)):
        return False
    if "installed" in query and boolean("installed", query["installed"]) != (row["installed_version"] is not None):
        return False
    return all(_is(row.get(key), value) for key, value in query.items() if key not in _RESERVED)


def _texts(row: Mapping[str, Any]) -> list[str]:
    found: list[object] = []
    for value in row.values():
        found.extend([value] if isinstance(value, str) else value if isinstance(value, list) else [])
    return [text for text in found if isinstance(text, str)]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _is(value: object, wanted: str) -> bool:
    return isinstance(value, str | int | float) and str(value) == wanted


def _ordered(rows: list[dict[str, Any]], key: str, *, descending: bool) -> list[dict[str, Any]]:
    having = [row for row in rows if row.get(key) is not None]
    if not all(isinstance(row[key], str) for row in having):
        raise WrongOrder(f"order: the list cannot be sorted by {key[:60]}")
    having.sort(key=lambda row: _plain(row[key]), reverse=descending)
    return [*having, *(row for row in rows if row.get(key) is None)]
