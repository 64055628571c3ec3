"""Following changed settings without a restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from twisted.logger import Logger

from provisiond.certificates import ServerCertificate
from provisiond.errors import CertificateProblem, SettingsProblem
from provisiond.settings import Section, Settings

log = Logger()
T = TypeVar("T")
LIVE: Final = frozenset(
    {
        "general.plugin_server",
        "general.repositories",
        "general.plugin_pins",
        "general.cache_plugin",
        "general.firmware_mirror",
        "general.base_raw_config",
        "general.advertised_ip",
        "general.advertised_http_url",
        "rest_api.max_body",
        "http.trusted_proxies",
        "http.allow",
        "tftp.allow",
        "log.level",
        "log.levels",
    }
)
"""Settings that a running server follows; the others count from its next start."""


class Threads(Protocol):
    """Runs blocking work beside the reactor."""

    async def run(self, work: Callable[..., T], *args: Any) -> T: ...


def changed_keys(old: Settings, new: Settings) -> tuple[str, ...]:
    """Return the keys, such as ``http.allow``, whose values differ, in the order of the sections."""
    before, after = _values(old), _values(new)
    return tuple(key for key in after if before[key] != after[key])


def _values(settings: Settings) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, section in settings:
        members = (
            {f"{name}.{key}": value for key, value in section} if isinstance(section, Section) else {name: section}
        )
        values.update(members)
    return values


def with_live(running: Settings, new: Settings) -> Settings:
    """Return the running settings with those of ``new`` that can be followed without a restart."""
    sections = {}
    for name, section in new:
        if isinstance(section, Section):
            live = {key: value for key, value in section if f"{name}.{key}" in LIVE}
            sections[name] = getattr(running, name).model_copy(update=live)
    return running.model_copy(update=sections)


class Reloading:
    """Reads the settings and certificates again when asked, and uses them if all of them are right.

    :param load: reads the settings file; it blocks.
    :param certificates: of the ports that listen.
    :param use: makes the server follow settings of which only :data:`LIVE` members have changed.
    :param told: is called with the problems of each attempt, none when it went well.
    """

    def __init__(
        self,
        running: Settings,
        load: Callable[[], Settings],
        certificates: Callable[[], Sequence[ServerCertificate]],
        threads: Threads,
        use: Callable[[Settings], None],
        told: Callable[[Sequence[str]], None],
    ) -> None:
        self._running = running
        self._load = load
        self._certificates = certificates
        self._threads = threads
        self._use = use
        self._told = told
        self._busy = False
        self._asked = False

    @property
    def busy(self) -> bool:
        """Whether a reload is running."""
        return self._busy

    async def again(self) -> None:
        """Reload now, or once more after the reload that is running."""
        self._asked = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._asked:
                self._asked = False
                self._told(await self._reloaded())
        finally:
            self._busy = False

    async def _reloaded(self) -> Sequence[str]:
        certificates = self._certificates()
        try:
            new = await self._threads.run(self._load)
            contexts = [await self._threads.run(certificate.read) for certificate in certificates]
        except SettingsProblem as problem:
            return self._refused(problem.problems)
        except CertificateProblem as problem:
            return self._refused([problem.sentence])
        changed = changed_keys(self._running, new)
        followed = [key for key in changed if key in LIVE]
        self._running = with_live(self._running, new)
        self._use(self._running)
        for certificate, context in zip(certificates, contexts, strict=True):
            certificate.use(context)
        log.info("the settings were read again; changed: {keys}", keys=", ".join(followed) or "none")
        for key in changed:
            if key not in LIVE:
                log.warn("{key} has changed and counts from the next start", key=key)
        return ()

    def _refused(self, problems: Sequence[str]) -> Sequence[str]:
        for sentence in problems:
            log.error("the settings stay as they were: {sentence}", sentence=sentence)
        return problems
