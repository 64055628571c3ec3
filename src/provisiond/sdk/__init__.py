"""What a native plugin may import (API version 1).

A native plugin is pure: it never writes files and never talks to the network. It turns a device and its parameters
into a list of :class:`File` values; the server renders, keeps and serves them.
"""

from __future__ import annotations

from provisiond.errors import PluginProblem
from provisiond.identification.rules import Rule, Where
from provisiond.identification.support import Support
from provisiond.identification.values import DeviceInfo
from provisiond.model.device import Device
from provisiond.sdk import lines, locales, naming, timezones
from provisiond.sdk.actions import HttpAction, NotSupported, SccpReset, SipNotify, SyncAction
from provisiond.sdk.files import File
from provisiond.sdk.parameters import Parameter
from provisiond.sdk.plugin import Plugin, PluginContext, RawConfig

API_VERSION = 1

__all__ = [
    "API_VERSION",
    "Device",
    "DeviceInfo",
    "File",
    "HttpAction",
    "NotSupported",
    "Parameter",
    "Plugin",
    "PluginContext",
    "PluginProblem",
    "RawConfig",
    "Rule",
    "SccpReset",
    "SipNotify",
    "Support",
    "SyncAction",
    "Where",
    "lines",
    "locales",
    "naming",
    "timezones",
]
