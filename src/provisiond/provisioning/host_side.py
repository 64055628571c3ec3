"""What concerns the host rather than phones: its packages and its extensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from provisiond.provisioning.extensions import Extensions
from provisiond.provisioning.host_packages import HostPackages
from provisiond.provisioning.market import Market


@frozen(kw_only=True)
class HostSide:
    """The use cases of the host.

    :param shown_settings: the settings of extensions, without secrets.
    """

    packages: HostPackages
    extensions: Extensions
    market: Market
    shown_settings: Mapping[str, Any]
