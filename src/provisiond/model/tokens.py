"""What an access control list grants (REST contract, section 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=4096)
def _compiled(pattern: str, owner: str | None, session: str | None) -> re.Pattern[str]:
    words = []
    for word in pattern.split("."):
        expression = re.escape(word).replace(r"\*", "[^.#]*").replace(r"\#", ".*").replace("#", ".*")
        if word == "me" and owner:
            expression = f"(?:me|{re.escape(owner)})"
        elif word == "my_session" and session:
            expression = f"(?:my_session|{re.escape(session)})"
        elif word == "edit":
            expression = "(?:edit|update)"
        words.append(expression)
    return re.compile(r"\.".join(words), re.DOTALL)


def granted(patterns: Iterable[str], name: str, *, owner: str | None = None, session: str | None = None) -> bool:
    """Tell whether an access list grants ``name``.

    :param patterns: ``*`` stands for any characters but ``.`` and ``#``, ``#`` for anything; a leading ``!`` denies and
        wins; ``me`` also matches the owner's id, ``my_session`` the session's, ``edit`` also ``update``.
    :param name: required name, e.g. ``provd.dev_mgr.devices.read``.
    """
    allowed = False
    for pattern in patterns:
        denies = pattern.startswith("!")
        if _compiled(pattern[1:] if denies else pattern, owner, session).fullmatch(name):
            if denies:
                return False
            allowed = True
    return allowed
