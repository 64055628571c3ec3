"""Reading settings files: YAML, merged, remembering which file said what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from attrs import Factory, define

Location = tuple[Any, ...]


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice."""


def _mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is not a text", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@define
class Origins:
    """Which file gave which key."""

    main: Path
    files: dict[Location, Path] = Factory(dict)

    def file_of(self, location: Location) -> Path:
        """Return the file that gave this key or the nearest one above it."""
        for length in range(len(location), 0, -1):
            if location[:length] in self.files:
                return self.files[location[:length]]
        return self.main


def _read(file: Path, problems: list[str]) -> dict[str, Any]:
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), _UniqueKeyLoader)  # noqa: S506  (a SafeLoader)
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{file}: is not UTF-8 text")
    except (yaml.YAMLError, RecursionError) as error:
        problems.append(f"{file}: is not valid YAML: {_where(error)}")
    else:
        if document is None:
            return {}
        if isinstance(document, dict):
            return document
        problems.append(f"{file}: must hold sections such as 'general:', not a {type(document).__name__}")
    return {}


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    text = str(getattr(error, "problem", None) or "it is nested too deeply")
    return f"line {mark.line + 1}: {text}" if mark is not None else text


def _lay_over(target: dict[str, Any], source: dict[str, Any], file: Path, origins: Origins, above: Location) -> None:
    for key, value in source.items():
        location = (*above, key)
        origins.files[location] = file
        if isinstance(value, dict):
            inner = target.get(key)
            target[key] = dict(inner) if isinstance(inner, dict) else {}
            _lay_over(target[key], value, file, origins, location)
        else:
            target[key] = value


def _beside(file: Path, problems: list[str]) -> list[Path]:
    directory = file.parent / "conf.d"
    try:
        return sorted(each for each in directory.iterdir() if each.name.endswith(".yml"))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        # What stands there may be what keeps strangers out: to go on without it would be wrong.
        problems.append(f"{directory}: cannot be read: {error.strerror}")
        return []


def merged_documents(file: Path) -> tuple[dict[str, Any], Origins, list[str]]:
    """Return the merged document of ``file`` and ``conf.d/*.yml`` beside it, in name order.

    :returns: the document, which file gave which key, and one sentence for each file that could not be read.
    """
    problems: list[str] = []
    origins = Origins(file)
    document: dict[str, Any] = {}
    for each in [file, *_beside(file, problems)]:
        _lay_over(document, _read(each, problems), each, origins, ())
    empty = [key for key, value in document.items() if value is None]
    for key in empty:
        del document[key]
    return document, origins, problems
