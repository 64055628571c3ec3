"""Where provisionctl connects: options, environment, profiles, and the daemon of this host."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from provisiond.cli.provisionctl.failures import USAGE, Failure

LOCAL_URL: Final = "http://127.0.0.1:8666"
LOCAL_SETTINGS: Final = Path("/etc/provisiond/config.yml")
LOCAL_TOKEN: Final = Path("/var/lib/provisiond/admin-token")
PREFIX: Final = "PROVISIONCTL_"
_MEMBERS: Final = frozenset({"url", "token", "token_file", "tenant", "ca_file"})


@frozen(kw_only=True)
class Target:
    """A server and the right to use it.

    :param token_file: read when there is no token.
    :param source: where the address comes from, for error messages.
    """

    url: str | None = None
    token: str | None = None
    token_file: Path | None = None
    tenant: str | None = None
    ca_file: Path | None = None
    source: str = "the options"

    def over(self, other: Target) -> Target:
        """Return this target, with what it lacks taken from another.

        A token belongs to its address: it is not taken from another place than the address, unless both say the same.
        """
        if self.url is not None and other.url not in (None, self.url):
            return self
        merged = evolve(
            self,
            url=self.url or other.url,
            tenant=self.tenant or other.tenant,
            ca_file=self.ca_file or other.ca_file,
            source=self.source if self.url else other.source,
        )
        if self.token is None and self.token_file is None:
            merged = evolve(merged, token=other.token, token_file=other.token_file)
        return merged

    def secret(self) -> str:
        """Return the token.

        :raises Failure: when there is none, or its file cannot be read.
        """
        if self.token is not None:
            return self.token
        if self.token_file is None:
            raise Failure(f"there is no token for {self.url}; name its file with --token-file", USAGE)
        try:
            return self.token_file.expanduser().read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            advice = "run this as a user who may read it, or name another with --token-file"
            raise Failure(f"the token file {self.token_file} cannot be read: {reason}; {advice}", USAGE) from None


def from_environment(environment: Mapping[str, str]) -> Target:
    """Return what ``PROVISIONCTL_URL``, ``_TOKEN``, ``_TOKEN_FILE``, ``_TENANT`` and ``_CA_FILE`` say."""
    given = {name: environment.get(f"{PREFIX}{name.upper()}") or None for name in _MEMBERS}
    return _target(given, "the environment")


def from_profile(file: Path, name: str | None) -> Target:
    """Return a profile of the administrator's file; the one that ``default`` names when none is wanted.

    :raises Failure: when the file is wrong, or has no such profile.
    """
    document = _profiles(file)
    wanted = name or document.get("default")
    if wanted is None:
        return Target()
    profiles = document.get("profiles")
    found = profiles.get(wanted) if isinstance(profiles, dict) else None
    if not isinstance(found, dict):
        raise Failure(f'{file} has no profile "{wanted}"; write [profiles.{wanted}] with its url', USAGE)
    unknown = sorted(set(found) - _MEMBERS)
    if unknown or not all(isinstance(value, str) for value in found.values()):
        known = ", ".join(sorted(_MEMBERS))
        raise Failure(f'the profile "{wanted}" of {file} may hold the texts {known}', USAGE)
    return _target(found, f'the profile "{wanted}"')


def _profiles(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Failure(f"{file} cannot be read: {error}", USAGE) from None
    # most runs have no file, and reading TOML takes longer to load than the rest of this module
    import tomllib

    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise Failure(f"{file} is not TOML: {error}", USAGE) from None


def profiles_file(environment: Mapping[str, str]) -> Path:
    """Return the administrator's file of profiles."""
    home = environment.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "provisionctl.toml"


def local_target(settings: Path = LOCAL_SETTINGS) -> Target:
    """Return the daemon of this host, as its settings say if they can be read."""
    if not os.access(settings, os.R_OK):
        return Target(url=LOCAL_URL, token_file=LOCAL_TOKEN, source="the defaults of this host")
    from provisiond.settings_files import merged_documents

    document, _, _ = merged_documents(settings)
    state, listen = _member(document, "general", "state_dir"), _member(document, "rest_api", "listen")
    token_file = Path(state) / LOCAL_TOKEN.name if isinstance(state, str) else LOCAL_TOKEN
    return Target(url=_url_of(listen), token_file=token_file, source=str(settings))


def _url_of(listen: Any) -> str:
    """Return the address that an endpoint of Twisted listens at; only plain TCP is understood."""
    match = re.match(r"tcp:(?:port=)?(\d+)", listen) if isinstance(listen, str) else None
    if match is None:
        return LOCAL_URL
    interface = re.search(r"interface=([0-9.]+)", listen)
    host = interface[1] if interface and interface[1] != "0.0.0.0" else "127.0.0.1"  # noqa: S104
    return f"http://{host}:{match[1]}"


def _member(document: Any, *names: str) -> Any:
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _target(given: Mapping[str, Any], source: str) -> Target:
    def file(name: str) -> Path | None:
        return Path(given[name]).expanduser() if given.get(name) else None

    return Target(
        url=given.get("url"),
        token=given.get("token"),
        token_file=file("token_file"),
        tenant=given.get("tenant"),
        ca_file=file("ca_file"),
        source=source,
    )
