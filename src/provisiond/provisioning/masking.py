"""Secrets in rendered files: which there are, and how they are struck out."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from provisiond.logs import SECRET_NAME

MASK = "***"


def secrets_of(raw_config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the secret values of a raw_config: those of members whose name tells so, at every depth."""
    return tuple(sorted(set(_secrets(raw_config, False)), key=lambda text: (-len(text), text)))


def masked(content: bytes, secrets: Iterable[str]) -> bytes:
    """Return a file with every secret struck out, also where it is escaped for XML, JSON or URLs."""
    spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
    if not spellings:
        return content
    longest_first = sorted(spellings, key=lambda text: (-len(text), text))
    pattern = re.compile(b"|".join(re.escape(text.encode("utf-8", "replace")) for text in longest_first))
    return pattern.sub(MASK.encode(), content)


def _secrets(value: Any, is_secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _secrets(member, is_secret or _is_secret(str(name)))
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _secrets(member, is_secret)
    elif is_secret and value is not None and not isinstance(value, bool) and str(value):
        yield str(value)


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        html.escape(secret),
        html.escape(secret, quote=False),
        html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
    }
