"""Where an extension may come from, checked before anything is fetched (extension contract, section 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from attrs import field, frozen

from provisiond.extensions.problems import ExtensionProblem, InvalidRequest
from provisiond.logs import HIDDEN, redacted

METHODS: Final = ("git", "market", "tarball", "directory")
UPLOAD: Final = "upload"
DEFAULT_REF: Final = "master"
_GIT_SCHEMES: Final = ("https", "http", "ssh", "git", "file")
_SCP: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!//)[^\s-]\S*")
_REF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}")
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_TEXTS: Final = ("url", "ref", "subdirectory", "namespace", "name", "version", "path", "sha256")


@frozen
class Source:
    """Where an extension comes from.

    :param options: texts by name; may hold credentials.
    """

    method: str
    options: Mapping[str, str] = field(repr=False)

    def shown(self) -> dict[str, Any]:
        """Return the source as it may be shown: without passwords and tokens."""
        return {"method": self.method, "options": {key: masked(value) for key, value in self.options.items()}}


def masked(text: str) -> str:
    """Return a text with the user part and the query of a URL struck out."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return HIDDEN
    if not parts.scheme or not parts.netloc:
        return redacted(text)
    user, at, host = parts.netloc.rpartition("@")
    query = HIDDEN if parts.query else ""
    return urlunsplit((parts.scheme, f"{HIDDEN}@{host}" if at and user else host, parts.path, query, ""))


@frozen(kw_only=True)
class SourceRules:
    """What the settings allow.

    :param methods: ``directory``, ``tarball``, ``git``, ``market``, ``upload``.
    :param directories: folders that local sources may lie in.
    :param git_urls: patterns of allowed addresses; none for any.
    """

    methods: Sequence[str]
    directories: Sequence[Path] = ()
    git_urls: Sequence[str] = ()

    def source(self, method: object, options: object) -> Source:
        """Return a source that was asked for.

        :raises InvalidRequest: naming the member that is wrong.
        """
        if not isinstance(method, str) or method not in METHODS:
            raise InvalidRequest("method", f"must be one of {', '.join(METHODS)}", "enum", list(METHODS))
        if options is None:
            options = {}
        if not isinstance(options, dict):
            raise InvalidRequest("options", "must be an object", "type", "object")
        texts = {key: _text(key, options[key]) for key in _TEXTS if options.get(key) is not None}
        source = Source(method, texts)
        self.check(source)
        return source

    def check(self, source: Source) -> None:
        """Refuse a source that the settings do not allow.

        :raises InvalidRequest: naming the option that is wrong.
        """
        if source.method not in self.methods:
            raise InvalidRequest(
                "method", f"{source.method} is not allowed by the settings", "enum", list(self.methods)
            )
        checks = {"git": self._git, "market": _market, "tarball": self._tarball, "directory": self._directory}
        check = checks.get(source.method)
        if check is not None:
            check(source.options)

    def inside(self, path: Path) -> bool:
        """Tell whether a path, links resolved, lies in an allowed folder. Blocks."""
        resolved = path.resolve()
        roots = [root.resolve() for root in self.directories]
        return any(root == resolved or root in resolved.parents for root in roots)

    def local_path(self, text: str) -> Path:
        """Return the path of a local source. Blocks.

        :raises ExtensionProblem: when it does not lie in an allowed folder.
        """
        path = Path(text)
        if not path.is_absolute() or not self.inside(path):
            raise ExtensionProblem("the path is not inside a folder that the settings allow (extensions.directories)")
        return path.resolve()

    def _git(self, options: Mapping[str, str]) -> None:
        url = _mandatory(options, "url")
        check_git_url(url)
        if self.git_urls and not any(fnmatchcase(url, pattern) for pattern in self.git_urls):
            raise InvalidRequest(
                "url", "is not allowed by the settings (extensions.git_urls)", "enum", list(self.git_urls)
            )
        if url.startswith("file:") and not self.inside(Path(unquote(urlsplit(url).path))):
            raise InvalidRequest(
                "url", "is not inside a folder that the settings allow", "regex", "extensions.directories"
            )
        check_ref(options.get("ref", DEFAULT_REF))

    def _tarball(self, options: Mapping[str, str]) -> None:
        url, path = options.get("url"), options.get("path")
        if (url is None) == (path is None):
            raise InvalidRequest("url", "give either url or path", "required", "required")
        if url is not None and not _is_web(url):
            raise InvalidRequest("url", "must be an http or https address", "regex", "^https?://")
        if path is not None:
            self._check_local("path", path)
        if "sha256" in options and not _SHA256.fullmatch(options["sha256"]):
            raise InvalidRequest("sha256", "must hold 64 hex digits", "regex", _SHA256.pattern)

    def _directory(self, options: Mapping[str, str]) -> None:
        self._check_local("path", _mandatory(options, "path"))

    def _check_local(self, key: str, text: str) -> None:
        try:
            self.local_path(text)
        except ExtensionProblem as problem:
            raise InvalidRequest(key, problem.sentence, "regex", "extensions.directories") from None


def check_git_url(url: str) -> None:
    """Refuse what git would take for an option, a transport helper, or another protocol.

    :raises InvalidRequest: on ``url``.
    """
    wrong = InvalidRequest("url", "is no address of a git repository that is allowed", "regex", list(_GIT_SCHEMES))
    if url.startswith("-") or "::" in url or not url.isprintable() or any(char.isspace() for char in url):
        raise wrong
    if _SCP.fullmatch(url):
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise wrong from None
    local = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
    if parts.scheme not in _GIT_SCHEMES or not (
        local or (host and not host.startswith("-") and parts.scheme != "file")
    ):
        raise wrong
    if (parts.username or "").startswith("-"):
        raise wrong


def check_ref(ref: str) -> None:
    """Refuse what is no branch, tag or commit id.

    :raises InvalidRequest: on ``ref``.
    """
    if not _REF.fullmatch(ref) or ".." in ref or ref.endswith((".lock", "/", ".")) or "@{" in ref or "//" in ref:
        raise InvalidRequest("ref", "is no branch, tag or commit id", "regex", _REF.pattern)


def _market(options: Mapping[str, str]) -> None:
    for key in ("namespace", "name"):
        if not _NAME.fullmatch(_mandatory(options, key)):
            raise InvalidRequest(key, "holds characters that are not allowed", "regex", _NAME.pattern)


def _mandatory(options: Mapping[str, str], key: str) -> str:
    if not options.get(key):
        raise InvalidRequest(key, "is missing", "required", "required")
    return options[key]


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(key, "must be a text", "type", "string")
    if len(value) > 2000:
        raise InvalidRequest(key, "is longer than 2,000 characters", "length", {"min": 0, "max": 2000})
    return value


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
