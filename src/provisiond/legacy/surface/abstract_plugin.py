"""The base class that says what a plugin is."""

from __future__ import annotations

from abc import ABC
from typing import Any


class AbstractPlugin(ABC):  # noqa: B024 - plugins override what they need, nothing is demanded
    """A plugin, as the server sees it; every member has a default here or in ``plugins.Plugin``."""

    id: str | None = None
    http_service: Any = None
    tftp_service: Any = None
    http_dev_info_extractor: Any = None
    tftp_dev_info_extractor: Any = None
    dhcp_dev_info_extractor: Any = None
    pg_associator: Any = None
