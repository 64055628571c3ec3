"""What the running server is asked about itself, and the figures that metrics read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.provisioning import NOW, PLUGIN, World, run

from provisiond import watching as module
from provisiond.errors import StoreProblem
from provisiond.metrics import Metrics
from provisiond.model.device import Device
from provisiond.settings import Settings
from provisiond.watching import TICKS, Sockets, Watching


class Reaching:
    """Asterisk, as far as it is asked."""

    reason: str | None = None

    async def ami_problem(self) -> str | None:
        return self.reason


class SomeDatabase:
    """A database in order, that tells of its work."""

    is_sqlite = False

    def __init__(self) -> None:
        self.listeners: list[Any] = []

    def listen(self, listener: Any) -> None:
        self.listeners.append(listener)

    async def read(self, work: Any) -> None:
        return None

    async def write(self, work: Any) -> None:
        return None

    def tell(self, *told: Any) -> None:
        for each in self.listeners:
            each(*told)


class Server:
    """A house that is watched."""

    def __init__(self, directory: Path) -> None:
        self.world = World(directory)
        self.world.start()
        self.metrics = Metrics()
        self.reaching = Reaching()
        self.database = SomeDatabase()
        self.states: Sequence[Any] = ()
        settings = Settings.model_validate({"general": {"state_dir": directory, "cache_dir": directory}})
        self.parts: Any = SimpleNamespace(
            house=self.world.house,
            metrics=self.metrics,
            reaching=self.reaching,
            auth_service=None,
            threads=self.world.threads,
            settings=settings,
            archives=SimpleNamespace(repositories=lambda: self.states),
        )
        self.watching = Watching(self.parts, self.database, self.world.clock)  # type: ignore[arg-type]

    def found(self) -> dict[str, str]:
        """Return code -> sentence of what is wrong now."""
        return {each.code: each.sentence for each in run(self.world.house.health.look())}

    def shown(self, name: str) -> list[str]:
        """Return the lines of a metric."""
        lines = self.metrics.exposition().decode().splitlines()
        return [line for line in lines if line.startswith((f"{name} ", f"{name}{{"))]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_an_authentication_service_that_fails_is_told_without_asking_it(server: Server) -> None:
    assert "auth-service-failing" not in server.found()
    server.parts.auth_service = SimpleNamespace(problem="the authentication service cannot be reached: no answer")
    assert server.found()["auth-service-failing"] == "the authentication service cannot be reached: no answer"
    assert server.world.house.health.not_ready() == ("stopped",)
    server.parts.auth_service.problem = None
    assert "auth-service-failing" not in server.found()


def test_nothing_is_wrong_with_a_server_in_order(server: Server) -> None:
    server.watching.start(Sockets())
    assert set(server.found()) <= {"disk-low"}
    server.watching.stop()
    assert server.world.house.health.not_ready() == ("stopped",)


def test_a_late_reactor_is_told_for_a_minute(server: Server) -> None:
    server.watching.start(Sockets())
    assert "server-busy" not in server.found()
    server.world.clock.advance(3.5)
    assert server.found()["server-busy"] == "the server was late by 2.5 seconds a moment ago"
    assert server.shown("provisiond_reactor_lag_seconds") == ["provisiond_reactor_lag_seconds 2.5"]
    for _ in range(TICKS):
        server.world.clock.advance(1)
    assert "server-busy" not in server.found()
    assert server.shown("provisiond_reactor_lag_worst_seconds") == ["provisiond_reactor_lag_worst_seconds 0.0"]
    server.watching.stop()


def test_settings_that_are_refused(server: Server) -> None:
    server.watching.note_settings(["config.yml: http: unknown key", "another"])
    assert server.found()["settings-refused"] == "the settings stay as they were: config.yml: http: unknown key"
    assert server.shown("provisiond_settings_problems") == ["provisiond_settings_problems 2.0"]
    server.watching.note_settings([])
    assert "settings-refused" not in server.found()


def test_asterisk(server: Server) -> None:
    server.reaching.reason = "Asterisk's manager interface cannot be reached; the next attempt is in 3 seconds"
    assert server.found()["ami-unreachable"] == "Asterisk's manager interface cannot be reached"
    server.reaching.reason = None
    assert "ami-unreachable" not in server.found()


def test_descriptors(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for used, allowed, expected in ((89, 100, False), (90, 100, True), (5, 100, False), (90, -1, False)):
        monkeypatch.setattr(module, "used_descriptors", lambda used=used, allowed=allowed: (used, allowed))
        assert ("descriptors-low" in server.found()) is expected


@pytest.mark.parametrize(
    ("days", "code"), [(-1, "certificate-ended"), (1, "certificate-ending"), (13.9, "certificate-ending"), (15, None)]
)
def test_certificates(server: Server, days: float, code: str | None) -> None:
    ends = datetime.fromtimestamp(NOW, UTC) + timedelta(days=days)
    certificates: Any = [SimpleNamespace(name="cert.pem", ends=ends), SimpleNamespace(name="none.pem", ends=None)]
    server.watching.start(Sockets(certificates=certificates))
    found = {key: text for key, text in server.found().items() if key.startswith("certificate")}
    assert list(found) == ([] if code is None else [code])
    assert all(f"cert.pem ends on {ends:%Y-%m-%d}" in text or "ended" in text for text in found.values())
    server.watching.stop()


def test_ports_and_workers(server: Server) -> None:
    ports = [SimpleNamespace(connected=True), SimpleNamespace(connected=True)]
    fronts: Any = SimpleNamespace(down=0)
    server.watching.start(Sockets(ports=ports, fronts=fronts))
    assert not {"port-closed", "worker-down"} & set(server.found())
    ports[1].connected, fronts.down = False, 2
    found = server.found()
    assert found["port-closed"] == "1 of 2 ports are closed"
    assert found["worker-down"] == "2 processes that serve phones do not run"
    assert server.world.house.health.not_ready() == ("port-closed",)
    ports[1].connected, fronts.down = True, 0
    assert not {"port-closed", "worker-down"} & set(server.found())
    server.watching.stop()


@pytest.mark.parametrize(
    ("protocol", "reason", "setting"),
    [
        ("tftp", "busy", "tftp.max_transfers"),
        ("tftp", "peer", "tftp.max_transfers_per_peer"),
        ("tftp", "rate", "tftp.requests_per_peer"),
        ("http", "busy", "http.max_connections"),
        ("http", "connections", "http.max_connections"),
    ],
)
def test_a_bound_that_was_reached_is_told_for_a_minute(
    server: Server, protocol: str, reason: str, setting: str
) -> None:
    counts = server.metrics.tftp_refused if protocol == "tftp" else server.metrics.http_refused
    counts.add(reason, amount=7)
    server.watching.start(Sockets())
    counts.add("gone")
    assert "phones-turned-away" not in server.found()
    counts.add(reason, amount=3)
    assert server.found()["phones-turned-away"].startswith("3 requests of phones were turned away a moment ago")
    assert f"({setting})" in server.found()["phones-turned-away"]
    for _ in range(TICKS + 1):
        server.world.clock.advance(1)
    assert "phones-turned-away" not in server.found()
    server.watching.stop()


def test_figures_of_all_processes_are_added(server: Server) -> None:
    tftp: Any = SimpleNamespace(transfers=2, waiting=4, sockets=3, image_bytes=7)
    phones: Any = SimpleNamespace(connections=5, waiting=1)
    others: dict[object, dict[str, float]] = {
        1: {"tftp_running": 10, "tftp_waiting": 50, "tftp_sockets": 20, "http_connections": 30, "http_waiting": 40},
        2: {"tftp_running": 100, "tftp_image_bytes": 1_000},
    }
    assert server.shown("provisiond_workers") == ["provisiond_workers 1.0"]
    server.watching.start(Sockets(tftp=tftp, phones=phones, figures=others))
    names = ("tftp_running", "tftp_waiting", "tftp_sockets", "http_connections", "http_waiting", "workers")
    shown = [server.shown(f"provisiond_{name}")[0].rpartition(" ")[2] for name in names]
    assert shown == ["112.0", "54.0", "23.0", "35.0", "41.0", "3.0"]
    others.clear()
    assert server.shown("provisiond_tftp_running") == ["provisiond_tftp_running 2.0"]
    server.watching.stop()


def test_only_loaded_plugins_become_labels(server: Server) -> None:
    directory = server.world.house.directory
    for number, plugin in enumerate((PLUGIN, PLUGIN, "x" * 900, "invented", None)):
        directory.put(Device({"id": f"d{number}", "plugin": plugin, "configured": number == 0}))
    assert sorted(server.shown("provisiond_plugin_devices")) == [
        'provisiond_plugin_devices{plugin="acme-1.0",state="configured"} 1.0',
        'provisiond_plugin_devices{plugin="acme-1.0",state="unconfigured"} 1.0',
        'provisiond_plugin_devices{plugin="none",state="unconfigured"} 1.0',
        'provisiond_plugin_devices{plugin="other",state="unconfigured"} 2.0',
    ]
    assert server.shown("provisiond_devices") == ["provisiond_devices 5.0"]
    directory.remove("d0")
    directory.put(Device({"id": "d1", "plugin": None, "configured": False}))
    assert not [line for line in server.shown("provisiond_plugin_devices") if PLUGIN in line]


def test_work_is_counted(server: Server) -> None:
    world = server.world
    device = world.device(id="d1", configured=False)
    world.settle()
    assert world.file(device) is not None
    assert server.shown("provisiond_render_seconds_count") == [
        'provisiond_render_seconds_count{outcome="made",plugin="acme-1.0"} 1.0'
    ]
    server.database.tell("write", 0.2, None)
    server.database.tell("write", 0.2, StoreProblem("the disk is full"))
    assert server.shown("provisiond_sql_seconds_count") == ['provisiond_sql_seconds_count{kind="write"} 2.0']
    assert server.shown("provisiond_sql_failures_total") == ['provisiond_sql_failures_total{kind="write"} 1.0']
    world.pump(world.house.plugins.update())
    world.settle()
    assert server.shown("provisiond_operations_total") == [
        'provisiond_operations_total{kind="update",outcome="success"} 1.0'
    ]


def test_problems_are_counted_by_code(server: Server) -> None:
    server.states = [
        SimpleNamespace(name=name, url="http://a/", updated=None, problem="gone") for name in ("one", "two")
    ]
    server.found()
    assert [line for line in server.shown("provisiond_problems") if "repository" in line] == [
        'provisiond_problems{code="repository-unreachable",severity="warning"} 2.0'
    ]
