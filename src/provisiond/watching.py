"""The running server watched from inside: what it looks at for troubles, and where metrics are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import field, frozen

from provisiond.certificates import ServerCertificate
from provisiond.composition import Parts
from provisiond.descriptors import used_descriptors
from provisiond.errors import StoreProblem
from provisiond.model.trouble import Trouble
from provisiond.phones.service import PhoneService
from provisiond.phones.sharing.fronts import Fronts
from provisiond.phones.sharing.owner import Figures
from provisiond.provisioning.disk_check import disk_check
from provisiond.provisioning.health_checks import repository_check
from provisiond.store.checking import DatabaseCheck
from provisiond.store.database import Database
from provisiond.tftp.service import TftpService

TICK_SECONDS: Final = 1.0
TICKS: Final = 60
BUSY_SECONDS: Final = 1.0
DESCRIPTORS_SHARE: Final = 0.9
BOUNDS: Final = {
    ("http", "busy"): "too many wait for files to be made, or fetch files on disk (http.max_connections)",
    ("http", "connections"): "too many connections are open (http.max_connections)",
    ("tftp", "busy"): "too many transfers run (tftp.max_transfers)",
    ("tftp", "peer"): "one address has too many transfers (tftp.max_transfers_per_peer)",
    ("tftp", "rate"): "one address asks too often (tftp.requests_per_peer)",
}
ENDING: Final = timedelta(days=14)


@frozen
class Sockets:
    """What listens.

    :param figures: what goes on in the processes that serve phones, by their ends of the links.
    """

    ports: Sequence[Any] = ()
    tftp: TftpService | None = None
    phones: PhoneService | None = None
    fronts: Fronts | None = None
    certificates: Sequence[ServerCertificate] = ()
    figures: Mapping[Any, Figures] = field(factory=dict)

    def sum_of(self, name: str, own: float) -> dict[tuple[str, ...], float]:
        """Return a figure of this process and all that serve phones for it."""
        return {(): own + sum(each.get(name, 0.0) for each in self.figures.values())}


class Watching:
    """Puts the checks together, feeds the metrics, and measures how late the reactor is."""

    def __init__(self, parts: Parts, database: Database, reactor: Any) -> None:
        self._parts = parts
        self._reactor = reactor
        self._sockets = Sockets()
        self._lags: deque[float] = deque(maxlen=TICKS)
        self._refused: deque[Mapping[tuple[str, ...], float]] = deque(maxlen=TICKS)
        self._settings_problems: Sequence[str] = ()
        self._tick: Any = None
        database.listen(self._note_sql)
        self._add_checks(DatabaseCheck(database))
        self._read_metrics()

    def start(self, sockets: Sockets) -> None:
        """Begin: everything listens now."""
        self._sockets = sockets
        self._measure(self._reactor.seconds())
        self._parts.house.health.start()

    def stop(self) -> None:
        """Look no more, and tell load balancers to stay away."""
        self._parts.house.health.stop()
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def note_settings(self, sentences: Sequence[str]) -> None:
        """Remember what keeps the settings of the file from being followed; nothing when they are followed."""
        self._settings_problems = tuple(sentences)
        self._parts.metrics.settings_problems.set(len(sentences))

    # Metrics

    def _read_metrics(self) -> None:
        metrics, house = self._parts.metrics, self._parts.house
        metrics.devices.read_with(lambda: {(): len(house.directory)})
        metrics.plugin_devices.read_with(self._plugin_devices)
        metrics.render_queue.read_with(lambda: {(): len(house.rendering.background)})
        metrics.operations.read_with(lambda: dict(house.operations.tally))
        metrics.operations_running.read_with(lambda: {(): house.operations.running})
        metrics.problems.read_with(self._problems)
        metrics.workers.read_with(lambda: {(): 1 + len(self._sockets.figures)})
        metrics.tftp_running.read_with(
            lambda: self._sockets.sum_of("tftp_running", self._sockets.tftp.transfers if self._sockets.tftp else 0)
        )
        metrics.tftp_waiting.read_with(
            lambda: self._sockets.sum_of("tftp_waiting", self._sockets.tftp.waiting if self._sockets.tftp else 0)
        )
        metrics.tftp_sockets.read_with(
            lambda: self._sockets.sum_of("tftp_sockets", self._sockets.tftp.sockets if self._sockets.tftp else 0)
        )
        metrics.tftp_image_bytes.read_with(
            lambda: self._sockets.sum_of(
                "tftp_image_bytes", self._sockets.tftp.image_bytes if self._sockets.tftp else 0
            )
        )
        metrics.http_connections.read_with(
            lambda: self._sockets.sum_of(
                "http_connections", self._sockets.phones.connections if self._sockets.phones else 0
            )
        )
        metrics.http_waiting.read_with(
            lambda: self._sockets.sum_of("http_waiting", self._sockets.phones.waiting if self._sockets.phones else 0)
        )
        house.rendering.maker.told = lambda plugin, outcome, seconds: metrics.render_seconds.observe(
            plugin, outcome, seconds=seconds
        )

    def _plugin_devices(self) -> dict[tuple[str, ...], float]:
        loaded = self._parts.house.plugins.loaded()
        found: dict[tuple[str, ...], float] = {}
        for (plugin, configured), count in self._parts.house.directory.tally().items():
            # Anybody may write any name into a device; only those of loaded plugins become labels.
            name = plugin if plugin in loaded else "other" if plugin else "none"
            key = (name, "configured" if configured else "unconfigured")
            found[key] = found.get(key, 0) + count
        return found

    def _problems(self) -> dict[tuple[str, ...], float]:
        found: dict[tuple[str, ...], float] = {}
        for each in self._parts.house.health.troubles:
            key = (each.code, each.kind.severity.value)
            found[key] = found.get(key, 0) + 1
        return found

    def _note_sql(self, kind: str, seconds: float, problem: StoreProblem | None) -> None:
        self._parts.metrics.sql_seconds.observe(kind, seconds=seconds)
        if problem is not None:
            self._parts.metrics.sql_failures.add(kind)

    def _measure(self, planned: float) -> None:
        now = self._reactor.seconds()
        self._lags.append(max(0.0, now - planned))
        self._refused.append(self._refusals())
        self._parts.metrics.reactor_lag.set(self._lags[-1])
        self._parts.metrics.worst_lag.set(max(self._lags))
        self._tick = self._reactor.callLater(TICK_SECONDS, self._measure, now + TICK_SECONDS)

    # Checks

    def _add_checks(self, database: DatabaseCheck) -> None:
        parts, health = self._parts, self._parts.house.health
        general = parts.settings.general
        health.add("the database", database)
        health.add("general.state_dir", disk_check("general.state_dir", general.state_dir, parts.threads))
        health.add("general.cache_dir", disk_check("general.cache_dir", general.cache_dir, parts.threads))
        health.add("the repositories", repository_check(parts.archives.repositories, self._reactor))
        health.add("the list of open files", self._check_descriptors)
        health.add("Asterisk's manager interface", self._check_ami)
        health.add("the authentication service", self._check_auth_service)
        health.add("the server itself", self._check_server)

    async def _check_descriptors(self) -> Sequence[Trouble]:
        used, allowed = await self._parts.threads.run(used_descriptors)
        if allowed < 0 or used < allowed * DESCRIPTORS_SHARE:
            return ()
        return [Trouble(code="descriptors-low", sentence=f"{used} of {allowed} files and connections are open")]

    async def _check_ami(self) -> Sequence[Trouble]:
        sentence = await self._parts.reaching.ami_problem()
        return () if sentence is None else [Trouble(code="ami-unreachable", sentence=sentence.partition(";")[0])]

    async def _check_auth_service(self) -> Sequence[Trouble]:
        # Nobody is asked for this: what the last caller's token met with is told.
        service = self._parts.auth_service
        sentence = None if service is None else service.problem
        return () if sentence is None else [Trouble(code="auth-service-failing", sentence=sentence)]

    async def _check_server(self) -> Sequence[Trouble]:
        found = [*self._certificate_troubles(), *self._process_troubles(), *self._bound_troubles()]
        lag = max(self._lags, default=0.0)
        if lag >= BUSY_SECONDS:
            found.append(Trouble(code="server-busy", sentence=f"the server was late by {lag:.1f} seconds a moment ago"))
        if self._settings_problems:
            sentence = f"the settings stay as they were: {self._settings_problems[0]}"
            found.append(Trouble(code="settings-refused", sentence=sentence))
        return found

    def _certificate_troubles(self) -> list[Trouble]:
        now, found = datetime.fromtimestamp(self._reactor.seconds(), UTC), []
        for each in self._sockets.certificates:
            ends = each.ends
            if ends is None or ends - now >= ENDING:
                continue
            code, verb = ("certificate-ended", "ended") if ends <= now else ("certificate-ending", "ends")
            sentence = f"the certificate of {each.name} {verb} on {ends:%Y-%m-%d}"
            found.append(Trouble(code=code, about=each.name, sentence=sentence))
        return found

    def _refusals(self) -> dict[tuple[str, ...], float]:
        metrics = self._parts.metrics
        counts = {"tftp": metrics.tftp_refused.counts(), "http": metrics.http_refused.counts()}
        return {(protocol, *labels): count for protocol, each in counts.items() for labels, count in each.items()}

    def _bound_troubles(self) -> list[Trouble]:
        former, found = self._refused[0] if self._refused else {}, []
        for key, count in sorted(self._refusals().items()):
            more = count - former.get(key, 0)
            if more and key in BOUNDS:
                text = f"{more:.0f} requests of phones were turned away a moment ago: {BOUNDS[key]}"
                found.append(Trouble(code="phones-turned-away", about="-".join(key), sentence=text))
        return found

    def _process_troubles(self) -> list[Trouble]:
        sockets, found = self._sockets, []
        closed = sum(not getattr(port, "connected", True) for port in sockets.ports)
        if closed:
            found.append(Trouble(code="port-closed", sentence=f"{closed} of {len(sockets.ports)} ports are closed"))
        down = 0 if sockets.fronts is None else sockets.fronts.down
        if down:
            found.append(Trouble(code="worker-down", sentence=f"{down} processes that serve phones do not run"))
        return found
