"""URLs of files: what may be asked for, and what may be shown of them."""

from __future__ import annotations

import re
from base64 import b64encode
from ipaddress import ip_address
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from attrs import field, frozen

from provisiond.packages.problems import DownloadProblem

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
_SAFE = "%/:=&?~#+!$,;'@()*[]"


@frozen
class Credentials:
    """A user name and password; never part of a representation."""

    user: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """Return the value of an ``Authorization`` header."""
        return "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()


def public_url(url: str) -> str:
    """Return a URL as it may be shown: without user, password, query and fragment, at most 200 characters."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        text = urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return "an invalid URL"
    return text if len(text) <= 200 else text[:197] + "..."


def split_credentials(url: str) -> tuple[str, Credentials | None]:
    """Return a URL without its user part, and what that part held."""
    parts = urlsplit(url)
    user_part, separator, host = parts.netloc.rpartition("@")
    if not separator:
        return url, None
    user, _, password = user_part.partition(":")
    return urlunsplit(parts._replace(netloc=host)), Credentials(unquote(user), unquote(password))


def checked_url(url: str, schemes: tuple[str, ...]) -> str:
    """Return a URL in ASCII, without its fragment and its user part.

    :raises DownloadProblem: when it has no host, another scheme than ``schemes``, or an impossible port.
    """
    try:
        parts = urlsplit(url)
        port_is_known = parts.port is None or parts.port > 0
        host = _ascii_host(parts.hostname or "")
    except (ValueError, UnicodeError):
        raise DownloadProblem(f"{public_url(url)} is not a valid URL") from None
    if parts.scheme not in schemes:
        allowed = ", ".join(schemes)
        raise DownloadProblem(f"{public_url(url)} has the scheme {parts.scheme[:20]!r}, allowed are {allowed}")
    if not host or not port_is_known:
        raise DownloadProblem(f"{public_url(url)} has no host or an impossible port")
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return urlunsplit((parts.scheme, netloc, quote(parts.path, safe=_SAFE), quote(parts.query, safe=_SAFE), ""))


def _ascii_host(name: str) -> str:
    if ":" in name:
        return f"[{ip_address(name)}]"
    host = name.encode("idna").decode()
    if host and not _HOST.fullmatch(host):
        raise ValueError("no name of a host")
    return host


def redirected(url: str, location: str, schemes: tuple[str, ...]) -> str:
    """Return where a redirection of ``url`` leads.

    :raises DownloadProblem: when it leads to another scheme than ``schemes``.
    """
    try:
        target = urljoin(url, location)
    except ValueError:
        raise DownloadProblem(f"{public_url(url)} redirects to an invalid URL") from None
    try:
        return checked_url(target, schemes)
    except DownloadProblem as problem:
        raise DownloadProblem(f"{public_url(url)} redirects elsewhere: {problem.sentence}") from None


def same_origin(one: str, other: str) -> bool:
    """Tell whether two URLs have the same scheme, host and port."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443, "ftp": 21}.get(parts.scheme)
    return parts.scheme, parts.hostname, port
