"""Every metric of the server, in one table."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest

from provisiond.tallies import Reading, Spread, Tally

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LONG = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)


class Metrics:
    """The metrics of one server; each instance has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.phone_requests = Tally(
            "provisiond_phone_requests",
            "Requests of phones, by protocol and outcome",
            ["protocol", "outcome"],
            self.registry,
        )
        self.phone_seconds = Spread(
            "provisiond_phone_request_seconds",
            "Time from a phone's request to its answer being ready",
            ["protocol"],
            _FAST,
            self.registry,
        )
        self.phone_bytes = Tally("provisiond_phone_bytes", "Bytes of answers to phones", ["protocol"], self.registry)
        self.phone_lines_left_out = Counter(
            "provisiond_phone_log_lines_left_out",
            "Requests of phones that got no log line of their own because there were too many of them",
            registry=self.registry,
        )
        self.tftp_transfers = Tally(
            "provisiond_tftp_transfers", "TFTP transfers that ended, by outcome", ["outcome"], self.registry
        )
        self.tftp_retransmissions = Counter(
            "provisiond_tftp_retransmissions", "TFTP packets that were sent again", registry=self.registry
        )
        self.tftp_seconds = Spread(
            "provisiond_tftp_transfer_seconds", "Duration of TFTP transfers", [], _FAST, self.registry
        )
        self.tftp_refused = Tally(
            "provisiond_tftp_refused",
            "TFTP requests turned away, by reason: busy, peer or rate because of a bound, gone for who has left",
            ["reason"],
            self.registry,
        )
        self.tftp_image_bytes = Reading(
            "provisiond_tftp_image_bytes", "Memory of files that are kept ready for TFTP", [], self.registry
        )
        self.tftp_running = Reading("provisiond_tftp_running", "TFTP transfers that run now", [], self.registry)
        self.tftp_waiting = Reading(
            "provisiond_tftp_waiting", "TFTP requests that wait for their turn", [], self.registry
        )
        self.tftp_sockets = Reading(
            "provisiond_tftp_sockets", "Open sockets of TFTP transfers, idle ones included", [], self.registry
        )
        self.http_connections = Reading(
            "provisiond_http_connections", "Open HTTP connections of phones", [], self.registry
        )
        self.http_waiting = Reading(
            "provisiond_http_waiting", "HTTP requests of phones that wait for their file now", [], self.registry
        )
        self.http_seconds = Spread(
            "provisiond_http_transfer_seconds",
            "Duration of sending a file that is not kept in memory over HTTP, by outcome: done or interrupted",
            ["outcome"],
            _LONG,
            self.registry,
        )
        self.workers = Reading("provisiond_workers", "Processes that serve phones now", [], self.registry)
        self.http_refused = Tally(
            "provisiond_http_refused",
            "HTTP requests of phones turned away because of a bound: connections or busy",
            ["reason"],
            self.registry,
        )
        self.rest_requests = Counter(
            "provisiond_rest_requests",
            "REST requests, by method and status",
            ["method", "status"],
            registry=self.registry,
        )
        self.extractor_failures = Counter(
            "provisiond_plugin_extractor_failures",
            "Requests that the extractor of a plugin failed at, by plugin",
            ["plugin"],
            registry=self.registry,
        )
        self.devices = Reading("provisiond_devices", "Known devices", [], self.registry)
        self.plugin_devices = Reading(
            "provisiond_plugin_devices",
            "Devices by plugin and state: configured or unconfigured; plugins that are not loaded are other",
            ["plugin", "state"],
            self.registry,
        )
        self._add_work()
        self._add_server()

    def _add_work(self) -> None:
        self.render_seconds = Spread(
            "provisiond_render_seconds",
            "Time that a plugin took to make the files of a device, by outcome: made or failed",
            ["plugin", "outcome"],
            _FAST,
            self.registry,
        )
        self.render_queue = Reading(
            "provisiond_render_queue", "Devices whose files wait to be made in the background", [], self.registry
        )
        self.operations = Reading(
            "provisiond_operations",
            "Operations that ended, by kind and outcome",
            ["kind", "outcome"],
            self.registry,
            counts=True,
        )
        self.operations_running = Reading("provisiond_operations_running", "Operations that run now", [], self.registry)
        self.sql_seconds = Spread(
            "provisiond_sql_seconds",
            "Time of a piece of work in the database with its waiting: read or write",
            ["kind"],
            _FAST,
            self.registry,
        )
        self.sql_failures = Tally(
            "provisiond_sql_failures", "Work that the database refused, by kind", ["kind"], self.registry
        )

    def _add_server(self) -> None:
        ProcessCollector(registry=self.registry)
        self.problems = Reading(
            "provisiond_problems", "What is wrong now, by code and severity", ["code", "severity"], self.registry
        )
        self.settings_problems = Gauge(
            "provisiond_settings_problems",
            "Problems of the settings file that keep its changes from being followed",
            registry=self.registry,
        )
        self.reactor_lag = Gauge(
            "provisiond_reactor_lag_seconds", "How late the reactor's last tick was", registry=self.registry
        )
        self.worst_lag = Gauge(
            "provisiond_reactor_lag_worst_seconds",
            "How late the reactor's latest tick of the last minute was",
            registry=self.registry,
        )

    def note_transfer(self, outcome: str, retransmissions: int, seconds: float) -> None:
        """Count a TFTP transfer that has ended."""
        self.tftp_transfers.of(outcome).value += 1
        if retransmissions:
            self.tftp_retransmissions.inc(retransmissions)
        self.tftp_seconds.of().note(seconds, 1)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
