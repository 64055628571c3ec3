"""Phones over TFTP: the pipeline as a source of content."""

from __future__ import annotations

from pathlib import Path

from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.metrics import Metrics
from provisiond.phones.pipeline import Pipeline
from provisiond.tftp.packets import ErrorCode
from provisiond.tftp.source import ReadRequest, Refusal, TransferResult, Upload


class TftpFiles:
    """Gives phones over TFTP what the pipeline answers; implements ``tftp.source.ContentSource``."""

    def __init__(self, pipeline: Pipeline, metrics: Metrics) -> None:
        self._pipeline = pipeline
        self._metrics = metrics

    async def read(self, request: ReadRequest) -> bytes | Path:
        """Return the file.

        :raises Refusal: file not found, or an undefined error with its reason in the log.
        """
        phone = PhoneRequest(protocol=Protocol.TFTP, method="RRQ", path=request.filename, peer=request.peer)
        answer = await self._pipeline.answer(phone, request.filename)
        if answer.outcome == "error":
            raise Refusal(ErrorCode.UNDEFINED, "the server cannot serve this now")
        if answer.content is None:
            raise Refusal(ErrorCode.NOT_FOUND, "file not found")
        content = answer.content
        if content.data is not None:
            return content.data
        assert content.path is not None
        return content.path

    def accepts(self, request: ReadRequest) -> bool:
        """Refuse uploads: what phones write over TFTP is wanted by no plugin."""
        return False

    async def uploaded(self, upload: Upload) -> None:
        """Never called, since nothing is accepted."""

    def ended(self, result: TransferResult) -> None:
        """Count a transfer."""
        self._metrics.tftp_transfers.labels(result.outcome).inc()
        self._metrics.tftp_retransmissions.inc(result.retransmissions)
        self._metrics.tftp_seconds.observe(result.seconds)
