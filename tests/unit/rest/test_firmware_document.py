"""The administrators' document names routes and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import MagicMock

import yaml

from provisiond.metrics import Metrics
from provisiond.rest.application import routed
from provisiond.settings import GeneralSettings, Settings

TEXT = (Path(__file__).parents[3] / "docs" / "firmware-and-repositories.md").read_text(encoding="utf-8")
PACKAGES = "/pg_mgr/plugins/<plugin>/install"


def test_every_call_exists() -> None:
    routes = {(each.method, each.path) for each in routed(MagicMock(), MagicMock(), Metrics(), MagicMock()).routes}
    named = set(re.findall(r"`(GET|POST|PUT) ((?:…|pg_mgr)/[^\s`]+)", TEXT))
    assert len(named) > 12
    for method, path in named:
        whole = PACKAGES + path[1:] if path.startswith("…") else f"/{path}"
        assert (method, whole) in routes, (method, path)


def test_every_setting_exists_and_the_examples_are_right() -> None:
    for section, name in re.findall(r"`(general|packages|rest_api)\.(\w+)`", TEXT):
        assert name in type(getattr(Settings(), section)).model_fields
    examples = [yaml.safe_load(text)["general"] for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]
    assert len(examples) == 2
    assert GeneralSettings.model_validate(examples[0]).plugin_pins == {"snom-10.1.184.15": "testing"}
    assert GeneralSettings.model_validate(examples[1]).firmware_mirror == "/srv/firmware"
