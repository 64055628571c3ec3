"""The plugin guide tells the truth: its example builds and runs, and it names the whole SDK."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.guide import guide_text, write_examples

from provisiond import sdk
from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.model.device import Device
from provisiond.plugins.testing import check_plugin, load_plugin, render

FROZEN = {
    "API_VERSION", "Device", "DeviceInfo", "File", "HttpAction", "NotSupported", "Plugin", "PluginContext",
    "PluginProblem", "RawConfig", "Rule", "SccpReset", "SipNotify", "Support", "SyncAction", "Where", "lines",
    "locales", "naming", "timezones",
}  # fmt: skip


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example of the guide, built with the project's own tool."""
    root = tmp_path_factory.mktemp("example")
    write_examples(root / "sources")
    tool = [sys.executable, "-m", "provisiond.packages.authoring", "build"]
    arguments = ["--source", str(root / "sources"), "--destination", str(root / "built")]
    subprocess.run([*tool, *arguments], check=True, capture_output=True)
    return root / "built" / "demo-1.0"


def test_the_example_is_a_good_plugin(example: Path) -> None:
    assert check_plugin(example) == []


def test_the_example_renders_what_it_says(example: Path) -> None:
    device = Device({"id": "d", "mac": "00:11:22:33:44:55", "model": "D10", "options": {"wideband": True}})
    line = {"username": "alice", "proxy_ip": "192.0.2.5", "display_name": 'A & "B"'}
    content = render(example, device, {"sip_lines": {"1": line}})["001122334455.xml"].content.decode()
    assert '<phone codec="opus">' in content
    assert 'user="alice" proxy="192.0.2.5">A &amp; &#34;B&#34;</line>' in content


def test_an_administrators_template_wins(example: Path) -> None:
    mine = example / "var" / "templates" / "D10.xml.tpl"
    mine.write_text("<mine/>\n")
    try:
        device = Device({"id": "d", "mac": "00:11:22:33:44:55", "model": "D10"})
        assert render(example, device, {})["001122334455.xml"].content == b"<mine/>\n"
    finally:
        mine.unlink()


def test_its_rule_recognises_the_phone(example: Path) -> None:
    identifier = Identifier(Knowledge.shipped())
    identifier.use_plugin_rules({"demo-1.0": load_plugin(example).rules})
    request = PhoneRequest(protocol=Protocol.HTTP, path="/x", headers={"User-Agent": "DemoPhone D10 1.0 0a1122334455"})
    claims = identifier.identify(request).claims()
    assert (claims["vendor"], claims["model"], claims["version"]) == ("Demo", "D10", "1.0")
    assert not identifier.problems


def test_the_names_of_the_sdk_are_frozen_and_documented() -> None:
    assert set(sdk.__all__) == FROZEN
    text = guide_text()
    for name in FROZEN:
        assert f"`{name}`" in text, name


def test_a_bad_plugin_is_told_why(example: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad-1.0"
    (bad / "templates").mkdir(parents=True)
    for name in ("plugin-info", "entry.py", "common.py"):
        (bad / name).write_text((example / name).read_text())
    (bad / "templates" / "base.xml.tpl").write_text("<?xml version='1.0'?>\n<a>{{ nothing }}")
    (bad / "templates" / "demo.cfg.tpl").write_text("x")
    sentences = check_plugin(bad)
    assert any("nothing" in sentence and "base.xml.tpl, line 2" in sentence for sentence in sentences)
