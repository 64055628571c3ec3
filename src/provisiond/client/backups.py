"""Backups of the whole server, and files that are sent in pieces (ours, beyond the provd API)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO, Any, Final

from provisiond.client.faces import Asked, Resource, Stream, Streamed, Way
from provisiond.client.messages import Conversation, Request, checked, flags, path
from provisiond.client.operations import begun
from provisiond.client.values import Operation

PIECE: Final = 4 << 20
PATIENCE: Final = 900.0
_BINARY: Final = "application/octet-stream"


class _Bytes:
    """Pieces as they come."""

    def feed(self, data: bytes) -> Iterable[bytes]:
        return (data,)

    def end(self) -> Iterable[bytes]:
        return ()


class Backups(Resource[Way]):
    """Everything that the server keeps; only tokens of the master tenant may have it."""

    @Streamed
    def make(self, *, firmware: bool = False, phone_files: bool = False) -> Stream[bytes]:
        """Yield the bytes of a new backup, an archive; it holds every secret of the server.

        :param firmware: whether installed firmware goes in.
        :param phone_files: whether files that phones have sent go in.
        """
        query = flags(firmware=firmware, phone_files=phone_files)
        request = Request(method="GET", path="/backup", query=query, accept="application/gzip", patience=PATIENCE)
        return Stream(request=request, decoder=_Bytes)

    @Asked
    def send(self, file: IO[bytes], progress: Callable[[int], None] | None = None) -> Conversation[str]:
        """Send a file in pieces and return the id of the upload.

        :param file: open for reading in binary mode.
        :param progress: called with the number of bytes that have been sent.
        """
        answer = checked((yield Request(method="POST", path="/uploads", document={})))
        upload, sent = str(answer.member("id")), 0
        while piece := file.read(PIECE):
            query = (("offset", str(sent)),)
            place = "/uploads" + path(upload)
            checked((yield Request(method="PUT", path=place, query=query, content=piece, content_type=_BINARY)))
            sent += len(piece)
            if progress is not None:
                progress(sent)
        return upload

    @Asked
    def sent(self, upload: str) -> Conversation[int]:
        """Return how many bytes of an upload have come.

        :raises NotFound: when it was used or forgotten.
        """
        return int(checked((yield Request(method="GET", path="/uploads" + path(upload)))).member("size"))

    @Asked
    def forget(self, upload: str) -> Conversation[None]:
        """Forget an upload.

        :raises NotFound: when it was used or forgotten.
        """
        checked((yield Request(method="DELETE", path="/uploads" + path(upload))))

    @Asked
    def restore(self, upload: str, *, dry_run: bool = False) -> Conversation[Operation]:
        """Begin to check a backup that was sent, and to put it in the place of everything that the server keeps.

        When the operation has succeeded the server begins anew, with the tokens of the backup.

        :param dry_run: only check it.
        :raises NotFound: when there is no such upload.
        """
        document = {"upload": upload, "dry_run": dry_run}
        return begun((yield Request(method="POST", path="/restore", document=document)))

    @Asked
    def migrate(self, upload: str, *, dry_run: bool = False) -> Conversation[Operation]:
        """Begin to take over the state of another server that was sent: an archive of its ``jsondb``, ``plugins`` …

        :param dry_run: only tell what would be taken.
        :raises NotFound: when there is no such upload.
        """
        document = {"upload": upload, "dry_run": dry_run}
        return begun((yield Request(method="POST", path="/migrate", document=document)))

    @Asked
    def migrated(self) -> Conversation[dict[str, Any] | None]:
        """Return what was taken over last: ``taken``, ``there_already``, ``not_taken``, ``dry_run``; or None."""
        found = checked((yield Request(method="GET", path="/migrate"))).member("report")
        return None if found is None else dict(found)

    @Asked
    def restored(self) -> Conversation[dict[str, Any] | None]:
        """Return which backup the present state came from: ``id``, ``made``, ``provisiond``; None for none."""
        found = checked((yield Request(method="GET", path="/restore"))).member("restored")
        return None if found is None else dict(found)
