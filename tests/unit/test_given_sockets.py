"""Sockets that somebody else has opened, and who takes which."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from provisiond.errors import SettingsProblem, StartProblem
from provisiond.given_sockets import GivenSockets, Place, first_environment
from provisiond.listening import with_given_sockets
from provisiond.settings import Settings, load_settings

STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bound(
    stack: ExitStack, kind: int, host: str = "127.0.0.1", port: int = 0, *, shared: bool = False
) -> socket.socket:
    sock = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind))
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    return sock


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


class TestWhoTakesWhich:
    def test_the_one_on_the_same_address_is_taken_once(self, opened: ExitStack) -> None:
        sock = bound(opened, STREAM)
        given = GivenSockets([("http", sock)])
        assert given.unwanted() == [f"127.0.0.1:{port_of(sock)}"]
        endpoint = f"tcp:{port_of(sock)}:interface=127.0.0.1:backlog=5"
        assert given.stream(endpoint) is sock
        assert given.stream(endpoint) is None
        assert given.unwanted() == []

    def test_one_on_every_address_serves_a_single_one(self, opened: ExitStack) -> None:
        sock = bound(opened, STREAM, "0.0.0.0")
        assert GivenSockets([("", sock)]).stream(f"ssl:{port_of(sock)}:interface=127.0.0.1") is sock
        six = bound(opened, STREAM, "::")
        assert GivenSockets([("", six)]).stream(f"tcp:{port_of(six)}") is six
        assert GivenSockets([("", six)]).stream(f"tcp6:{port_of(six)}:interface=\\:\\:1") is six

    def test_one_on_a_single_address_does_not_stand_for_all(self, opened: ExitStack) -> None:
        sock = bound(opened, STREAM)
        given = GivenSockets([("", sock)])
        assert given.stream(f"tcp:{port_of(sock)}") is None
        assert given.stream(f"tcp:{port_of(sock) ^ 1}:interface=127.0.0.1") is None
        assert given.stream("systemd:http") is None

    def test_ipv4_alone_does_not_serve_ipv6(self, opened: ExitStack) -> None:
        sock = bound(opened, STREAM, "0.0.0.0")
        assert GivenSockets([("", sock)]).stream(f"tcp6:{port_of(sock)}") is None

    def test_datagrams_and_streams_are_not_confused(self, opened: ExitStack) -> None:
        sock = bound(opened, DATAGRAM)
        given = GivenSockets([("", sock)])
        assert given.stream(f"tcp:{port_of(sock)}:interface=127.0.0.1") is None
        assert given.datagrams("127.0.0.1", port_of(sock)) == [sock]
        assert given.datagrams("127.0.0.1", port_of(sock)) == []

    def test_every_datagram_socket_of_an_address_is_taken(self, opened: ExitStack) -> None:
        first = bound(opened, DATAGRAM, shared=True)
        second = bound(opened, DATAGRAM, port=port_of(first), shared=True)
        other = bound(opened, DATAGRAM)
        given = GivenSockets([("tftp", first), ("tftp", second), ("other", other)])
        assert given.datagrams("127.0.0.1", port_of(first)) == [first, second]
        assert given.unwanted() == [f"127.0.0.1:{port_of(other)}"]

    def test_a_unix_socket_is_found_by_its_path(self, opened: ExitStack, tmp_path: Path) -> None:
        sock = opened.enter_context(socket.socket(socket.AF_UNIX))
        sock.bind(str(tmp_path / "rest"))
        assert GivenSockets([("", sock)]).stream(f"unix:{tmp_path}/rest:mode=660") is sock

    def test_places_are_shown_as_addresses(self) -> None:
        assert str(Place("::", 69)) == "[::]:69"
        assert str(Place("/run/x", 0)) == "/run/x"


class TestNames:
    def test_names_become_addresses(self, opened: ExitStack, tmp_path: Path) -> None:
        http, tftp, six = bound(opened, STREAM), bound(opened, DATAGRAM), bound(opened, STREAM, "::1")
        unix = opened.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(tmp_path / "a:b"))
        given = GivenSockets([("http", http), ("tftp", tftp), ("six", six), ("unix", unix)])
        named = Settings.model_validate(
            {
                "http": {"listen": "systemd:http"},
                "tftp": {"listen": ["systemd:tftp", "127.0.0.1:6969"]},
                "rest_api": {"listen": "systemd:six"},
                "extensions": {"listen": "systemd:unix"},
            }
        )
        settings = with_given_sockets(named, given)
        assert settings.http.listen == f"tcp:{port_of(http)}:interface=127.0.0.1"
        assert settings.tftp.listen == [f"127.0.0.1:{port_of(tftp)}", "127.0.0.1:6969"]
        assert given.stream(settings.http.listen) is http
        assert given.stream(settings.rest_api.listen) is six
        assert settings.extensions.listen is not None
        assert given.stream(settings.extensions.listen) is unix

    def test_a_name_that_was_not_handed_over_is_a_sentence(self, opened: ExitStack) -> None:
        given = GivenSockets([("http", bound(opened, STREAM))])
        for section in ({"http": {"listen": "systemd:web"}}, {"tftp": {"listen": ["systemd:http"]}}):
            with pytest.raises(StartProblem, match="no socket of this name was handed over"):
                with_given_sockets(Settings.model_validate(section), given)

    @pytest.mark.parametrize("text", ["http: {listen: 'systemd:a b'}", "tftp: {listen: ['systemd:']}"])
    def test_what_cannot_be_a_name_is_refused(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "config.yml"
        file.write_text(text)
        with pytest.raises(SettingsProblem, match=r"does not name a socket|is not an endpoint"):
            load_settings(file)


class TestEnvironment:
    @pytest.mark.parametrize(
        "environment",
        [
            {},
            {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"},
            {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"},
            {"LISTEN_PID": str(os.getpid())},
        ],
    )
    def test_nothing_is_taken_that_is_not_meant_for_this_process(self, environment: dict[str, str]) -> None:
        assert GivenSockets.of(environment).unwanted() == []

    def test_the_environment_of_the_start_is_read_as_the_kernel_keeps_it(self, tmp_path: Path) -> None:
        (tmp_path / "environ").write_bytes(b"LISTEN_FDS=2\0EMPTY=\0URL=a=b\0")
        assert first_environment(tmp_path / "environ") == {"LISTEN_FDS": "2", "EMPTY": "", "URL": "a=b"}
