"""Every metric of the server, in one table."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The metrics of one server; each instance has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.phone_requests = Counter(
            "provisiond_phone_requests",
            "Requests of phones, by protocol and outcome",
            ["protocol", "outcome"],
            registry=self.registry,
        )
        self.phone_seconds = Histogram(
            "provisiond_phone_request_seconds",
            "Time from a phone's request to its answer being ready",
            ["protocol"],
            buckets=_FAST,
            registry=self.registry,
        )
        self.phone_bytes = Counter(
            "provisiond_phone_bytes", "Bytes of answers to phones", ["protocol"], registry=self.registry
        )
        self.tftp_transfers = Counter(
            "provisiond_tftp_transfers", "TFTP transfers that ended, by outcome", ["outcome"], registry=self.registry
        )
        self.tftp_retransmissions = Counter(
            "provisiond_tftp_retransmissions", "TFTP packets that were sent again", registry=self.registry
        )
        self.tftp_seconds = Histogram(
            "provisiond_tftp_transfer_seconds", "Duration of TFTP transfers", buckets=_FAST, registry=self.registry
        )
        self.tftp_refused = Counter(
            "provisiond_tftp_refused",
            "TFTP requests turned away because of a bound: busy or rate",
            ["reason"],
            registry=self.registry,
        )
        self.tftp_running = Gauge("provisiond_tftp_running", "TFTP transfers that run now", registry=self.registry)
        self.tftp_sockets = Gauge(
            "provisiond_tftp_sockets", "Open sockets of TFTP transfers, idle ones included", registry=self.registry
        )
        self.rest_requests = Counter(
            "provisiond_rest_requests",
            "REST requests, by method and status",
            ["method", "status"],
            registry=self.registry,
        )
        self.devices = Gauge("provisiond_devices", "Known devices", registry=self.registry)
        self.reactor_lag = Gauge(
            "provisiond_reactor_lag_seconds", "How late the reactor's last tick was", registry=self.registry
        )

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
