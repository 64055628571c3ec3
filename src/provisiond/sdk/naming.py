"""Forms of MAC addresses in the file names of phones."""

from __future__ import annotations

from provisiond.errors import PluginProblem
from provisiond.model.device import Device

__all__ = ["mac_name", "required_mac", "sccp_name"]


def required_mac(device: Device) -> str:
    """Return the device's MAC address in the form ``aa:bb:cc:dd:ee:ff``.

    :raises PluginProblem: when the device has none; the sentence can be shown as it is.
    """
    if device.mac is None:
        raise PluginProblem("the device has no MAC address, so its file names are unknown")
    return device.mac


def mac_name(device: Device, *, separator: str = "", upper: bool = True) -> str:
    """Return the device's MAC address as phones write it into file names.

    :param separator: what stands between the six groups, e.g. ``-``.
    :param upper: True for ``00085D2DB07C``, False for ``00085d2db07c``.
    :raises PluginProblem: when the device has no MAC address.
    """
    mac = required_mac(device).replace(":", separator)
    return mac.upper() if upper else mac.lower()


def sccp_name(device: Device, prefix: str = "SEP") -> str:
    """Return the name an SCCP phone registers with, e.g. ``SEP001B54000005``.

    :param prefix: ``SEP`` for phones, ``ATA`` for analogue adaptors.
    :raises PluginProblem: when the device has no MAC address.
    """
    return prefix + mac_name(device)
