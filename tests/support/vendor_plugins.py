"""Building, loading and rendering the shipped plugins of ``plugins/`` in tests, by the project's own convention."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from provisiond.model.device import Device
from provisiond.plugins.loader import load_code, make_context
from provisiond.plugins.manifest import read_manifest
from provisiond.plugins.values import PluginInfo
from provisiond.sdk import File, Plugin

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "plugins" / "golden"
UPDATE = "PROVISIOND_UPDATE_GOLDEN"
"""Set this environment variable to write the golden files anew."""

YEAR = 2026
STANDARD_DIRECTORIES = ("", "cache", "installed", "templates", "tftpboot")

_ILLEGAL_IN_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")

BASE: Mapping[str, Any] = {
    "ip": "10.0.0.1",
    "http_port": 8667,
    "tftp_port": 69,
    "http_base_url": "http://10.0.0.1:8667",
}


def build_family(family: str, destination: Path) -> dict[str, Path]:
    """Run ``plugins/<family>/build.py`` and return the directories it filled, by plugin id."""
    directory = ROOT / "plugins" / family
    targets: dict[str, tuple[str, Callable[[str], None]]] = {}

    def target(target_id: str, plugin_id: str, std_dirs: bool = True) -> Callable[[Any], Any]:
        def remember(function: Callable[[str], None]) -> Callable[[str], None]:
            assert target_id not in targets
            targets[target_id] = (plugin_id, function)
            return function

        return remember

    with contextlib.chdir(directory):
        source = directory / "build.py"
        exec(compile(source.read_text(), str(source), "exec"), {"target": target, "__name__": "build"})
        return {plugin_id: _built(destination / plugin_id, function) for plugin_id, function in targets.values()}


def _built(path: Path, function: Callable[[str], None]) -> Path:
    path.mkdir(parents=True)
    function(str(path))
    for name in STANDARD_DIRECTORIES:
        (path / "var" / name).mkdir(exist_ok=True)
    return path


@frozen
class BuiltPlugin:
    """A plugin that was built and loaded."""

    id: str
    directory: Path
    info: PluginInfo
    plugin: Plugin

    @classmethod
    def load(cls, directory: Path) -> BuiltPlugin:
        """Load the plugin in this directory; its name is its id."""
        info = read_manifest(directory)
        context = make_context(directory.name, info.version, info.capabilities, YEAR)
        return cls(directory.name, directory, info, load_code(directory, context))

    @property
    def models(self) -> tuple[str, ...]:
        """The models of the capabilities."""
        return tuple(key.split(", ")[1] for key in self.info.capabilities)

    def device_files(self, device: Device, raw_config: Mapping[str, Any]) -> dict[str, bytes]:
        """Return the rendered files of a device by name."""
        return dict(self._rendered(self.plugin.device_files(device, {**BASE, **raw_config})))

    def common_files(self) -> dict[str, bytes]:
        """Return the rendered common files by name."""
        return dict(self._rendered(self.plugin.common_files(dict(BASE))))

    def _rendered(self, files: Any) -> Iterator[tuple[str, bytes]]:
        for file in files:
            yield file.name, render(self.directory, file)


def render(directory: Path, file: File) -> bytes:
    """Return the bytes of one file of the plugin in this directory."""
    if file.content is not None:
        return file.content
    environment = _environment(directory, file.templates[0].endswith(".xml.tpl"))
    return environment.select_template(file.templates).render(file.context).encode(file.encoding)


@cache
def _environment(directory: Path, is_xml: bool) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader([directory / "var" / "templates", directory / "templates"]),
        undefined=StrictUndefined,
        autoescape=is_xml,
        finalize=_legal_in_xml if is_xml else _on_one_line,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _legal_in_xml(value: object) -> object:
    return _ILLEGAL_IN_XML.sub("", value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _on_one_line(value: object) -> object:
    return _CONTROL.sub(" ", value) if isinstance(value, str) else value


def assert_golden(plugin_id: str, name: str, content: bytes) -> None:
    """Compare with the golden file ``<plugin id>/<name>``, or write it if the environment says so."""
    path = GOLDEN / plugin_id / name
    if os.environ.get(UPDATE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert path.is_file(), f"no golden file {plugin_id}/{name}: run the tests once with {UPDATE}=1 and look at it"
    assert content.decode() == path.read_text(encoding="utf-8")
