"""A provisiond for the bench, with as many devices and plugins as wanted."""

from __future__ import annotations

import json
import os
import resource
import shutil
import time
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.phones import fetch_http
from bench.programs import SERVER_CPU, cpu_seconds, on_cpu
from bench.server import ROOT, Rest, Server, free_port, write_settings

PLUGIN = "cisco-sccp-9.0.3"
MORE_PLUGINS = ("aastra-3.3.1-SP2", "snom-10.1.184.15", "cisco-spa-7.5.5")
PATTERN = "SEP001B54%06X.cnf.xml"
REPOSITORY = ROOT / "build" / "repository"


class House:
    """A running server and its ports.

    :param workers: value of ``general.workers``; None where there is no such setting.
    :param proxies: value of ``http.trusted_proxies``.
    """

    def __init__(self, directory: Path, *, workers: int | None = None, proxies: int = 0) -> None:
        self.rest_port, self.http, self.tftp = free_port(), free_port(), free_port(2)
        settings = write_settings(directory, rest=self.rest_port, http=self.http, tftp=self.tftp, repository=REPOSITORY)
        document = yaml.safe_load(settings.read_text())
        # All clients of the bench come from few addresses.
        document["tftp"].update(requests_per_peer=0, max_transfers_per_peer=10_000, max_block_size=1428)
        document["http"]["trusted_proxies"] = proxies
        if workers is not None:
            document["general"]["workers"] = workers
        settings.write_text(yaml.safe_dump(document))
        self.server = Server(settings)
        self.started_in = 0.0

    @property
    def rest(self) -> Rest:
        """The API."""
        return self.server.rest(self.rest_port)

    @property
    def files(self) -> Path:
        """Where static files of the plugin lie."""
        return self.server.state / "plugins" / PLUGIN / "var" / "tftpboot"

    def start(self, *, pinned: bool = True) -> None:
        """Start the server, on one processor of its own when there are two."""
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        began = time.monotonic()
        self.server.start(seconds=300)
        self.started_in = time.monotonic() - began
        pin = on_cpu(SERVER_CPU)
        if pinned and pin is not None:
            for task in Path(f"/proc/{self.server.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {sorted(os.sched_getaffinity(0))[SERVER_CPU]})

    def stop(self) -> None:
        """End the server."""
        self.server.stop()

    def install(self) -> None:
        """Install the plugin of the phones."""
        self.rest.finish("/pg_mgr/install/update", {})
        for plugin in (PLUGIN, *MORE_PLUGINS):
            self.rest.finish("/pg_mgr/install/install", {"id": plugin})

    def copy_plugin(self, times: int) -> None:
        """Put copies of the plugin beside it; the server is stopped."""
        plugins = self.server.state / "plugins"
        for number in range(times):
            shutil.copytree(plugins / PLUGIN, plugins / f"copy-{number}", symlinks=True)

    def import_devices(self, count: int) -> None:
        """Add devices that nobody asks for, 10,000 at a time."""
        for first in range(0, count, 10_000):
            rows = [
                {
                    "mac": f"00:08:5d:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
                    "ip": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
                    "vendor": "Aastra",
                    "model": "6731i",
                    "version": "3.3.1.4305",
                }
                for number in range(first, min(first + 10_000, count))
            ]
            self.import_rows("dev_mgr", rows)

    def import_rows(self, manager: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Import documents, all or none.

        :param manager: ``dev_mgr`` or ``cfg_mgr``.
        """
        body = "\n".join(json.dumps(row) for row in rows).encode()
        request = urllib.request.Request(f"{self.rest.base}/{manager}/import", data=body, method="POST")
        request.add_header("X-Auth-Token", self.token)
        request.add_header("Content-Type", "application/x-ndjson")
        with urllib.request.urlopen(request, timeout=600) as answer:
            answer.read()

    @property
    def token(self) -> str:
        """The administrator's token."""
        return (self.server.state / "admin-token").read_text().strip()

    def metric(self, name: str) -> float:
        """Return what a metric without labels says."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.rest_port}/metrics")
        request.add_header("X-Auth-Token", self.token)
        with urllib.request.urlopen(request, timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    def settle(self, seconds: float) -> float:
        """Wait until no files are made in the background; return how long that took, in seconds.

        :raises TimeoutError: when it takes longer.
        """
        began, calm = time.monotonic(), 0
        while calm < 2:
            time.sleep(1)
            calm = 0 if self.metric("provisiond_render_queue") else calm + 1
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"files are still being made after {seconds:.0f} s")
        return time.monotonic() - began - 2

    def fetched(self, name: str, address: str) -> bytes:
        """Return what a phone at this address gets.

        :raises RuntimeError: when it gets nothing.
        """
        content = fetch_http(self.http, f"/{name}", address=address)
        if content is None:
            raise RuntimeError(f"{name} is not served")
        return content

    def serving(self) -> list[int]:
        """Return the processes that serve phones, the owner first."""
        return [self.server.pid, *self.server.fronts()]

    def memory(self) -> float:
        """Return the resident memory of the serving process in megabytes."""
        pages = Path(f"/proc/{self.server.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu(self) -> float:
        """Return the processor time used so far, children included."""
        return cpu_seconds(self.server.pid)
