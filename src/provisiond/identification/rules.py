"""Declarative rules: what in a request tells which phone it is."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class Where(StrEnum):
    """The part of a request that a rule reads."""

    USER_AGENT = "user-agent"
    PATH = "path"
    QUERY = "query"
    DHCP_VENDOR_CLASS = "dhcp-vendor-class"


@frozen(kw_only=True)
class Rule:
    """One way to recognise phones: a literal that must occur, then one regular expression.

    What is searched is tidied first. User-Agent, query value and vendor class: the first 512 characters, runs of blanks
    and control characters made one blank, quotes around the whole removed. Path: percent-decoded, with forward slashes
    only, without empty segments, beginning with ``/``.

    Refused (and reported as a problem of the plugin) are literals under three characters, invalid expressions,
    references to groups, and repetitions that could take exponential time. A rule never beats what the server itself
    knows of another vendor's phone.

    :param where: the part of the request that is looked at.
    :param literal: text of at least three characters that every match contains, in any letter case; requests
        without it never reach the expression.
    :param pattern: regular expression searched in that part; the named groups ``vendor``, ``model``, ``version``,
        ``mac``, ``sn`` and ``uuid`` become claims. Compiled with ``re.ASCII | re.IGNORECASE``.
    :param vendor: claimed vendor when the pattern has no such group.
    :param model: claimed model when the pattern has no such group.
    :param argument: name of the query argument, for ``Where.QUERY``.
    """

    where: Where
    literal: str
    pattern: str
    vendor: str | None = None
    model: str | None = None
    argument: str | None = None
