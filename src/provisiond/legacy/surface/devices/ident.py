"""Identification of phones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import Any, TypedDict


class RequestType(str, Enum):  # noqa: UP042 - its text must stay that of an Enum member
    """How a request came; older plugins compare it with texts."""

    HTTP = "http"
    TFTP = "tftp"
    DHCP = "dhcp"


class DHCPRequest(TypedDict):
    """A DHCP request; the values of ``options`` have one character for each byte."""

    ip: str
    mac: str
    options: dict[int, str]


class AbstractDeviceInfoExtractor(ABC):
    """Tells which phone sent a request."""

    @abstractmethod
    def extract(self, request: Any, request_type: RequestType) -> Any:
        """Return a Deferred of a dict, or of None."""


IDeviceInfoExtractor = AbstractDeviceInfoExtractor
