"""Building, loading and rendering the shipped plugins in tests, as the authors' tool and the plugin host do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen

from provisiond.model.device import Device
from provisiond.packages.authoring.build import build
from provisiond.plugins.loader import load_code, make_context
from provisiond.plugins.manifest import read_manifest
from provisiond.plugins.rendering import TemplateRenderer
from provisiond.plugins.values import PluginInfo
from provisiond.sdk import File, Plugin

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "plugins" / "golden"
UPDATE = "PROVISIOND_UPDATE_GOLDEN"
"""Set this environment variable to write the golden files anew."""

YEAR = 2026

BASE: Mapping[str, Any] = {
    "ip": "10.0.0.1",
    "http_port": 8667,
    "tftp_port": 69,
    "http_base_url": "http://10.0.0.1:8667",
}


def build_family(family: str, destination: Path) -> dict[str, Path]:
    """Build a shipped family with the authors' own tool; return the directories by plugin id."""
    report = build(ROOT / "plugins", destination, family)
    assert report.problems == []
    return {plugin_id: destination / plugin_id for plugin_id in report.built}


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

    def _rendered(self, files: Iterable[File]) -> Iterator[tuple[str, bytes]]:
        for file in renderer(self.directory).files(files):
            yield file.name, file.content


@cache
def renderer(directory: Path) -> TemplateRenderer:
    """Return what the plugin host renders the templates of this directory with."""
    return TemplateRenderer(directory)


def assert_golden(plugin_id: str, name: str, content: bytes) -> None:
    """Compare with the golden file ``<plugin id>/<name>``, or write it if the environment says so."""
    path = GOLDEN / plugin_id / name
    if os.environ.get(UPDATE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert path.is_file(), f"no golden file {plugin_id}/{name}: run the tests once with {UPDATE}=1 and look at it"
    assert content.decode() == path.read_text(encoding="utf-8")
