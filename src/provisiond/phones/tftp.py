"""Phones over TFTP: the pipeline as a source of content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.metrics import Metrics
from provisiond.phones.access import client_address
from provisiond.phones.content import SILENCE, Content
from provisiond.phones.pipeline import Answering
from provisiond.tftp.packets import ErrorCode
from provisiond.tftp.source import ReadRequest, Refusal, Silence, TransferResult, Upload


class TftpFiles:
    """Gives phones over TFTP what the pipeline answers; implements ``tftp.source.ContentSource``."""

    def __init__(self, pipeline: Answering, metrics: Metrics | None) -> None:
        self._pipeline = pipeline
        self._metrics = metrics

    def at_once(self, filename: str, peer: str) -> bytes | Path | None:
        """Return what this phone was given a moment ago, if it would be given the same now."""
        kept = self._pipeline.again((filename, peer), "tftp", "RRQ")
        return None if kept is None else _bytes_or_path(kept.content)

    async def read(self, request: ReadRequest) -> bytes | Path:
        """Return the file.

        :raises Refusal: file not found, or an undefined error with its reason in the log.
        :raises Silence: when the plugin of the phone does not answer.
        """
        key = (request.filename, request.peer)
        phone = _phone_request("RRQ", request.filename, request.peer, request.mode, request.options)
        answer = await self._pipeline.answer(phone, request.filename, key)
        if answer.outcome == "error":
            raise Refusal(ErrorCode.UNDEFINED, "the server cannot serve this now")
        if answer.content is None:
            raise Refusal(ErrorCode.NOT_FOUND, "file not found")
        own = answer.content.own
        if own is not None and own.status == SILENCE:
            raise Silence(own.text)
        if own is not None and own.status < 0:
            raise Refusal(ErrorCode(min(-1 - own.status, 8)), own.text)
        return _bytes_or_path(answer.content)

    async def accepts(self, request: ReadRequest) -> bool:
        """Tell whether the plugin of this phone wants the file."""
        return (
            await self._pipeline.may_upload(_phone_request("WRQ", request.filename, request.peer), request.filename)
            is not None
        )

    async def uploaded(self, upload: Upload) -> None:
        """Keep what a phone has sent; it was accepted before."""
        request = _phone_request("WRQ", upload.filename, upload.peer)
        device = await self._pipeline.may_upload(request, upload.filename)
        if device is not None:
            await self._pipeline.uploaded(device, upload.filename, upload.content)

    def ended(self, result: TransferResult) -> None:
        """Count a transfer."""
        if self._metrics is not None:
            self._metrics.note_transfer(result.outcome, result.retransmissions, result.seconds)


def _bytes_or_path(content: Content) -> bytes | Path:
    if content.data is not None:
        return content.data
    assert content.path is not None
    return content.path


def _phone_request(
    method: str, path: str, peer: str, mode: str = "octet", options: Mapping[str, str] | None = None
) -> PhoneRequest:
    # A socket for both families, as systemd may hand one over, tells addresses of IPv4 as ones of IPv6.
    address = client_address(peer, None, 0)
    return PhoneRequest(
        protocol=Protocol.TFTP, method=method, path=path, peer=address, mode=mode, options=options or {}
    )
