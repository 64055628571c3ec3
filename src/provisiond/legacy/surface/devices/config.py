"""Errors of parameters."""

from __future__ import annotations


class RawConfigError(Exception):
    """The parameters do not suit the device; its text is for the administrator."""


class RawConfigParamError(RawConfigError):
    """One parameter is wrong."""
