"""Phones played from recorded boot sequences, with real clients."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from attrs import Factory, define, frozen

from bench.server import ROOT

SEQUENCES = ROOT / "tests" / "data" / "boot-sequences.yaml"


@frozen(kw_only=True)
class Phone:
    """A phone that will boot.

    :param sequence: id in boot-sequences.yaml.
    :param values: placeholders of the sequence besides the forms of the MAC address.
    :param account: what its own file must name, or None for a phone that nobody registered.
    :param address: loopback address that it asks from.
    """

    name: str
    sequence: str
    mac: str
    address: str
    values: Mapping[str, str] = Factory(dict)
    account: str | None = None


@define
class Boot:
    """What a phone got while booting."""

    phone: Phone
    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0
    files: dict[str, bytes] = Factory(dict)
    missing: list[str] = Factory(list)


def sequences() -> dict[str, Any]:
    """Return the recorded boot sequences by id."""
    document = yaml.safe_load(SEQUENCES.read_text(encoding="utf-8"))
    return {sequence["id"]: sequence for sequence in document["sequences"]}


def placeholders(phone: Phone, sequence: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands for each name in braces in the steps of a sequence."""
    digits = phone.mac.replace(":", "").lower()
    pairs = [digits[index : index + 2] for index in range(0, 12, 2)]
    forms = {
        "mac": digits,
        "MAC": digits.upper(),
        "mac_colon": ":".join(pairs),
        "MAC_colon": ":".join(pairs).upper(),
        "MAC_DASH": "-".join(pairs).upper(),
        "mac_underscore": "_".join(pairs),
        "MAC10": digits[2:].upper(),
    }
    return {**{k: str(v) for k, v in sequence.get("example", {}).items()}, **forms, **phone.values}


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a step's text with the names in braces replaced."""
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match.group(1), match.group(0)), template)


def vendor_class(phone: Phone) -> str | None:
    """Return what the phone puts into DHCP option 60, or None."""
    sequence = sequences()[phone.sequence]
    sent = (sequence["dhcp"].get("sends") or {}).get(60)
    return None if sent is None else filled(sent, placeholders(phone, sequence))


def _curl(arguments: list[str]) -> bytes | None:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--max-time", "20", *arguments],
        capture_output=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None


def fetch_http(port: int, path: str, *, address: str, user_agent: str | None = None) -> bytes | None:
    """Return what curl gets over HTTP from loopback address ``address``, or None."""
    agent = ["--user-agent", user_agent] if user_agent else ["--header", "User-Agent:"]
    return _curl([*agent, "--interface", address, "--path-as-is", f"http://127.0.0.1:{port}{path}"])


def fetch_tftp(port: int, path: str, *, address: str) -> bytes | None:
    """Return what curl gets over TFTP from loopback address ``address``, or None."""
    return _curl(["--interface", address, f"tftp://127.0.0.1:{port}/{path}"])


def fetch_atftp(port: int, path: str, target: Path) -> bytes | None:
    """Return what atftp gets, or None."""
    target.unlink(missing_ok=True)
    done = subprocess.run(
        ["atftp", "--get", "--remote-file", path, "--local-file", str(target), "127.0.0.1", str(port)],
        capture_output=True,
        check=False,
        timeout=30,
    )
    return target.read_bytes() if done.returncode == 0 and target.exists() else None


def boot(phone: Phone, *, http: int, tftp: int) -> Boot:
    """Play one phone's boot sequence and return what it got."""
    sequence = sequences()[phone.sequence]
    values = placeholders(phone, sequence)
    result = Boot(phone)
    for step in sequence["steps"]:
        path = filled(step["path"], values)
        agent = filled(step["user_agent"], values) if step["user_agent"] else None
        started = time.monotonic()
        if step["protocol"] == "http":
            content = fetch_http(http, path, address=phone.address, user_agent=agent)
        else:
            content = fetch_tftp(tftp, path, address=phone.address)
        result.seconds += time.monotonic() - started
        result.requests += 1
        if content is not None:
            result.files[path] = content
            result.bytes += len(content)
        elif step["expect"] == "file":
            result.missing.append(path)
    return result


def boot_all(phones: list[Phone], *, http: int, tftp: int, at_once: int = 8) -> list[Boot]:
    """Play several phones at once and return what each got, in their order."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda phone: boot(phone, http=http, tftp=tftp), phones))
