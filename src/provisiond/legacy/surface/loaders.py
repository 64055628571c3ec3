"""Where Jinja finds the templates of a plugin."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from jinja2 import BaseLoader, Environment, TemplateNotFound

Fresh = Callable[[], bool]


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    if os.pardir in parts or "\0" in name:
        raise TemplateNotFound(name)
    return [part for part in parts if part not in ("", os.curdir)]


class ProvdFileSystemLoader(BaseLoader):
    """Finds a template in the first directory that has it, and notices when that changes.

    :param searchpath: directories, the strongest first.
    """

    def __init__(self, searchpath: str | Iterable[str], encoding: str = "utf-8") -> None:
        self.searchpath = [searchpath] if isinstance(searchpath, str) else [str(path) for path in searchpath]
        self.encoding = encoding

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Fresh]:
        """Return source, file name and a check of freshness."""
        found = self._found(template)
        if found is None:
            raise TemplateNotFound(template)
        path, stamp = found
        try:
            text = Path(path).read_text(self.encoding)
        except FileNotFoundError:
            raise TemplateNotFound(template) from None
        # A template that hides this one may appear in a stronger directory at any time.
        return text, path, lambda: self._found(template) == (path, stamp)

    def _found(self, template: str) -> tuple[str, tuple[int, int, int]] | None:
        parts = _parts(template)
        for directory in self.searchpath:
            path = Path(directory, *parts)
            try:
                status = path.stat()
            except (OSError, ValueError):
                continue
            if path.is_file():
                return str(path), (status.st_mtime_ns, status.st_size, status.st_ino)
        return None
