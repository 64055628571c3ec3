"""Certificates of listening ports: what an endpoint names, what is refused, what is exchanged."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from tests.support.certificates import certificate

from provisiond.certificates import ServerCertificate, TlsEndpoint
from provisiond.errors import CertificateProblem


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("ssl:8666", TlsEndpoint(8666, (Path("server.pem"), Path("server.pem")))),
        ("ssl:8666:privateKey=a.pem", TlsEndpoint(8666, (Path("a.pem"), Path("a.pem")))),
        (
            "ssl:1:certKey=/c.pem:privateKey=/k.pem:extraCertChain=/x.pem:interface=127.0.0.1:backlog=9",
            TlsEndpoint(1, (Path("/k.pem"), Path("/c.pem"), Path("/x.pem")), "127.0.0.1", 9),
        ),
        (r"ssl:1:privateKey=C\:\\k.pem", TlsEndpoint(1, (Path(r"C:\k.pem"), Path(r"C:\k.pem")))),
        (r"ssl:1:interface=\:\:1", TlsEndpoint(1, (Path("server.pem"), Path("server.pem")), "::1")),
        ("tcp:8666", None),
        ("ssl:", None),
        ("ssl:http", None),
        ("ssl:1:sslmethod=TLS_METHOD", None),
        ("ssl:1:backlog=many", None),
        ("unix:/run/x", None),
    ],
)
def test_endpoints(endpoint: str, expected: TlsEndpoint | None) -> None:
    assert TlsEndpoint.parse(endpoint) == expected


def shown_by(server: ServerCertificate) -> list[bytes]:
    """Return the certificates that a client is shown, without a socket."""
    theirs = server.serverConnectionForTLS(None)
    ours = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    theirs.set_accept_state()
    ours.set_connect_state()
    for _ in range(10):
        for one, other in ((ours, theirs), (theirs, ours)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(65536))
    chain: Any = ours.get_peer_cert_chain(as_cryptography=True)
    return [each.public_bytes(Encoding.PEM) for each in chain]


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_certificate_is_shown_and_exchanged(tmp_path: Path) -> None:
    first, key = certificate()
    files = put(tmp_path / "key.pem", key), put(tmp_path / "cert.pem", first)
    server = ServerCertificate(files)
    server.use(server.read())
    assert shown_by(server) == [first]
    second, key = certificate()
    put(files[0], key)
    put(files[1], second)
    assert shown_by(server) == [first]
    server.use(server.read())
    assert shown_by(server) == [second]


def test_the_chain_comes_from_the_same_file_or_another(tmp_path: Path) -> None:
    own, key = certificate()
    others = [certificate()[0] for _ in range(3)]
    files = (
        put(tmp_path / "key.pem", key),
        put(tmp_path / "fullchain.pem", own + others[0] + b"text between\n" + others[1]),
        put(tmp_path / "more.pem", others[2]),
    )
    server = ServerCertificate(files)
    server.use(server.read())
    assert shown_by(server) == [own, *others]


@pytest.mark.parametrize("damage", ["foreign key", "no key", "no certificate", "nonsense", "missing"])
def test_what_cannot_be_used_is_told_in_a_sentence(tmp_path: Path, damage: str) -> None:
    public, key = certificate()
    files = put(tmp_path / "key.pem", key), put(tmp_path / "cert.pem", public)
    if damage == "foreign key":
        put(files[0], certificate()[1])
    elif damage == "no key":
        put(files[0], public)
    elif damage == "no certificate":
        put(files[1], b"")
    elif damage == "nonsense":
        put(files[1], b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    else:
        files[1].unlink()
    with pytest.raises(CertificateProblem) as refusal:
        ServerCertificate(files).read()
    assert "cert.pem" in refusal.value.sentence
    assert "\n" not in refusal.value.sentence
