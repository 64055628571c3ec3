"""Reading small YAML files of strangers: bounded in size and depth, without aliases, with versions as written."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import yaml

from provisiond.errors import InvalidInput

MAX_SIZE: Final = 64 * 1024
MAX_DEPTH: Final = 16
MAX_NODES: Final = 5_000


def read_mapping(data: bytes, as_written: Collection[str]) -> dict[str, Any]:
    """Return the one mapping that a YAML text holds.

    :param as_written: members, at any level, whose scalar value is read as the text in the file: an unquoted ``1.10``
        stays ``1.10``.
    :raises InvalidInput: when it is larger than 64 KiB, nested deeper than 16 levels, not UTF-8, not YAML (tabs for
        blanks), when it uses anchors, aliases or tags of its own, or holds anything but one mapping with texts as keys.
    """
    if len(data) > MAX_SIZE:
        raise InvalidInput("it is larger than 64 KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("it is not UTF-8") from None
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        found = _Reading(as_written).mapping(node) if isinstance(node, yaml.MappingNode) else None
    except yaml.MarkedYAMLError as error:
        raise InvalidInput(_sentence(error)) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InvalidInput("it is not valid YAML") from None
    if found is None:
        raise InvalidInput("it must be one mapping")
    return found


def _sentence(error: yaml.MarkedYAMLError) -> str:
    where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
    if "\\t" in (error.problem or ""):
        return f"it holds a tab instead of blanks{where}"
    return f"it is not valid YAML{where}"


def _check_events(text: str) -> None:
    depth = nodes = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise InvalidInput("it uses anchors or aliases, which are not allowed here")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise InvalidInput("it is nested too deeply or holds too much")


class _Reading:
    def __init__(self, as_written: Collection[str]) -> None:
        self._as_written = as_written
        self._loader = yaml.SafeLoader("")

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key in found:
                raise InvalidInput(f"the key {str(key)[:60]!r} is no text, or is given twice")
            found[key] = self._value(value_node, key)
        return found

    def _value(self, node: yaml.Node, key: str) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(each, "") for each in node.value]
        if key in self._as_written and node.tag != "tag:yaml.org,2002:null":
            return node.value
        value = self._loader.construct_object(node)
        # dates and the like are shown as they were written
        return value if value is None or isinstance(value, str | bool | int | float) else node.value
