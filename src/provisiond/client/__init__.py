"""A client of the REST API, for programs in Python.

``Client`` waits for each answer and needs no reactor; ``provisiond.client.concurrent.AsyncClient`` has the same
resources as coroutines, on treq. See docs/python-client.md.
"""

from provisiond.client.blocking import Client
from provisiond.client.errors import (
    ClientError,
    NotFound,
    OperationFailed,
    Protected,
    Refused,
    RowsRefused,
    ServerFailed,
    Unauthorized,
    Unavailable,
    Unreachable,
    Unreadable,
    WaitedTooLong,
    WrongRequest,
)
from provisiond.client.selection import Selection
from provisiond.client.transports import Tls
from provisiond.client.values import Config, Device, Event, Imported, NewToken, Operation, Parameter, WrongRow

__all__ = [
    "Client",
    "ClientError",
    "Config",
    "Device",
    "Event",
    "Imported",
    "NewToken",
    "NotFound",
    "Operation",
    "OperationFailed",
    "Parameter",
    "Protected",
    "Refused",
    "RowsRefused",
    "Selection",
    "ServerFailed",
    "Tls",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "Unreadable",
    "WaitedTooLong",
    "WrongRequest",
    "WrongRow",
]
