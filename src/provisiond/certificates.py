"""TLS for listening ports, with certificates that can be exchanged while connections are open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import CertificateOptions
from zope.interface import implementer

from provisiond.errors import CertificateProblem

_ARGUMENTS: Final = {"privateKey", "certKey", "extraCertChain", "interface", "backlog"}


@frozen
class TlsEndpoint:
    """What an endpoint text such as ``ssl:8666:privateKey=key.pem:certKey=fullchain.pem`` says.

    :param files: private key, certificate (its chain may follow in the same file), further certificates of the chain.
    """

    port: int
    files: tuple[Path, ...]
    interface: str = ""
    backlog: int = 50

    @classmethod
    def parse(cls, endpoint: str) -> TlsEndpoint | None:
        """Return what an endpoint says; None for one of another kind, or with arguments that only Twisted knows."""
        kind, *words = _words(endpoint)
        if kind != "ssl" or not words or not words[0].isdigit():
            return None
        named = dict(word.partition("=")[::2] for word in words[1:])
        if set(named) - _ARGUMENTS or not named.get("backlog", "50").isdigit():
            return None
        return cls(int(words[0]), _files(named), named.get("interface", ""), int(named.get("backlog", "50")))


def _words(endpoint: str) -> list[str]:
    """Split at colons; a backslash before a colon or backslash makes it an ordinary character."""
    pieces = re.findall(r"(?:\\.|[^:\\])+", endpoint)
    return [re.sub(r"\\(.)", r"\1", piece) for piece in pieces]


def _files(named: Mapping[str, str]) -> tuple[Path, ...]:
    key = named.get("privateKey", "server.pem")
    more = [named["extraCertChain"]] if named.get("extraCertChain") else []
    return tuple(map(Path, (key, named.get("certKey") or key, *more)))


@implementer(IOpenSSLServerConnectionCreator)
class ServerCertificate:
    """The certificate of a listening port.

    :param files: see :class:`TlsEndpoint`.
    """

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = files
        self._context: Any = None

    @property
    def name(self) -> str:
        """What an administrator knows it by: the name of its file, without the way there."""
        return self._files[1].name

    def read(self) -> Any:
        """Return a context of what the files hold now, for :meth:`use`. Blocks.

        :raises CertificateProblem: when a file cannot be read, or key and certificate do not fit.
        """
        contents = []
        for path in self._files:
            try:
                contents.append(path.read_bytes())
            except OSError as error:
                raise CertificateProblem(f"{path} cannot be read: {error.strerror}") from None
        key, *certificates = contents
        try:
            own, *chain = [each for content in certificates for each in load_pem_x509_certificates(content)]
            # Twisted's choice of protocols, ciphers and curves
            context: Any = CertificateOptions().getContext()
            context.use_certificate(own)
            context.use_privatekey(load_pem_private_key(key, None))
            for each in chain:
                context.add_extra_chain_cert(each)
            context.check_privatekey()
        except (SSL.Error, UnsupportedAlgorithm, ValueError, TypeError):
            names = " and ".join(dict.fromkeys(map(str, self._files)))
            raise CertificateProblem(f"{names} do not hold a private key and its certificate in PEM") from None
        return context

    def use(self, context: Any) -> None:
        """Give this certificate to every connection that comes from now on."""
        self._context = context

    @property
    def ends(self) -> datetime | None:
        """When the certificate in use ends; None when there is none yet."""
        own = None if self._context is None else SSL.Connection(self._context, None).get_certificate()
        return None if own is None else own.to_cryptography().not_valid_after_utc

    def serverConnectionForTLS(self, protocol: Any) -> Any:  # noqa: N802
        """Return the TLS side of a new connection."""
        return SSL.Connection(self._context, None)
