"""Answers to 401 and 407 (RFC 3261, section 22; RFC 7616; RFC 8760)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from attrs import frozen

_HASHES: Final = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_PREFERRED: Final = ("SHA-512-256", "SHA-256", "MD5")
_PAIR: Final = re.compile(r"\s*,?\s*([A-Za-z_-]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s,\"]+)")


@frozen
class Credentials:
    """Who answers a challenge.

    :param password: never shown.
    """

    username: str
    password: str

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"Credentials({self.username!r})"


@frozen(kw_only=True)
class Challenge:
    """What a server asks for.

    :param quality: True when it offers ``auth``.
    :param session: True for the ``-sess`` form of the algorithm.
    """

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str
    session: bool
    quality: bool


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _PAIR.finditer(text):
        value = match[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.setdefault(match[1].lower(), value)
    return found


def _parsed(value: str) -> Challenge | None:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    pairs = _pairs(rest)
    name = pairs.get("algorithm", "MD5").upper()
    algorithm = name.removesuffix("-SESS")
    offered = {each.strip().lower() for each in pairs.get("qop", "").split(",") if each.strip()}
    if algorithm not in _HASHES or not pairs.get("nonce") or (offered and "auth" not in offered):
        return None
    return Challenge(
        realm=pairs.get("realm", ""),
        nonce=pairs["nonce"],
        opaque=pairs.get("opaque"),
        algorithm=algorithm,
        session=name.endswith("-SESS"),
        quality=bool(offered),
    )


def best_challenge(values: Iterable[str]) -> Challenge | None:
    """Return the strongest challenge that can be answered, or None."""
    found = [challenge for value in values if (challenge := _parsed(value)) is not None]
    return min(found, key=lambda each: _PREFERRED.index(each.algorithm), default=None)


def _hashed(algorithm: str, *parts: str) -> str:
    digest = hashlib.new(_HASHES[algorithm], usedforsecurity=False)
    digest.update(":".join(parts).encode("utf-8"))
    return digest.hexdigest()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def authorization(challenge: Challenge, who: Credentials, *, method: str, uri: str, client_nonce: str) -> str:
    """Return the value of Authorization or Proxy-Authorization for a first use of the nonce.

    :param client_nonce: unpredictable text.
    """
    algorithm = challenge.algorithm
    first = _hashed(algorithm, who.username, challenge.realm, who.password)
    if challenge.session:
        first = _hashed(algorithm, first, challenge.nonce, client_nonce)
    second = _hashed(algorithm, method, uri)
    middle = (challenge.nonce, "00000001", client_nonce, "auth") if challenge.quality else (challenge.nonce,)
    parts = [
        f"username={_quoted(who.username)}",
        f"realm={_quoted(challenge.realm)}",
        f"nonce={_quoted(challenge.nonce)}",
        f"uri={_quoted(uri)}",
        f'response="{_hashed(algorithm, first, *middle, second)}"',
        f"algorithm={algorithm}{'-sess' if challenge.session else ''}",
    ]
    if challenge.quality:
        parts += ["qop=auth", "nc=00000001"]
    if challenge.quality or challenge.session:
        parts.append(f"cnonce={_quoted(client_nonce)}")
    if challenge.opaque is not None:
        parts.append(f"opaque={_quoted(challenge.opaque)}")
    return "Digest " + ", ".join(parts)
