"""Backup, restore, and the files that are sent in pieces for them (ours, beyond the contract)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from provisiond.errors import InvalidInput
from provisiond.provisioning.backups import Backups
from provisiond.provisioning.ports import Threads
from provisiond.provisioning.received import ReceivedFiles
from provisiond.rest.answers import NO_CONTENT, Answer, created
from provisiond.rest.bodies import AnyBody, Body, UploadBody
from provisiond.rest.bulk import flag
from provisiond.rest.operations import begun
from provisiond.rest.our_documents import LastRestore, ReceivedSize
from provisiond.rest.routing import Call, check_master, route

# In which bodies may be as large as a piece.
PIECES: Final = (rb"/(provd|0\.2|api/provd/0\.2)/uploads/",)
ARCHIVE: Final = "application/gzip"
CHUNK: Final = 256 * 1024
UNKNOWN: Final = {404: "No such upload, or it was forgotten."}


class ReceivedBody(Body):
    """Which upload to use; ``dry_run`` changes nothing."""

    upload: str
    dry_run: bool = False


class BackupResources:
    """What administrators of the whole server can keep and bring back."""

    def __init__(self, backups: Backups, received: ReceivedFiles, threads: Threads) -> None:
        self._backups = backups
        self._received = received
        self._threads = threads

    @route(
        "GET",
        "/backup",
        "provd.backup.read",
        "Make a backup of everything, secrets included (ours)",
        media_type=None,
        answers=(ARCHIVE,),
        query=("firmware", "phone_files"),
        statuses={200: "An archive for POST /restore."},
    )
    async def backup(self, call: Call) -> Answer:
        """Return a backup."""
        check_master(call)
        wanted = {name: flag(call, name) for name in ("firmware", "phone_files")}
        chunks = None if call.method == "HEAD" else self._pieces(await self._backups.make(**wanted))
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="provisiond-backup.tar.gz"',
        }
        return Answer(content_type=ARCHIVE, headers=headers, content=b"" if chunks is None else None, chunks=chunks)

    async def _pieces(self, archive: Path) -> AsyncIterator[bytes]:
        try:
            file: Any = await self._threads.run(archive.open, "rb")
            try:
                while piece := await self._threads.run(file.read, CHUNK):
                    yield piece
            finally:
                file.close()
        finally:
            await self._backups.discard(archive)

    @route(
        "POST",
        "/restore",
        "provd.restore.create",
        "Replace everything that the server keeps by a backup, and begin anew (ours)",
        body=ReceivedBody,
        statuses={
            201: "It is being checked; the operation succeeds when the server is about to begin anew.",
            **UNKNOWN,
        },
    )
    async def restore(self, call: Call) -> Answer:
        """Begin to restore an upload."""
        check_master(call)
        body = call.body_as(ReceivedBody)
        return begun(call, await self._backups.restore(body.upload, dry_run=body.dry_run))

    @route("GET", "/restore", "provd.restore.read", "What was restored last (ours)", response=LastRestore)
    async def restored(self, call: Call) -> Answer:
        """Return which backup the present state came from."""
        check_master(call)
        return Answer(document={"restored": await self._backups.restored()})

    # Files that are sent in pieces

    @route(
        "POST",
        "/uploads",
        "provd.uploads.create",
        "Begin to send a file in pieces (ours)",
        body=AnyBody,
        statuses={201: "Begun; Location is where its pieces go."},
    )
    async def begin(self, call: Call) -> Answer:
        """Make room for a file."""
        check_master(call)
        file_id = await self._received.begin()
        return created(f"{call.prefix}/uploads/{file_id}", file_id)

    @route(
        "PUT",
        "/uploads/<upload>",
        "provd.uploads.update",
        "Send the next piece of a file, at most 16 MiB (ours)",
        upload=True,
        query=("offset",),
        statuses={200: "How much has come.", 400: "It is not the next piece.", **UNKNOWN},
        response=ReceivedSize,
    )
    async def add(self, call: Call) -> Answer:
        """Keep a piece."""
        check_master(call)
        text = call.query.get("offset", "0")
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise InvalidInput("offset is a number of bytes")
        piece = call.body_as(UploadBody).content
        return Answer(document={"size": await self._received.add(call.arguments["upload"], int(text), piece)})

    @route(
        "GET",
        "/uploads/<upload>",
        "provd.uploads.read",
        "How much of a file has come (ours)",
        statuses=UNKNOWN,
        response=ReceivedSize,
    )
    async def size(self, call: Call) -> Answer:
        """Return where the next piece begins."""
        check_master(call)
        return Answer(document={"size": self._received.size(call.arguments["upload"])})

    @route(
        "DELETE",
        "/uploads/<upload>",
        "provd.uploads.delete",
        "Forget a file that was sent (ours)",
        statuses={204: "Forgotten.", **UNKNOWN},
    )
    async def forget(self, call: Call) -> Answer:
        """Remove a file."""
        check_master(call)
        await self._received.forget(call.arguments["upload"])
        return NO_CONTENT
