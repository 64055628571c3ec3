"""What an author is told of broken code: what is wrong, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from provisiond.cli import authoring
from provisiond.cli.plugin_check import check_directory

ASSOCIATE = """
    def associate(self, info):
        return Support.EXACT if (info.vendor, info.model) == ("Demo", "D10") else Support.NONE
"""
FILES = """
    def device_files(self, device, raw_config):
        {}
"""


def told(root: Path, *members: str, **more: str) -> list[str]:
    """Return what ``check`` says of a plugin; see :func:`written`."""
    return check_directory(written(root / "demo-1.0", *members, **more)).problems


def written(plugin: Path, *members: str, **more: str) -> Path:
    """Write a plugin whose class has these members; ``more`` are files beside ``entry.py``."""
    (plugin / "templates").mkdir(parents=True)
    info = {"api": 1, "version": "1", "description": "x", "capabilities": {"Demo, D10, 1.0": {}}}
    (plugin / "plugin-info").write_text(json.dumps(info))
    (plugin / "templates/base.tpl").write_text("x\n")
    head = "from provisiond.sdk import File, Plugin, Support\n" + "".join(f"from .{name} import *\n" for name in more)
    (plugin / "entry.py").write_text(f"{head}class Demo(Plugin):\n{''.join(members)}PLUGIN = Demo\n")
    for name, code in more.items():
        (plugin / f"{name}.py").write_text(code)
    return plugin


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("File(name='a', content=b'x')", "the plugin gave NoneType instead of files: yield each of them"),
        ("return File(name='a', content=b'x')", "the plugin gave File instead of files: yield each of them"),
        ("yield File(name='a', content='x')", "the content of the file a is str, not bytes"),
        ("yield File(name='a', templates='base.tpl', context=[1])", "the context of the file a is list, not a mapping"),
        (
            "yield File(name='a', templates='base.tpl', encoding='klingon')",
            "the encoding of the file a is unknown: 'klingon'",
        ),
        (
            "yield File(nam='a')",
            "the files of a device: TypeError: File.__init__() got an unexpected keyword argument 'nam'"
            " (entry.py, line 8)",
        ),
        ("raise SystemExit(0)", "the files of a device: it calls exit (entry.py, line 8)"),
        ("raise ValueError('s3cret')", "the files of a device: ValueError (entry.py, line 8)"),
    ],
)
def test_files_that_are_none(tmp_path: Path, code: str, sentence: str) -> None:
    assert told(tmp_path, ASSOCIATE, FILES.format(code)) == [f"Demo, D10, 1.0: {sentence}"]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("pass", "associate gave NoneType, not a support level"),
        (
            "return info.modell",
            "associate: AttributeError: 'DeviceInfo' object has no attribute 'modell' (entry.py, line 5)",
        ),
    ],
)
def test_an_associate_that_fails_is_told_once_for_its_own_and_once_for_other_phones(
    tmp_path: Path, code: str, sentence: str
) -> None:
    associate = f"\n    def associate(self, info):\n        {code}\n"
    own, other = told(tmp_path, associate, FILES.format("yield File(name='a', content=b'x')"))
    assert own == f"Demo, D10, 1.0: {sentence}"
    assert other.endswith(f": {sentence}")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("x = 1\nclass A(:\n", "SyntaxError: invalid syntax (common.py, line 2)"),
        (
            "from provisiond.sdk import Fil",
            "ImportError: cannot import name 'Fil' from 'provisiond.sdk' (common.py, line 1)",
        ),
    ],
)
def test_the_file_that_does_not_load_is_named_and_none_of_the_servers(tmp_path: Path, code: str, sentence: str) -> None:
    assert told(tmp_path, ASSOCIATE, common=code) == [f"entry.py failed to load: {sentence}"]


def test_a_plugin_that_hangs_is_left_and_the_next_one_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for plugin_id, code in (("a-1.0", "while True: pass"), ("b-1.0", "yield File(name='a', content=b'x')")):
        written(tmp_path / plugin_id, ASSOCIATE, FILES.format(code))
    monkeypatch.setattr(authoring, "CHECK_SECONDS", 4.0)
    result = CliRunner().invoke(authoring.main, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert "b-1.0 is good\n" in result.output
    hanging = "a-1.0: Demo, D10, 1.0: it does not end within 4 seconds of processor time (entry.py, line 8)"
    assert f"Error: {hanging}\n" in result.output


def test_a_plugin_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, ASSOCIATE, "    def __init__(self):\n        pass\n")
    assert problem.startswith("the plugin cannot be made: TypeError: Demo.__init__() takes 1 positional argument")
