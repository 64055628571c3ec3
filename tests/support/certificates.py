"""A file server with a certificate that only its own policy trusts."""

from __future__ import annotations

import datetime
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.file_server import FileServer
from twisted.internet.ssl import Certificate
from twisted.web.client import BrowserLikePolicyForHTTPS


def certificate(days: float = 1) -> tuple[bytes, bytes]:
    """Return certificate and private key for ``localhost``, as PEM; it ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return built.public_bytes(serialization.Encoding.PEM), private


@contextmanager
def tls_file_server() -> Iterator[tuple[FileServer, BrowserLikePolicyForHTTPS]]:
    """Run a file server over TLS; also give the policy that trusts it."""
    public, private = certificate()
    server = FileServer()
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(public + private)
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
    server.wrap(context)
    server.start()
    try:
        yield server, BrowserLikePolicyForHTTPS(trustRoot=Certificate.loadPEM(public))
    finally:
        server.stop()
