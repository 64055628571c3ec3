"""From a request to a transfer: what is sent, and what is agreed to of the options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from provisiond.tftp import packets
from provisiond.tftp.image import HEAD, Image
from provisiond.tftp.images import Images
from provisiond.tftp.limits import Occupancy
from provisiond.tftp.options import DEFAULT_BLOCK_SIZE, IPV6_OVERHEAD, Agreement, Limits, block_size_of, negotiated
from provisiond.tftp.packets import ErrorCode
from provisiond.tftp.receiving import WriteTransfer
from provisiond.tftp.running import Key, Running
from provisiond.tftp.sockets import MAX_REQUEST_DATAGRAM
from provisiond.tftp.source import ContentSource, ReadRequest, Refusal
from provisiond.tftp.transfer import ReadTransfer

PATH_MTU: Final = 1500
MAX_UPLOAD_BLOCK: Final = MAX_REQUEST_DATAGRAM - HEAD
BUSY: Final = "the server is busy, try again"
_PLAIN: Final = Agreement()


class Preparation:
    """Makes transfers of requests that the gate has let in.

    :param occupancy: tells whether there is room for firmware.
    :param refused: told ``busy`` for each file that finds no room.
    """

    def __init__(
        self,
        source: ContentSource,
        images: Images,
        limits: Limits,
        occupancy: Occupancy,
        refused: Callable[[str], None],
    ) -> None:
        self._source = source
        self._images = images
        self._limits = limits
        self._occupancy = occupancy
        self._tell_refused = refused

    def at_once(self, key: Key, packet: packets.Request, local: str, now: float) -> Running | None:
        """Return a transfer of what lies ready, or None when :meth:`later` must be awaited.

        :param now: seconds of the reactor's clock.
        :raises Refusal: when there is no room for it.
        :raises OSError: when a file cannot be looked at.
        """
        if packet.write:
            return None
        content = self._source.at_once(packet.filename, key.peer[0])
        if content is None:
            return None
        self._admit(content)
        image = self._images.ready(content, self._block_size(packet, local), packet.mode == "netascii")
        return None if image is None else self._read(key, packet, local, now, image)

    async def later(self, key: Key, packet: packets.Request, local: str, now: Callable[[], float]) -> Running:
        """Return a transfer of what has to be made first.

        :raises Refusal: for an error packet.
        :raises Silence: for no packet at all.
        :raises OSError: when a file cannot be read.
        """
        peer = str(key.peer[0])
        request = ReadRequest(
            filename=packet.filename, mode=packet.mode, peer=peer, local=local, options=packet.options
        )
        if packet.write:
            if not await self._source.accepts(request):
                raise Refusal(ErrorCode.ACCESS_VIOLATION, "uploads are not accepted")
            agreement = negotiated(packet.options, size=None, limits=self._of_uploads(local))
            return Running(key, packet, agreement, WriteTransfer(agreement), local, now())
        content = await self._source.read(request)
        self._admit(content)
        netascii, wanted = packet.mode == "netascii", self._block_size(packet, local)
        image = self._images.ready(content, wanted, netascii) or await self._images.made(content, wanted, netascii)
        return self._read(key, packet, local, now(), image)

    def _admit(self, content: bytes | Path) -> None:
        if isinstance(content, Path) and not self._occupancy.has_room_for_firmware():
            self._tell_refused("busy")
            raise Refusal(ErrorCode.UNDEFINED, BUSY)

    def _read(self, key: Key, packet: packets.Request, local: str, now: float, image: Image) -> Running:
        agreement = _PLAIN
        if packet.options:
            agreement = negotiated(packet.options, size=image.size, limits=self._capped(local))
        return Running(key, packet, agreement, ReadTransfer(image, agreement), local, now, image)

    def _block_size(self, packet: packets.Request, local: str) -> int:
        return block_size_of(packet.options, self._capped(local)) if packet.options else DEFAULT_BLOCK_SIZE

    def _capped(self, local: str) -> Limits:
        block_size = self._limits.block_size
        if ":" not in local or block_size > PATH_MTU:
            return self._limits
        return Limits(block_size=min(block_size, PATH_MTU - IPV6_OVERHEAD), window_size=self._limits.window_size)

    def _of_uploads(self, local: str) -> Limits:
        # No more of a datagram is read where the listening port answers: a longer block would come as a short last one.
        return Limits(block_size=min(self._capped(local).block_size, MAX_UPLOAD_BLOCK), window_size=1)
