"""The daemon: reads the settings, puts the objects on sockets, and stops in order."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond import __version__
from provisiond.certificates import ServerCertificate
from provisiond.composition import Parts, compose
from provisiond.current_settings import unwritable_directory, with_backlog
from provisiond.descriptors import room_for
from provisiond.ending import end
from provisiond.errors import SettingsProblem, StartProblem
from provisiond.front_composition import fronts_of
from provisiond.given_sockets import GivenSockets, first_environment
from provisiond.listening import ListeningPorts, with_given_sockets
from provisiond.logs import Levels, start_logging
from provisiond.phones.accepting import accept_plainly
from provisiond.phones.service import PhoneService
from provisiond.phones.sharing.front import tftp_service
from provisiond.phones.sharing.front_process import FrontProcess
from provisiond.phones.sharing.fronts import Fronts, first_message, tell_levels
from provisiond.phones.sharing.owner import Figures, OwnerEnd
from provisiond.phones.tftp import TftpFiles
from provisiond.pnp.service import PnpService
from provisiond.process import Process
from provisiond.rest.application import api_site, extension_site
from provisiond.rest.site import ApiSite
from provisiond.restarting import take_up
from provisiond.settings import Settings, load_settings
from provisiond.short_turns import shorten
from provisiond.state_lock import StateLock
from provisiond.store.database import open_database
from provisiond.supervision import Supervisor
from provisiond.tftp.service import TftpService
from provisiond.watching import Sockets, Watching

log = Logger()
TRANSFER_SECONDS = 5.0
ANEW_SECONDS = 1.0


class Daemon:
    """A running server.

    :param given: sockets that were opened for it.
    """

    def __init__(self, settings: Settings, reactor: Any, given: GivenSockets, levels: Levels | None = None) -> None:
        self._settings = settings
        self._levels = levels
        self._reactor = reactor
        self._parts: Parts | None = None
        self._given = given
        self._ports = ListeningPorts(reactor, given)
        self._http: Any = None
        self._tftp: TftpService | None = None
        self._pnp: PnpService | None = None
        self._phones: PhoneService | None = None
        self._fronts: Fronts | None = None
        self._connections = settings.http.max_connections
        self._is_key: Callable[[str], bool] = lambda text: False
        self._lock = StateLock(settings.general.state_dir)
        self._database: Any = None
        self._watching: Watching | None = None
        self._figures: dict[OwnerEnd, Figures] = {}
        if levels is not None:
            levels.listen(partial(tell_levels, self._figures))
        self._apis: list[ApiSite] = []
        self.begins_anew = False
        self.status = "starting"

    async def start(self) -> None:
        """Start everything, or raise with nothing left running.

        :raises StartProblem: for a busy port or a directory that cannot be written.
        :raises StoreProblem: for a database that cannot be used.
        """
        settings = self._settings
        directory = unwritable_directory(settings)
        if directory is not None:
            raise StartProblem(f"the directory {directory} cannot be written; change its owner or the settings")
        self._lock.take()
        self._reactor.suggestThreadPoolSize(16)
        self._database = open_database(settings.database_url, self._reactor.callFromThread)
        take_up(settings.general.state_dir, self._database)
        parts = self._parts = compose(settings, self._reactor, self._database)
        transfers, self._connections = room_for(settings.tftp.max_transfers, settings.http.max_connections)
        self._tftp = tftp_service(
            settings,
            self._reactor,
            TftpFiles(parts.pipeline, parts.metrics),
            parts.threads,
            transfers=transfers,
            refused=parts.metrics.tftp_refused.add,
        )
        parts.house.backups.on_restored(self._begin_anew)
        self._tftp.bind(shared=settings.general.processes > 1, given=self._given.datagrams)
        await parts.start()
        self._watching = Watching(parts, self._database, self._reactor)
        await self._listen(parts)
        self._watching.start(
            Sockets(self._ports.ports, self._tftp, self._phones, self._fronts, self.certificates, self._figures)
        )

    def _begin_anew(self) -> None:
        """Stop in order when who asked for it has read that it succeeded, to be begun again."""
        self.begins_anew = bool(self._reactor.callLater(ANEW_SECONDS, end, self._reactor))

    async def _listen(self, parts: Parts) -> None:
        settings = self._settings
        keys = parts.house.parameters.tenant_of_key if settings.general.provisioning_key_in_urls else None
        self._is_key = is_key = lambda text: keys is not None and keys(text) is not None
        phones = self._phones = PhoneService(
            parts.pipeline,
            parts.threads,
            self._reactor,
            trusted_proxies=settings.http.trusted_proxies,
            max_connections=self._connections,
            is_key=is_key,
            refused=parts.metrics.http_refused.add,
            sent=lambda outcome, seconds: parts.metrics.http_seconds.observe(outcome, seconds=seconds),
        )
        threads = parts.threads
        self._http = await self._ports.listen("HTTP", with_backlog(settings.http.listen), phones, threads)
        accept_plainly(self._http, self._reactor, shared=settings.general.processes > 1)
        api = api_site(
            parts.house,
            parts.journal,
            parts.metrics,
            self._reactor,
            max_body=settings.rest_api.max_body,
            levels=self._levels,
        )
        self._apis.append(api)
        rest_port = await self._ports.listen("the REST API", settings.rest_api.listen, api, threads)
        assert self._tftp is not None
        self._tftp.start()
        self._start_pnp(parts)
        if settings.general.processes > 1:
            self._fronts = fronts_of(
                parts,
                self._reactor,
                http=self._http,
                tftp=self._tftp,
                begin=self._begin,
                is_key=self._is_key,
                figures=self._figures,
            )
            self._fronts.start()
        await self._listen_for_extensions(parts)
        rest, http = (getattr(host, "port", host) for host in (rest_port.getHost(), self._http.getHost()))
        tftp = ", ".join(str(port) for port in self._tftp.ports) or "no port"
        self.status = f"REST on {rest}, HTTP on {http}, TFTP on {tftp}"
        for address in self._given.unwanted():
            log.warn("a socket on {address} was handed over, where no setting listens", address=address)
        log.info("ready: {status}", status=self.status)

    def _start_pnp(self, parts: Parts) -> None:
        pnp = self._settings.pnp
        if pnp.enabled:
            self._pnp = PnpService(
                self._reactor,
                parts.house.profiles.locate,
                groups=pnp.groups,
                port=pnp.port,
                interface=pnp.interface,
                allow=pnp.allow,
                given=self._given.datagrams,
            )
            self._pnp.start()

    async def _listen_for_extensions(self, parts: Parts) -> None:
        settings = self._settings
        if settings.extensions.listen is not None:
            site = extension_site(parts.house, parts.metrics, self._reactor, max_body=settings.rest_api.max_body)
            self._apis.append(site)
            await self._ports.listen("extensions", settings.extensions.listen, site, parts.threads)

    @property
    def certificates(self) -> list[ServerCertificate]:
        """Those of the ports that listen."""
        return self._ports.certificates

    def follow(self, settings: Settings) -> None:
        """Follow changed settings; see :data:`provisiond.reloading.LIVE` for which."""
        if self._parts is None or self._phones is None:
            return
        self._parts.follow(settings)
        renewed = settings.http.trusted_proxies != self._phones.trusted_proxies
        self._settings = settings
        self._phones.follow(settings.http.trusted_proxies)
        # What phones were given under the former settings is not given again.
        self._parts.house.generation.advance()
        if self._fronts is not None and renewed:
            self._fronts.renew()
        for api in self._apis:
            api.max_body = settings.rest_api.max_body

    def note_problems(self, sentences: Sequence[str]) -> None:
        """Let the metrics tell how many problems keep the settings from being followed."""
        if self._watching is not None:
            self._watching.note_settings(sentences)

    def _begin(self, number: int) -> dict[str, Any]:
        return first_message(self._settings, self._levels or self._settings.log, number)

    async def stop(self) -> None:
        """Stop accepting, let transfers finish for a few seconds, write what is pending, close."""
        if self._watching is not None:
            self._watching.stop()
        await self._ports.stop()
        if self._pnp is not None:
            self._pnp.stop()
        ends: list[Coroutine[Any, Any, None]] = []
        if self._fronts is not None:
            ends.append(self._fronts.stop(TRANSFER_SECONDS + 2))
        if self._phones is not None:
            ends.append(self._phones.stop(TRANSFER_SECONDS))
        if self._tftp is not None:
            ends.append(self._tftp.stop(TRANSFER_SECONDS))
        try:
            for ending in [Deferred.fromCoroutine(each) for each in ends]:
                await ending
        finally:
            await self._close()
        log.info("stopped")

    async def _close(self) -> None:
        try:
            if self._parts is not None:
                await self._parts.stop()
        finally:
            if self._database is not None:
                self._database.close()
            self._lock.release()


def _load(config: Path, given: GivenSockets) -> Settings:
    return with_given_sockets(load_settings(config), given)


def _settings_or_exit(config: Path) -> Settings:
    try:
        return load_settings(config)
    except SettingsProblem as problem:
        for sentence in problem.problems:
            print(sentence, file=sys.stderr)
        sys.exit(2)


@click.command()
@click.version_option(__version__, prog_name="provisiond")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/provisiond/config.yml"),
    show_default=True,
    help="The settings file; conf.d/*.yml beside it is read too.",
)
@click.option("--check", is_flag=True, help="Check the settings, tell every problem, and exit (2 when there are any).")
@click.option("--front", hidden=True, help="Serve phones for another process; used by the server itself.")
@click.option("--log-level", hidden=True, default="info")
@click.option("--log-format", hidden=True, default="text")
def main(config: Path, check: bool, front: str | None, log_level: str, log_format: str) -> None:
    """Serve desk phones their configuration and firmware. Runs in the foreground; SIGTERM ends it in order."""
    if front is not None:
        _serve_as_front(front, level=log_level, form=log_format)
        return
    settings = _settings_or_exit(config)
    if check:
        print(f"{config}: the settings are right")
        return
    os.umask(0o027)
    # The one place that may import the reactor: everything else is handed it.
    from twisted.internet import reactor

    shorten(reactor)
    supervisor = Supervisor.of(os.environ)
    levels = start_logging(sys.stderr, level=settings.log.level, form=settings.log.format)
    levels.use(settings.log.level, settings.log.levels)
    try:
        given = GivenSockets.of(first_environment())
        settings = with_given_sockets(settings, given)
    except StartProblem as problem:
        print(f"provisiond: {problem.sentence}", file=sys.stderr)
        supervisor.status(problem.sentence)
        sys.exit(1)
    load = partial(_load, config, given)
    sys.exit(Process(Daemon(settings, reactor, given, levels), settings, reactor, load, levels, supervisor).run())


def _serve_as_front(given: str, *, level: str, form: str) -> None:
    from twisted.internet import reactor

    shorten(reactor)
    family, _, sockets = given.partition(",")
    levels = start_logging(sys.stderr, level=level, form=form)
    FrontProcess(reactor, None if family == "-" else int(family), int(sockets), levels.use).run()


if __name__ == "__main__":
    main()
