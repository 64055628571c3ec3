"""Arguments that all lists share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from provisiond.client.errors import WrongRequest
from provisiond.client.messages import flags


@frozen(kw_only=True)
class Selection:
    """Which objects of a list, how many, in which order, and which of their members.

    :param q: selector, e.g. ``{"vendor": "Snom"}``; see docs/rest-api.md for its operators.
    :param fields: dotted names of members; none for whole documents.
    :param skip: how many of the selected to leave out at the beginning.
    :param limit: how many to return at most; 0 for all.
    :param sort: dotted name of the member to sort by.
    :param descending: greatest first.
    """

    q: Mapping[str, Any] | None = None
    fields: Sequence[str] = ()
    skip: int = 0
    limit: int = 0
    sort: str | None = None
    descending: bool = False

    def arguments(self) -> tuple[tuple[str, str], ...]:
        """Return the query's arguments.

        :raises WrongRequest: for a selector that is not JSON, or negative numbers.
        """
        if self.skip < 0 or self.limit < 0:
            raise WrongRequest("skip and limit must not be negative")
        return flags(
            q=selector(self.q),
            fields=",".join(self.fields),
            skip=self.skip or None,
            limit=self.limit or None,
            sort=self.sort,
            sort_ord="DESC" if self.descending and self.sort else None,
        )


ALL = Selection()


def selector(q: Mapping[str, Any] | None) -> str | None:
    """Return a selector as text; None for none."""
    if not q:
        return None
    try:
        return json.dumps(dict(q), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise WrongRequest(f"the selector cannot be written as JSON: {error}") from None
