"""Who works in a plugin's directory: one upgrade alone, or any number of package installations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from provisiond.errors import InProgress


class PluginUse:
    """Keeps what replaces or removes a plugin's directory apart from what works inside it."""

    def __init__(self) -> None:
        self._alone: set[str] = set()
        self._inside: Counter[str] = Counter()

    @contextmanager
    def alone(self, plugin_id: str) -> Iterator[None]:
        """Have a plugin's directory to oneself within the block.

        :raises InProgress: while anybody else has it, alone or not.
        """
        self._check_free(plugin_id)
        if self._inside[plugin_id]:
            raise InProgress(f'packages of plugin "{plugin_id}" are being installed or removed')
        self._alone.add(plugin_id)
        try:
            yield
        finally:
            self._alone.discard(plugin_id)

    @contextmanager
    def inside(self, plugin_id: str) -> Iterator[None]:
        """Work inside a plugin's directory within the block, beside others that do.

        :raises InProgress: while somebody has it alone.
        """
        self._check_free(plugin_id)
        self._inside[plugin_id] += 1
        try:
            yield
        finally:
            self._inside[plugin_id] -= 1
            if not self._inside[plugin_id]:
                del self._inside[plugin_id]

    def _check_free(self, plugin_id: str) -> None:
        if plugin_id in self._alone:
            raise InProgress(f'plugin "{plugin_id}" is being upgraded or removed')
