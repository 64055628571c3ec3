"""The requests and responses of the founding document, byte for byte as far as HTTP has an opinion."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen
from tests.support.servers import Running, build_repository, prepared

EXCHANGES = Path(__file__).parents[1] / "data" / "founding-exchanges.txt"
SHIPPED = ("aastra-3.3.1-SP2", "cisco-sccp-9.0.3")


@frozen
class Message:
    """One request or response of the document."""

    first: str
    headers: dict[str, str]
    body: str

    @classmethod
    def parse(cls, text: str) -> Message:
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.splitlines()
        return cls(first, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body)


def exchanges(prefix: str) -> list[tuple[Message, Message]]:
    """Return the document's exchanges, its plugins named as on this server."""
    text = EXCHANGES.read_text(encoding="utf-8").replace("xivo-", prefix)
    messages = [Message.parse(each) for each in text.strip().split("\n\n----\n\n")]
    return list(zip(messages[::2], messages[1::2], strict=True))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module", params=["xivo-", ""], ids=["names of the document", "names as shipped"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> Iterator[tuple[str, Running]]:
    house = prepared(tmp_path_factory.mktemp("server"), repository)
    for plugin in SHIPPED if request.param else ():
        shutil.copytree(
            repository.parent / "built" / plugin, house.server.state / "plugins" / f"{request.param}{plugin}"
        )
    house.server.start()
    try:
        if not request.param:
            house.install(*SHIPPED)
        yield request.param, house
    finally:
        house.server.stop()


def said(house: Running, request: Message) -> Message:
    """Send a request as it stands in the document, with a token and its length, and return the response."""
    token = (house.server.state / "admin-token").read_text().strip()
    headers = {**request.headers, "X-Auth-Token": token, "Connection": "close"}
    if request.body:
        headers["Content-Length"] = str(len(request.body.encode()))
    lines = [request.first, *(f"{name}: {value}" for name, value in headers.items()), "", request.body]
    with socket.create_connection(("127.0.0.1", house.rest_port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode())
        chunks = list(iter(lambda: connection.recv(65536), b""))
    return Message.parse(b"".join(chunks).decode())


@pytest.mark.parametrize("number", range(5))
def test_an_exchange_of_the_document(server: tuple[str, Running], number: int) -> None:
    prefix, house = server
    request, expected = exchanges(prefix)[number]
    got = said(house, request)
    assert got.first == expected.first
    assert got.headers.get("content-type") == expected.headers.get("content-type")
    if expected.body:
        assert json.loads(got.body) == json.loads(expected.body)
    else:
        assert got.body == ""


def test_the_document_is_whole() -> None:
    firsts = [request.first for request, _ in exchanges("xivo-")]
    assert [first.split()[1] for first in firsts] == [
        "/provd/pg_mgr",
        "/provd/pg_mgr/plugins",
        "/provd/pg_mgr/plugins/xivo-aastra-3.3.1-SP2",
        "/provd/pg_mgr/plugins/xivo-aastra-3.3.1-SP2/info",
        "/provd/pg_mgr/reload",
    ]
