"""The programs that report leases, as the tests run them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

HOOKS = Path(__file__).resolve().parents[2] / "etc" / "dhcp-hooks"
HOOK = HOOKS / "provisiond-dhcp-lease"
SENDER = HOOKS / "provisiond-dhcp-sender"


def hooked(spool: Path, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the hook as a DHCP server does, with nothing else in its environment."""
    around = {"PATH": "/usr/bin:/bin", "PROVISIOND_DHCP_SPOOL": str(spool), **(environment or {})}
    return subprocess.run([str(HOOK), *words], env=around, capture_output=True, text=True, timeout=60, check=False)


def notes(spool: Path) -> dict[str, str]:
    """Return what waits, by file name."""
    return {file.name: file.read_text() for file in sorted(spool.glob("*")) if file.is_file()}


def sender_module() -> Any:
    """Return the sender's own module."""
    loader = SourceFileLoader("provisiond_dhcp_sender", str(SENDER))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def sender_command(spool: Path, port: int, token_file: Path, *more: str) -> list[str]:
    """Return the command of a sender that tells a server on the loopback."""
    where = ["--spool", str(spool), "--url", f"http://127.0.0.1:{port}", "--token-file", str(token_file)]
    return [sys.executable, "-I", "-B", str(SENDER), *where, *more]
