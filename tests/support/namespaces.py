"""Two network namespaces with a cable between them: a DHCP server here, a phone there. Needs root."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from attrs import frozen

SERVER_ADDRESS = "192.0.2.1"


@frozen
class Cable:
    """Where programs of each end run.

    :param server: begins a command at the server's end; its interface is ``server0`` with 192.0.2.1/24.
    :param phone: begins a command at the phone's end; its interface is ``phone0`` and has no address.
    """

    server: tuple[str, ...]
    phone: tuple[str, ...]

    def plugged(self, mac: str) -> None:
        """Give the phone's interface its hardware address."""
        _run(*self.phone, "ip", "link", "set", "phone0", "down")
        _run(*self.phone, "ip", "link", "set", "phone0", "address", mac, "up")

    def leased(self, directory: Path, vendor_class: str, *options: int) -> dict[str, str]:
        """Ask for an address as a phone does, with busybox; return what its script was told."""
        told = directory / "told"
        script = directory / "script"
        script.write_text(f'#!/bin/sh\n[ "$1" = bound ] && env >{told}\nexit 0\n')
        script.chmod(0o755)
        asked = [word for option in options for word in ("-O", str(option))]
        once = ["-f", "-q", "-n", "-t", "20", "-T", "1", "-A", "1", "-s", str(script), "-V", vendor_class]
        _run(*self.phone, "busybox", "udhcpc", "-i", "phone0", *once, *asked)
        pairs = (line.partition("=") for line in told.read_text().splitlines())
        return {name: value for name, _, value in pairs}


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


@contextmanager
def _namespace() -> Iterator[int]:
    """Keep a namespace; yield the id of a process in it."""
    words = ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n", "a network namespace needs root"
        try:
            yield process.pid
        finally:
            process.stdin.close()
            process.wait(30)


@contextmanager
def cable() -> Iterator[Cable]:
    """Make both namespaces; at the end they are gone."""
    with _namespace() as server, _namespace() as phone:
        ends = Cable(("nsenter", "-t", str(server), "-n"), ("nsenter", "-t", str(phone), "-n"))
        peer = ("type", "veth", "peer", "name", "phone0", "netns", str(phone))
        _run(*ends.server, "ip", "link", "add", "server0", *peer)
        _run(*ends.server, "ip", "address", "add", f"{SERVER_ADDRESS}/24", "dev", "server0")
        _run(*ends.server, "ip", "link", "set", "server0", "up")
        yield ends


@contextmanager
def at_work(command: Sequence[str], log: Path, says: str, environment: dict[str, str]) -> Iterator[None]:
    """Run a program until the end of the block, from when its log says ``says``."""
    with ExitStack() as stack:
        out = stack.enter_context(log.open("wb"))
        process = stack.enter_context(subprocess.Popen(command, stdout=out, stderr=out, env=environment))
        stack.callback(process.terminate)
        deadline = time.monotonic() + 60
        while says not in log.read_text():
            ended = process.poll() is not None or time.monotonic() > deadline
            assert not ended, log.read_text()[-3000:]
            time.sleep(0.02)
        yield
