"""Requests of phones over HTTP, as plugins' resources see them."""

from provisiond.legacy.web_requests import Request

__all__ = ["Request"]
