"""What plugins of the older interface answer phones by code of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.provisioning import run

from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.model.device import Device
from provisiond.phones.plugin_answers import asked_content
from provisiond.phones.replies import own_reply


class Plugins:
    """Answer as a plugin's resource does."""

    def __init__(self, body: bytes, *headers: tuple[str, str]) -> None:
        self._answer = {"status": 200, "headers": headers}, body

    async def ask(self, kind: str, plugin_id: str, *arguments: Any) -> tuple[Mapping[str, Any], bytes]:
        return self._answer


@pytest.mark.parametrize(
    ("method", "body", "told", "length"),
    [
        ("GET", b"12345", "7", "5"),
        ("HEAD", b"", "7", "7"),
        ("HEAD", b"", "-7", "0"),
        ("HEAD", b"", "many", "0"),
        ("POST", b"", "7", "0"),
    ],
)
def test_the_length_of_a_body_that_is_not_sent_is_what_the_plugin_says(
    method: str, body: bytes, told: str, length: str
) -> None:
    plugins = Plugins(body, ("Content-Length", told), ("X-Mine", "1"))
    request = PhoneRequest(protocol=Protocol.HTTP, method=method, path="/a", peer="192.0.2.7")
    content = run(asked_content(plugins, Device({"id": "d", "plugin": "p"}), request, {}))
    reply = own_reply(content)
    assert (reply.headers, reply.sentence) == ((("X-Mine", "1"), ("Content-Length", length)), body)
