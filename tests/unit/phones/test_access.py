"""Networks that may fetch files can be exchanged."""

from __future__ import annotations

from provisiond.identification.values import Protocol
from provisiond.phones.access import Access


def test_networks_are_exchanged() -> None:
    access = Access({Protocol.TFTP: ["192.0.2.0/24"]})
    assert [access.admits(Protocol.TFTP, peer) for peer in ("192.0.2.1", "198.51.100.1", None)] == [True, False, False]
    assert access.admits(Protocol.HTTP, "198.51.100.1")
    access.use({Protocol.HTTP: ["198.51.100.0/24"], Protocol.TFTP: []})
    assert access.admits(Protocol.TFTP, "198.51.100.1")
    assert [access.admits(Protocol.HTTP, peer) for peer in ("192.0.2.1", "198.51.100.1")] == [False, True]
