"""A front: a process that serves phones on sockets it was given, and knows what the owner tells it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from provisiond.identification.knowledge import Knowledge
from provisiond.phones.accepting import accept_plainly
from provisiond.phones.service import PhoneService
from provisiond.phones.sharing.distant import DistantPipeline, UseLevels
from provisiond.phones.sharing.known import KnownFiles, KnownPhones
from provisiond.phones.sharing.own_answers import OwnAnswers
from provisiond.phones.sharing.stamps import SharedStamp
from provisiond.phones.tftp import TftpFiles
from provisiond.provisioning.ports import Threads
from provisiond.settings import Settings
from provisiond.tftp.limits import Bounds
from provisiond.tftp.options import Limits
from provisiond.tftp.service import TftpService
from provisiond.tftp.source import TransferResult

log = Logger()
MEBIBYTE = 1024 * 1024
FIGURES_SECONDS = 2.0
LEAVE_SECONDS = 1.0


class FrontTftpFiles(TftpFiles):
    """Content of the owner; ends of transfers are told to it."""

    def __init__(self, distant: DistantPipeline) -> None:
        super().__init__(distant, None)
        self._distant = distant

    def ended(self, result: TransferResult) -> None:
        """Take note of the end of a transfer."""
        self._distant.ended(result)


class Front:
    """Serves phones once the owner has told it how.

    :param http: descriptor of the listening HTTP socket and its address family, or None.
    :param tftp: descriptors of bound UDP sockets that nobody else reads from.
    :param room_for: returns how many TFTP transfers and HTTP connections are possible here, of those wanted.
    :param ended: called when the owner is gone.
    :param use_levels: takes the levels of log lines, in general and of subsystems.
    """

    def __init__(
        self,
        reactor: Any,
        threads: Threads,
        stamp: SharedStamp,
        *,
        http: tuple[int, int] | None,
        tftp: Sequence[int],
        room_for: Callable[[int, int], tuple[int, int]],
        ended: Any,
        use_levels: UseLevels = lambda level, levels: None,
    ) -> None:
        self._use_levels = use_levels
        self._reactor = reactor
        self._threads = threads
        self._http_fd = http
        self._tftp_fds = tuple(tftp)
        self._room_for = room_for
        self._port: Any = None
        self._phones: PhoneService | None = None
        self._tftp: TftpService | None = None
        self._figures: Any = None
        self.pipeline = DistantPipeline(stamp, reactor, self._begin, ended, levels=use_levels)

    async def stop(self, seconds: float) -> None:
        """Take no more requests, let transfers finish for at most so long, and tell the owner of them."""
        if self._figures is not None:
            self._figures.cancel()
            self._figures = None
        if self._port is not None:
            ended = self._port.stopListening()
            if ended is not None:
                await ended
        # Both at the same time: the owner does not wait for long.
        phones = None if self._phones is None else Deferred.fromCoroutine(self._phones.stop(seconds))
        if self._tftp is not None:
            await self._tftp.stop(seconds)
        if phones is not None:
            await phones
        await self.pipeline.leave(LEAVE_SECONDS)

    def _begin(self, header: dict[str, Any]) -> None:
        settings = Settings.model_validate(header["settings"])
        self._use_levels(*header["levels"])
        files = KnownFiles(self.pipeline.ask)
        self.pipeline.own = OwnAnswers(KnownPhones(Knowledge.shipped(), files), files, self.pipeline.answered)
        transfers, connections = self._room_for(settings.tftp.max_transfers, settings.http.max_connections)
        if self._http_fd is not None:
            self._phones = PhoneService(
                self.pipeline,
                self._threads,
                self._reactor,
                trusted_proxies=settings.http.trusted_proxies,
                max_connections=connections,
                refused=lambda reason: self.pipeline.refused("http", reason),
                sent=self.pipeline.sent,
            )
            fd, family = self._http_fd
            self._port = self._reactor.adoptStreamPort(fd, socket.AddressFamily(family), self._phones)
            accept_plainly(self._port, self._reactor, shared=True)
        service = tftp_service(
            settings,
            self._reactor,
            FrontTftpFiles(self.pipeline),
            self._threads,
            transfers=transfers,
            refused=lambda reason: self.pipeline.refused("tftp", reason),
        )
        service.adopt([socket.socket(fileno=fd) for fd in self._tftp_fds])
        service.start()
        self._tftp = service
        self._tell_figures(self._reactor.seconds())
        log.info("process {number} serves phones", number=header["number"])

    def _tell_figures(self, planned: float) -> None:
        now = self._reactor.seconds()
        tftp, phones = self._tftp, self._phones
        self.pipeline.figures(
            tftp_running=0 if tftp is None else tftp.transfers,
            tftp_waiting=0 if tftp is None else tftp.waiting,
            tftp_sockets=0 if tftp is None else tftp.sockets,
            tftp_image_bytes=0 if tftp is None else tftp.image_bytes,
            http_connections=0 if phones is None else phones.connections,
            http_waiting=0 if phones is None else phones.waiting,
            lag=max(0.0, now - planned),
        )
        self._figures = self._reactor.callLater(FIGURES_SECONDS, self._tell_figures, now + FIGURES_SECONDS)


def tftp_service(
    settings: Settings, reactor: Any, files: TftpFiles, threads: Threads, *, transfers: int, refused: Any
) -> TftpService:
    """Return the TFTP service that the settings describe.

    :param transfers: at once.
    :param refused: told the reason of each refusal because of a bound.
    """
    tftp = settings.tftp
    return TftpService(
        reactor,
        tftp.listen,
        files,
        threads,
        limits=Limits(block_size=tftp.max_block_size, window_size=tftp.max_window_size),
        bounds=Bounds(
            transfers=transfers,
            transfers_per_peer=tftp.max_transfers_per_peer,
            requests_per_second=tftp.requests_per_peer,
            burst=5 * tftp.requests_per_peer,
        ),
        ports=tftp.port_range,
        single_port=tftp.single_port,
        image_memory=tftp.image_memory * MEBIBYTE,
        refused=refused,
    )
