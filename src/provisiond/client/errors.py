"""What can go wrong between a program and the server: a status, the server's sentence, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from provisiond.client.values import WrongRow
from provisiond.errors import ProvisiondError


class ClientError(ProvisiondError):
    """A request that was not done.

    :ivar status: HTTP status, or None when there was no answer.
    :ivar sentence: what the server says, or what happened on the way.
    :ivar advice: what to do about it, one sentence.
    """

    code: ClassVar[str] = "client"
    advice: ClassVar[str] = "Look at the server's log."

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


class Refused(ClientError):
    """The server does not take what was sent (400, 405, 406, 413, 415)."""

    code = "refused"
    advice = "Correct what the sentence names and send it again."


class WrongRequest(Refused):
    """A request that this client does not even send; the sentence says which argument is wrong."""

    code = "wrong-request"


class RowsRefused(Refused):
    """An import holds wrong rows; nothing of it is stored.

    :ivar rows: the wrong rows that the server tells, each with its number.
    :ivar wrong: how many rows are wrong in all.
    """

    code = "rows-refused"
    advice = "Correct the rows and import the whole file again; nothing of it was stored."

    def __init__(self, sentence: str, rows: Sequence[WrongRow], wrong: int, status: int | None = 400) -> None:
        super().__init__(sentence, status)
        self.rows = tuple(rows)
        self.wrong = wrong


class NotFound(ClientError):
    """There is no such object, or not inside the tenant's tree (404)."""

    code = "not-found"
    advice = "Check the id, and the tenant; ask for the list of what there is."


class Unauthorized(ClientError):
    """No token, a wrong one, or one that does not grant this (401)."""

    code = "unauthorized"
    advice = "Use a token that is neither revoked nor expired and that grants this; see its ACL and its tenant."


class Protected(ClientError):
    """The object is protected (403)."""

    code = "protected"
    advice = "Set the document's member deletable to true before deleting it."


class ServerFailed(ClientError):
    """The server has a fault (500 and above)."""

    code = "server-failed"
    advice = "Look for the reference in the server's log, and report it."


class Unavailable(ServerFailed):
    """The server cannot do this now (503), or wants no more wrong tokens (429)."""

    code = "unavailable"
    advice = "Try again in a minute; look at the server's state when it stays so."


class Unreachable(ClientError):
    """No answer came: wrong address, no server, a broken connection, an untrusted certificate."""

    code = "unreachable"
    advice = "Check the address, that the server runs, and that its certificate is trusted here."


class Unreadable(ClientError):
    """An answer came that no provisiond gives."""

    code = "unreadable"
    advice = (
        "Check that the address is that of the API (port 8666 unless set otherwise), not that of phones or of a page."
    )


class OperationFailed(ClientError):
    """Long work ended without success; the sentence is the reason."""

    code = "operation-failed"
    advice = "Remove the reason and begin the work again."


class WaitedTooLong(ClientError):
    """Long work is not finished in the time that was given; it goes on."""

    code = "waited-too-long"
    advice = "Ask for the operation again later."
