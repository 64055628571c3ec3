"""Starting a server of one's own: settings, process, readiness, end."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT = Path(__file__).parents[1]
MEDIA_TYPE = "application/vnd.proformatique.provd+json"
ANYWHERE: Final = "0.0.0.0"
READY = "ready: "
PORTS = range(20_000, 32_000)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Return a port that nobody uses now, below those that the kernel gives to whoever asks for any."""
    while True:
        port = PORTS[secrets.randbelow(len(PORTS))]
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def write_settings(
    directory: Path, *, rest: int, http: int, tftp: int, repository: Path, interface: str = "127.0.0.1"
) -> Path:
    """Write the settings of a server that keeps everything under ``directory``; return the file.

    :param interface: where phones are served; a single address is what they are told, too.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "config.yml"
    document: dict[str, dict[str, Any]] = {
        "general": {
            "state_dir": str(directory / "state"),
            "cache_dir": str(directory / "cache"),
            "plugin_server": repository.resolve().as_uri() + "/",
        },
        "rest_api": {"listen": f"tcp:{rest}:interface=127.0.0.1"},
        "http": {"listen": f"tcp:{http}:interface={interface}"},
        "tftp": {"listen": [f"{interface}:{tftp}"]},
    }
    if interface != ANYWHERE:
        document["general"]["advertised_ip"] = interface
    file.write_text(yaml.safe_dump(document))
    return file


class RestError(Exception):
    """The API refused."""


class Rest:
    """A few calls of the REST API, by urllib alone."""

    def __init__(self, port: int, token: str) -> None:
        self.base = f"http://127.0.0.1:{port}/0.2"
        self._token = token

    def call(self, method: str, path: str, document: Any = None) -> tuple[int, Any, str | None]:
        """Return status, parsed body and Location of one request."""
        url = path if path.startswith("http") else self.base + path
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(url, data=data, method=method)
        request.add_header("X-Auth-Token", self._token)
        if data is not None:
            request.add_header("Content-Type", MEDIA_TYPE)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                content = response.read()
                return response.status, json.loads(content) if content else None, response.headers["Location"]
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            raise RestError(f"{method} {path}: {error.code} {text}") from None

    def get(self, path: str) -> Any:
        """Return the document at ``path``."""
        return self.call("GET", path)[1]

    def finish(self, path: str, document: Mapping[str, Any], seconds: float = 60) -> str:
        """Start an operation, wait for its end, and return its text."""
        location = self.call("POST", path, document)[2]
        assert location is not None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = self.get(location.removeprefix("/0.2"))
            state = str(answer["status"]).partition("|")[2] or answer["status"]
            if state.startswith("success"):
                return str(answer["status"])
            if state.startswith("fail"):
                raise RestError(f"{path}: {answer.get('error')}")
            time.sleep(0.05)
        raise RestError(f"{path}: not finished after {seconds} s")


class Server:
    """A running provisiond."""

    def __init__(self, settings: Path, *, log: Path | None = None) -> None:
        self.settings = settings
        self._log = log or settings.parent / "provisiond.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.wrapper: list[str] = []
        self.state = Path(yaml.safe_load(settings.read_text())["general"]["state_dir"])

    @property
    def pid(self) -> int:
        """Process id of the daemon."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_started(self) -> bool:
        """Whether it was started at least once."""
        return self._process is not None

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, seconds: float = 60) -> None:
        """Start it and return when it says that it is ready."""
        program = Path(sys.executable).with_name("provisiond")
        with self._log.open("ab") as out:
            offset = out.tell()
            self._process = subprocess.Popen(
                [*self.wrapper, str(program), "--config", str(self.settings)],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        while READY not in self.log_text(offset):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"provisiond did not start:\n{self.log_text(offset)[-2000:]}")
            time.sleep(0.02)

    def fronts(self) -> list[int]:
        """Return the processes that serve phones beside the owner."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(each) for each in children if b"--front" in _command_of(each)]

    def log_text(self, offset: int = 0) -> str:
        """Return what it has logged since ``offset``."""
        with self._log.open("rb") as file:
            file.seek(offset)
            return file.read().decode("utf-8", "replace")

    def has_logged(self, words: str, seconds: float = 60) -> bool:
        """Tell whether it logs these words; lines are written a moment after what they tell of."""
        deadline = time.monotonic() + seconds
        while words not in self.log_text():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def rest(self, port: int) -> Rest:
        """Return the API, with the token of the first start."""
        return Rest(port, (self.state / "admin-token").read_text().strip())

    def wait(self) -> int:
        """Return its exit status when it ends."""
        assert self._process is not None
        return self._process.wait()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """End it properly and return its exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        return int(self._process.returncode)


def _command_of(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
