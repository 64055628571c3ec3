"""The dashboard and the alert rules: metrics that exist, and alerts that fire for their cause (by promtool)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisiond.metrics import Metrics

ROOT = Path(__file__).parents[2]
RULES = ROOT / "etc/prometheus/provisiond.rules.yml"
TESTS = ROOT / "tests/data/prometheus/alerts.yml"
DASHBOARD = ROOT / "etc/grafana/provisiond.json"
DOCUMENT = ROOT / "docs/operations.md"
NAME = re.compile(r"\b(?:provisiond|process)_[a-z0-9_]+")


def promtool(*arguments: object, directory: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program is not None, "install Debian's package prometheus"
    command = [program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=directory, check=False)


def known() -> set[str]:
    """Return every name that a scrape may show."""
    names: set[str] = set()
    for family in Metrics().registry.collect():
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names.update(family.name + ending for ending in endings)
    return names


def expressions(node: Any) -> Iterator[str]:
    """Return every expression of a rules file or dashboard."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for each in node:
            yield from expressions(each)


@pytest.mark.parametrize("file", [RULES, DASHBOARD], ids=lambda file: file.name)
def test_every_metric_exists(file: Path) -> None:
    found = list(expressions(yaml.safe_load(file.read_text())))
    assert len(found) > 10
    used = {name for text in found for name in NAME.findall(text)}
    assert used
    assert not used - known()


def test_the_dashboard_shows_every_metric_that_changes() -> None:
    shown = {name for text in expressions(json.loads(DASHBOARD.read_text())) for name in NAME.findall(text)}
    ours = {family.name for family in Metrics().registry.collect() if family.name.startswith("provisiond_")}
    missing = {name for name in ours if not any(each.startswith(name) for each in shown)}
    # A problem of the settings is one of provisiond_problems.
    assert missing == {"provisiond_settings_problems"}


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_expressions_of_the_dashboard_are_promql(tmp_path: Path) -> None:
    chosen = json.loads(DASHBOARD.read_text())["panels"]
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m").replace("$instance", ".*")}
        for number, text in enumerate(expressions(chosen))
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    result = promtool("check", "rules", file)
    assert result.returncode == 0, result.stderr
    assert f"{len(rules)} rules found" in result.stdout


def test_rules_are_rules() -> None:
    result = promtool("check", "rules", RULES)
    assert result.returncode == 0, result.stderr


def test_each_alert_fires_for_its_cause(tmp_path: Path) -> None:
    shutil.copy(RULES, tmp_path)
    shutil.copy(TESTS, tmp_path)
    result = promtool("test", "rules", TESTS.name, directory=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_wrong_threshold_is_noticed(tmp_path: Path) -> None:
    (tmp_path / RULES.name).write_text(RULES.read_text().replace("> 1000", "> 3000"))
    shutil.copy(TESTS, tmp_path)
    result = promtool("test", "rules", TESTS.name, directory=tmp_path)
    assert result.returncode != 0
    assert "ProvisiondRenderQueue" in result.stdout + result.stderr


def test_the_example_for_prometheus_is_a_configuration(tmp_path: Path) -> None:
    text = (ROOT / "etc/prometheus/scrape.yml").read_text().replace("/etc/prometheus/provisiond.token", "token")
    shutil.copy(RULES, tmp_path)
    (tmp_path / "token").write_text("secret")
    (tmp_path / "prometheus.yml").write_text(text)
    result = promtool("check", "config", "prometheus.yml", directory=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_its_cause_tested_and_its_cure_written() -> None:
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    wrong = yaml.safe_load(TESTS.read_text())["tests"][-1]["alert_rule_test"]
    assert alerts == {each["alertname"] for each in wrong if each.get("exp_alerts")}
    text = DOCUMENT.read_text(encoding="utf-8")
    for alert in alerts:
        assert f"| `{alert}` |" in text, alert


def test_what_answers_a_scrape_is_well_formed() -> None:
    result = subprocess.run(
        [shutil.which("promtool") or "promtool", "check", "metrics"],
        input=Metrics().exposition(), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode in (0, 3), result.stderr.decode()
    assert b"error while parsing" not in result.stderr
