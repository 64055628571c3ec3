"""Answering a server's challenge: basic (RFC 7617) and digest (RFC 7616) authentication."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from provisiond.packages.digests import new_digest
from provisiond.packages.urls import Credentials

_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_ALGORITHMS: Mapping[str, str] = {"MD5": "md5", "SHA-256": "sha256"}


def authorization_for(challenges: Sequence[str], credentials: Credentials, method: str, url: str) -> str | None:
    """Return the ``Authorization`` header that answers one of the challenges, digest rather than basic.

    :param challenges: values of ``WWW-Authenticate``, one scheme each.
    :return: None when none of them is understood.
    """
    for challenge in challenges:
        scheme, _, rest = challenge.strip().partition(" ")
        if scheme.lower() == "digest":
            answer = _digest(_parameters(rest), credentials, method, url)
            if answer is not None:
                return answer
    if any(challenge.strip().lower().startswith("basic") for challenge in challenges):
        return credentials.basic()
    return None


def _parameters(text: str) -> dict[str, str]:
    found = _PARAMETER.findall(text)
    return {name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else token for name, quoted, token in found}


def _digest(challenge: Mapping[str, str], credentials: Credentials, method: str, url: str) -> str | None:
    stated = challenge.get("algorithm", "MD5")
    session = stated.upper().endswith("-SESS")
    algorithm = _ALGORITHMS.get(stated.upper().removesuffix("-SESS"))
    offered = [word.strip() for word in challenge.get("qop", "").split(",") if word.strip()]
    if algorithm is None or "nonce" not in challenge or (offered and "auth" not in offered):
        return None

    def hashed(text: str) -> str:
        digest = new_digest(algorithm)
        digest.update(text.encode())
        return digest.hexdigest()

    parts = urlsplit(url)
    uri = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    realm, nonce, own = challenge.get("realm", ""), challenge["nonce"], secrets.token_hex(16)
    secret = hashed(f"{credentials.user}:{realm}:{credentials.password}")
    if session:
        secret = hashed(f"{secret}:{nonce}:{own}")
    request = hashed(f"{method}:{uri}")
    middle = f"{nonce}:00000001:{own}:auth" if offered else nonce
    fields = {
        "username": credentials.user,
        "realm": realm,
        "nonce": nonce,
        "uri": uri,
        "response": hashed(f"{secret}:{middle}:{request}"),
    }
    text = ", ".join(f'{name}="{_quoted(value)}"' for name, value in fields.items())
    if "opaque" in challenge:
        text += f', opaque="{_quoted(challenge["opaque"])}"'
    if offered or session:
        text += f', cnonce="{own}"'
    if offered:
        text += ", qop=auth, nc=00000001"
    return f"Digest {text}, algorithm={stated}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
