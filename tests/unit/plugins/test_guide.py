"""The plugin guide tells the truth: its example builds and runs, and it names the whole SDK."""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.guide import guide_text, write_examples

from provisiond import sdk
from provisiond.cli.authoring import main
from provisiond.cli.plugin_check import check_directory
from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.values import PhoneRequest, Protocol
from provisiond.model.device import Device
from provisiond.plugins.testing import check_plugin, load_plugin, render

FROZEN = {
    "API_VERSION", "Device", "DeviceInfo", "File", "HttpAction", "NotSupported", "Parameter", "Plugin", "PluginContext",
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


# every example of the guide


def test_the_examples_of_the_sdk_give_what_the_guide_says() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", guide_text(), re.MULTILINE | re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "plugin-guide", None, 0)
    said: list[str] = []
    outcome = doctest.DocTestRunner(verbose=False).run(examples, out=said.append)
    assert outcome.failed == 0, "".join(said)
    assert outcome.attempted > 40
    used = {name for name in FROZEN if re.search(rf"\b{name}\b", "".join(each.source for each in examples.examples))}
    assert used == FROZEN


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """An author's work tree with the guide's family, committed, and a new firmware."""
    sources = tmp_path / "sources"
    write_examples(sources)
    (sources / "firmware").mkdir()
    (sources / "firmware/d10-1.1.zip").write_text("hello world, again 1.1")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    who = ["-c", "user.name=Author", "-c", "user.email=author@example.org", "-c", "init.defaultBranch=main"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *who, *words], cwd=sources, check=True, env=environment)
    return sources


def typed(workshop: Path, line: str) -> str:
    """Return what a command of the guide prints."""
    program, *words = shlex.split(line)
    if program == "touch":
        (workshop / words[0]).touch()
        return ""
    assert program == "plugin"
    if words[0] == "bump-fw":
        # it has a reactor of its own
        command = [sys.executable, "-m", "provisiond.cli.authoring", *words]
        return subprocess.run(command, cwd=workshop, capture_output=True, text=True, check=True).stdout
    with contextlib.chdir(workshop):
        return CliRunner().invoke(main, words).output


def test_the_commands_of_the_guide_print_what_it_says(workshop: Path) -> None:
    blocks = re.findall(r"^```console\n(.*?)^```$", guide_text(), re.MULTILINE | re.DOTALL)
    commands = re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)
    assert len(commands) >= 13
    for line, expected in commands:
        assert typed(workshop, line) == expected, line


def test_every_command_is_in_the_guide() -> None:
    rows = "".join(line for line in guide_text().splitlines(keepends=True) if line.startswith("| `"))
    for name in main.commands:
        assert f"`{name}" in rows, name


def messages() -> list[str]:
    table = guide_text().partition("| message | what to do |")[2].partition("\n\n")[0]
    return re.findall(r"^\| (?:warning: )?`(.+?)`", table, re.MULTILINE)


WIDE = 'Rule(where=Where.USER_AGENT, literal="Yea", pattern="link")'
BROKEN = {
    "plugin-info is not valid JSON": ("plugin-info", '"api": 1,', '"api": 1'),
    "plugin-info: capabilities": ("plugin-info", "Demo, D10, 1.0", "Demo"),
    "entry.py failed to load": ("entry.py", "class Demo", "clas Demo"),
    "entry.py must bind the name PLUGIN to a subclass of provisiond.sdk.Plugin": ("entry.py", "PLUGIN =", "PLUG ="),
    "the template … does not compile, line …": ("templates/base.xml.tpl", "endfor", "endfro"),
    "is undefined": ("templates/base.xml.tpl", "{{ codec", "{{ kodek"),
    "has no attribute": ("templates/base.xml.tpl", "line.username", "line.user"),
    "has no template": ("entry.py", '"base.xml.tpl"', '"basis.xml.tpl"'),
    "the plugin does not associate with its own capability": ("entry.py", 'info.model != "D10"', 'info.model != "D1"'),
    "the plugin makes no file for this model": ("entry.py", "def device_files", "def devices_files"),
    "rendering twice gives different bytes": ("common.py", '"alaw"', '__import__("os").urandom(8).hex()'),
    "is not well-formed": ("templates/base.xml.tpl", "{{ line.display_name }}", "<br>"),
    "takes other vendors' phones": ("entry.py", "rules = (", f"rules = ({WIDE},"),
    "which its capabilities do not name": ("entry.py", 'info.vendor != "Demo" or info.model != "D10"', "False"),
    "[file_…] has no real size or digest": ("pkgs/pkgs.db", "size: 11", "size: 0"),
    "there is no section": ("pkgs/pkgs.db", "files: D10-fw", "files: D11-fw"),
    "it cannot be packed and unpacked": ("plugin-info", '"version": "0.1"', '"version": "0/1"'),
    "has no description in another language": ("plugin-info", "description_fr", "beschreibung"),
    "belongs to no package": ("pkgs/pkgs.db", "files: D10-fw\n", ""),
    "will not survive an upgrade of the plugin": ("var/notes.txt", "", "mine"),
    "cannot be the id of a plugin": ("", "", ""),
}  # fmt: skip


def test_every_message_of_the_table_has_a_plugin_that_gets_it() -> None:
    assert set(messages()) == set(BROKEN)


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_plugin_gets_the_message_of_the_table(example: Path, tmp_path: Path, message: str) -> None:
    name, old, new = BROKEN[message]
    plugin = tmp_path / ("demo-1.0" if name else "demo 1.0")
    shutil.copytree(example, plugin)
    if name:
        path = plugin / name
        before = path.read_text() if path.is_file() else ""
        path.write_text(before.replace(old, new))
        assert path.read_text() != before
    report = check_directory(plugin)
    pattern = ".*".join(map(re.escape, message.split("…")))
    assert any(re.search(pattern, sentence) for sentence in [*report.problems, *report.warnings]), report


def test_what_only_some_phones_are_told_is_tried_too(example: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "demo-1.0"
    shutil.copytree(example, plugin)
    template = plugin / "templates/base.xml.tpl"
    rare = "{% if line.proxy_port %}{{ line.proxyport }}{% endif %}"
    template.write_text(template.read_text().replace("{{ line.display_name }}", rare))
    (problem,) = check_directory(plugin).problems
    assert "no attribute 'proxyport' (template base.xml.tpl, line 4)" in problem
