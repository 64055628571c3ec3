"""Whoever showed a valid token, and what they may hand on."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from provisiond.errors import InvalidInput
from provisiond.model.tokens import covered, granted


@frozen(kw_only=True)
class Holder:
    """Whoever showed a valid token.

    :param id: the token's id, or the id of the user whom an authentication service named.
    :param session: id of the session; by default the holder's.
    :param expires: seconds since the epoch; None for a token without end.
    :param checked: seconds since the epoch when an authentication service vouched for it; None for our own tokens.
    """

    id: str
    name: str
    tenant_uuid: str
    acl: tuple[str, ...]
    session: str | None = None
    expires: float | None = None
    checked: float | None = None

    def may(self, *names: str) -> bool:
        """Tell whether the token grants an ACL name; of several spellings one must be granted and none denied."""
        return granted(self.acl, *names, owner=self.id, session=self.session or self.id)

    def handed_on(self, acl: Sequence[str], expires: float | None) -> tuple[tuple[str, ...], float | None]:
        """Return the access list and the expiry of a token that the holder makes: never more than the holder's own.

        What the holder is denied stays denied, and the token ends no later than the holder's.

        :param expires: seconds since the epoch; None for as long as the holder's.
        :raises InvalidInput: when more is wanted.
        """
        for pattern in acl:
            if not covered(self.acl, pattern):
                raise InvalidInput(f"acl: your own token does not grant {pattern[:100]}")
        if self.expires is not None and expires is not None and expires > self.expires:
            raise InvalidInput("expires: your own token ends earlier")
        denied = (spelling for pattern in self.acl if pattern.startswith("!") for spelling in self._spelled(pattern))
        return tuple(dict.fromkeys([*acl, *denied])), self.expires if expires is None else expires

    def _spelled(self, pattern: str) -> list[str]:
        # "me" of this holder is somebody else in a token that another holds.
        meant = {"me": self.id, "my_session": self.session or self.id}
        return [pattern, "!" + ".".join(meant.get(word, word) for word in pattern[1:].split("."))]
