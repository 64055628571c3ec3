"""Compiled templates on disk: used when they are right, not there when anything speaks against them."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment, FileSystemLoader
from jinja2.environment import Environment as AnyEnvironment

from provisiond.errors import PluginProblem
from provisiond.plugins import compiled_templates
from provisiond.plugins.compiled_templates import CompiledTemplates, templates_kept_in
from provisiond.plugins.rendering import TemplateRenderer
from provisiond.sdk import File

SOURCE = "{% for each in names %}<{{ each }}>{% endfor %}"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "templates"


def rendered(kept: Path, source: str = SOURCE, **options: object) -> tuple[str, int]:
    """Return what a fresh process would render, and how many templates it had to compile for that."""
    environment = Environment(
        loader=DictLoader({"a.tpl": source}),
        bytecode_cache=CompiledTemplates(kept),
        **options,  # type: ignore[arg-type]
    )
    with patch.object(AnyEnvironment, "compile", autospec=True, side_effect=AnyEnvironment.compile) as compiling:
        text = environment.get_template("a.tpl").render(names=["x", "&"])
    return text, compiling.call_count


def only_file(kept: Path) -> Path:
    (path,) = kept.iterdir()
    return path


def test_a_template_is_compiled_once_for_all_processes(kept: Path) -> None:
    assert rendered(kept) == ("<x><&>", 1)
    assert rendered(kept) == ("<x><&>", 0)
    assert only_file(kept).stat().st_mode & 0o777 == 0o600
    assert kept.stat().st_mode & 0o777 == 0o700


def test_another_source_or_another_way_to_compile_is_another_template(kept: Path) -> None:
    rendered(kept)
    assert rendered(kept, SOURCE.replace("<", "[")) == ("[x>[&>", 1)
    assert rendered(kept, autoescape=True) == ("<x><&amp;>", 1)
    assert rendered(kept, finalize=lambda value: str(value) * 2) == ("<xx><&&>", 1)
    assert rendered(kept) == ("<x><&>", 0)


@pytest.mark.parametrize("name", ["__version__", "jinja2.__version__", "importlib.util.MAGIC_NUMBER"])
def test_after_an_upgrade_everything_is_compiled_anew(kept: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered(kept)
    monkeypatch.setattr(f"{compiled_templates.__name__}.{name}", b"another")
    assert rendered(kept) == ("<x><&>", 1)
    assert rendered(kept) == ("<x><&>", 0)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_not_used(kept: Path, data: st.DataObject) -> None:
    rendered(kept)
    path = only_file(kept)
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        where = data.draw(st.integers(0, len(whole) - 1))
        damaged = whole[:where] + bytes([whole[where] ^ data.draw(st.integers(1, 255))]) + whole[where + 1 :]
    path.write_bytes(damaged)
    assert rendered(kept) == ("<x><&>", 1)
    assert path.read_bytes() == whole


def test_what_others_can_write_is_not_used(kept: Path) -> None:
    rendered(kept)
    path = only_file(kept)
    path.chmod(0o620)
    assert rendered(kept)[1] == 1
    path.chmod(0o600)
    kept.chmod(0o777)
    assert rendered(kept)[1] == 1
    kept.chmod(0o700)
    path.rename(kept.parent / "elsewhere")
    path.symlink_to(kept.parent / "elsewhere")
    assert rendered(kept)[1] == 1


def test_a_directory_that_is_somebody_elses_or_a_link_is_not_used(kept: Path, tmp_path: Path) -> None:
    with patch.object(compiled_templates.os, "geteuid", return_value=os.geteuid() + 1):
        assert rendered(kept)[1] == 1
    assert not list(kept.iterdir())
    link = tmp_path / "link"
    link.symlink_to(kept)
    assert rendered(link)[1] == 1
    assert not list(kept.iterdir())


def test_where_nothing_can_be_kept_templates_are_still_rendered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert rendered(tmp_path / "file") == ("<x><&>", 1)
    assert rendered(tmp_path / "file" / "below") == ("<x><&>", 1)
    kept = tmp_path / "full"
    with patch.object(compiled_templates.os, "replace", side_effect=OSError(28, "No space left on device")):
        assert rendered(kept) == ("<x><&>", 1)
    assert not list(kept.iterdir())


def test_the_oldest_go_when_there_are_many(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_templates, "MAX_FILES", 10)
    for number in range(10):
        rendered(kept, f"{number}")
        os.utime(max(kept.iterdir(), key=lambda path: path.stat().st_mtime), (number, number))
    assert rendered(kept, "0") == ("0", 0)
    assert rendered(kept, "new") == ("new", 1)
    assert len(list(kept.iterdir())) == 6
    assert rendered(kept, "0") == ("0", 0)
    assert rendered(kept, "1") == ("1", 1)


def test_errors_name_the_template_where_it_is_now(kept: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        directory = tmp_path / name
        directory.mkdir()
        (directory / "a.tpl").write_text("fine\n{{ 1 / 0 }}\n")
        environment = Environment(loader=FileSystemLoader(directory), bytecode_cache=CompiledTemplates(kept))
        with pytest.raises(ZeroDivisionError) as caught:
            environment.get_template("a.tpl").render()
        assert (str(directory / "a.tpl"), 2) in [(str(each.path), each.lineno + 1) for each in caught.traceback]
    assert len(list(kept.iterdir())) == 1


def test_a_plugins_templates_are_kept_and_those_of_the_administrator_win(kept: Path, tmp_path: Path) -> None:
    for number, folder in enumerate(("templates", "var/templates")):
        (tmp_path / "plugin" / folder).mkdir(parents=True)
        (tmp_path / "plugin" / folder / "a.xml.tpl").write_text(f"{number} {{{{ name }}}}")
        for _ in range(2):
            renderer = TemplateRenderer(tmp_path / "plugin", templates_kept_in([str(kept)]))
            (file,) = renderer.files([File(name="a.xml", templates="a.xml.tpl", context={"name": "<"})])
            assert file.content == f"{number} &lt;".encode()
        assert len(list(kept.iterdir())) == number + 1
    with pytest.raises(PluginProblem):
        renderer.files([File(name="a.xml", templates="b.xml.tpl", context={})])


def test_without_a_directory_nothing_is_kept() -> None:
    assert templates_kept_in([]) is None
