"""Phones that ask a real server for one file, and what the server then knows of them."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from tests.support.servers import Running

SECONDS = 60


def by_http(
    server: Running, path: str, agent: str, form: Mapping[str, str] | None = None, method: str | None = None
) -> tuple[int, bytes]:
    """Return status and body; with a form, the phone posts it."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(f"http://127.0.0.1:{server.http}{path}", data, method=method)
    request.add_header("User-Agent", agent)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def by_tftp(server: Running, name: str, source: str) -> bytes | int:
    """Return the file, shorter than one block, or the error code.

    :param source: address of the phone.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((source, 0))
        phone.settimeout(SECONDS)
        phone.sendto(b"\0\1" + name.encode() + b"\0octet\0", ("127.0.0.1", server.tftp))
        data, peer = phone.recvfrom(2048)
        if data[1] == 5:
            return data[3]
        phone.sendto(b"\0\4" + data[2:4], peer)
        return data[4:]


def known(server: Running, **members: str) -> dict[str, Any]:
    """Return the one device that has these members."""
    query = urllib.parse.quote(json.dumps(members))
    (found,) = server.rest.get(f"/dev_mgr/devices?q={query}")["devices"]
    return dict(found)
