"""Parameters that can be changed while the server runs (REST contract, section 10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen

from provisiond.errors import InvalidInput

_LOCALE: Final = re.compile(r"[a-z]{2,3}(?:_[A-Z]{2,3})?")
_KEY: Final = re.compile(r"[A-Za-z0-9\-$~.]{8,256}")


def _server(value: str) -> str:
    parts = _parts(value)
    if parts.scheme not in ("http", "https", "ftp") or not parts.hostname:
        raise ValueError("must be a URL with a scheme (http, https, ftp) and a host")
    return value


def _proxy(value: str) -> str:
    parts = _parts(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be of the form http://[user:password@]host:port")
    if parts.path or parts.query or parts.fragment or value[-1] in "?#":
        raise ValueError("must have no path, query or fragment")
    return value


def _https_proxy(value: str) -> str:
    if "://" in value or re.search(r"[\s/?#]", value) or not _parts(f"//{value}").hostname:
        raise ValueError("must be of the form host:port")
    return value


def _parts(value: str) -> Any:
    parts = urlsplit(value)
    _ = parts.port
    return parts


def _locale(value: str) -> str:
    if not _LOCALE.fullmatch(value):
        raise ValueError("must be of the form fr or fr_FR")
    return value


def _key(value: str) -> str:
    if not _KEY.fullmatch(value):
        raise ValueError("must be 8 to 256 characters of A-Z a-z 0-9 - $ ~ .")
    return value


@frozen(kw_only=True)
class Parameter:
    """One parameter.

    :param empty_is_unset: whether an empty text means null.
    :param per_tenant: whether each tenant has a value of its own.
    """

    name: str
    description: str
    description_fr: str
    check: Callable[[str], str] | None
    empty_is_unset: bool = False
    per_tenant: bool = False


PARAMETERS: Final[Mapping[str, Parameter]] = {
    each.name: each
    for each in (
        Parameter(
            name="plugin_server",
            description="The plugins repository URL",
            description_fr="L'adresse (URL) du dépôt de plugins",
            check=_server,
        ),
        Parameter(
            name="http_proxy",
            description="The proxy for HTTP requests. Format is http://[user:password@]host:port",
            description_fr="Le proxy pour les requêtes HTTP. Le format est http://[utilisateur:motdepasse@]hôte:port",
            check=_proxy,
        ),
        Parameter(
            name="ftp_proxy",
            description="The proxy for FTP requests. Format is http://[user:password@]host:port",
            description_fr="Le proxy pour les requêtes FTP. Le format est http://[utilisateur:motdepasse@]hôte:port",
            check=_proxy,
        ),
        Parameter(
            name="https_proxy",
            description="The proxy for HTTPS requests. Format is host:port",
            description_fr="Le proxy pour les requêtes HTTPS. Le format est hôte:port",
            check=_https_proxy,
        ),
        Parameter(
            name="locale",
            description="The current locale. Example: fr_FR",
            description_fr="La langue courante. Exemple : fr_FR",
            check=_locale,
            empty_is_unset=True,
        ),
        Parameter(
            name="NAT",
            description="Set to 1 if all the devices are behind a NAT",
            description_fr="Mettre à 1 si tous les terminaux sont derrière un NAT",
            check=None,
        ),
        Parameter(
            name="provisioning_key",
            description="The provisioning key of the tenant, 8 to 256 characters",
            description_fr="La clé de provisionnement du tenant, 8 à 256 caractères",
            check=_key,
            empty_is_unset=True,
            per_tenant=True,
        ),
    )
}


def check_parameter(name: str, value: Any) -> Any:
    """Return the value of a parameter as it is stored; null means unset.

    :raises InvalidInput: when the value is refused; the sentence never repeats it, since it may hold a password.
    """
    parameter = PARAMETERS[name]
    if parameter.check is None:
        return _nat(value)
    if value is None or (value == "" and parameter.empty_is_unset):
        return None
    if not isinstance(value, str) or not value or re.search(r"[\s\x00-\x1f\x7f]", value):
        raise InvalidInput(f"{name}: must be a text without blanks, or null")
    try:
        return parameter.check(value)
    except ValueError as error:
        text = str(error) if str(error).startswith("must") else "must be a valid URL"
        raise InvalidInput(f"{name}: {text}") from None


def _nat(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or value not in (0, 1, "0", "1"):
        raise InvalidInput("NAT: must be 0 or 1")
    return int(value)
