"""Fetching a tree with git: shallow, without prompts, hooks, submodules or transport helpers."""

from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from provisiond.extensions.commands import Command, Commands
from provisiond.extensions.problems import CommandFailed, ExtensionProblem
from provisiond.extensions.sources import DEFAULT_REF, masked

_HEX: Final = frozenset("0123456789abcdef")
_ENVIRONMENT: Final[Mapping[str, str]] = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "SSH_ASKPASS": "true",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
_SAFE: Final = ("core.hooksPath=/dev/null", "credential.helper=", "protocol.ext.allow=never", "safe.directory=*")


class GitFetch:
    """Fetches one repository; the methods block.

    :param path: PATH of the commands.
    :param seconds: longest time that one command may take.
    """

    def __init__(self, commands: Commands, path: str, seconds: float, write: Callable[[str], None]) -> None:
        self._commands = commands
        self._path = path
        self._seconds = seconds
        self._write = write

    def fetch(self, url: str, ref: str | None, target: Path) -> None:
        """Put the tree of a branch, tag or commit into a directory that is made.

        :param url: checked, see :func:`provisiond.extensions.sources.check_git_url`; may hold credentials.
        :param ref: None for ``master``, or the default branch when there is none.
        :raises CommandFailed: when git fails.
        """
        if shutil.which("git", path=self._path) is None:
            raise ExtensionProblem("the program git is not installed")
        bare, secrets = _without_credentials(url)
        target.mkdir(parents=True)
        self._git(target, "init", "--quiet", secrets=secrets)
        self._get(target, bare, ref or DEFAULT_REF, fallback=ref is None, secrets=secrets)
        self._git(target, "checkout", "--quiet", "--detach", "FETCH_HEAD", secrets=secrets)
        shutil.rmtree(target / ".git", ignore_errors=True)

    def _get(self, target: Path, url: str, ref: str, *, fallback: bool, secrets: Mapping[str, str]) -> None:
        shallow = ("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", url)
        try:
            self._git(target, *shallow, ref, secrets=secrets)
        except CommandFailed:
            if fallback:
                self._git(target, *shallow, "HEAD", secrets=secrets)
            elif 4 <= len(ref) <= 64 and set(ref) <= _HEX:
                self._get_commit(target, url, ref, secrets)
            else:
                raise

    def _get_commit(self, target: Path, url: str, ref: str, secrets: Mapping[str, str]) -> None:
        """Get a commit that the server does not give by its id: everything, then the commit out of it."""
        everything = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        self._git(target, "fetch", "--quiet", "--no-recurse-submodules", "--", url, *everything, secrets=secrets)
        self._git(target, "update-ref", "FETCH_HEAD", f"{ref}^{{commit}}", secrets=secrets)

    def _git(self, target: Path, *arguments: str, secrets: Mapping[str, str]) -> None:
        options = [part for setting in _SAFE for part in ("-c", setting)]
        shown = " ".join(["git", *(masked(each) for each in arguments)])
        command = Command(
            arguments=["git", *options, *arguments],
            directory=target,
            path=self._path,
            environment={**_ENVIRONMENT, **secrets},
            seconds=self._seconds,
            shown=shown,
        )
        self._commands.run(command, self._write)


def _without_credentials(url: str) -> tuple[str, Mapping[str, str]]:
    """Return an http address without its user part, and that part as git's environment: no other user sees it there."""
    parts = urlsplit(url) if "://" in url else None
    if parts is None or parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return url, {}
    user_part, _, host = parts.netloc.rpartition("@")
    user, _, password = user_part.partition(":")
    basic = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    secrets = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{urlunsplit((parts.scheme, host, '/', '', ''))}.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }
    return urlunsplit(parts._replace(netloc=host)), secrets
