"""Parameters that a plugin declares: what may be declared, how it travels, what the plugin gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisiond.errors import PluginProblem
from provisiond.plugins.hosting import HostedPlugin, PluginPlace, PluginShelf
from provisiond.plugins.messages import packed_answer, packed_rules, parsed_parameters, parsed_rules
from provisiond.plugins.revisions import revision_with
from provisiond.plugins.worker import answer
from provisiond.sdk import Parameter
from provisiond.sdk.parameters import MAX_PARAMETERS, is_value, problem_of

CODE = """
from provisiond.sdk import File, Parameter, Plugin, PluginProblem


class Demo(Plugin):
    parameters = {parameters}

    def checked_parameter(self, name, value):
        if value == "refused":
            raise PluginProblem("try another")
        if value == "raises":
            return 1 / 0
        if value == "nonsense":
            return [value]
        return str(value).upper()

    def common_files(self, raw_config):
        yield File(name="all.cfg", content=repr(dict(self.context.parameters)).encode())


PLUGIN = Demo
"""
TWO = 'Parameter(name="a", description="A", default="x"), Parameter(name="b", description="B")'


def built(root: Path, parameters: str = f"({TWO})") -> Path:
    directory = root / "demo-1"
    directory.mkdir(exist_ok=True)
    info = {"version": "1", "description": "demo", "capabilities": {}, "api": 1}
    (directory / "plugin-info").write_text(json.dumps(info))
    (directory / "entry.py").write_text(CODE.replace("{parameters}", parameters))
    return directory


def place(root: Path, *values: tuple[str, Any]) -> PluginPlace:
    return PluginPlace(id="demo-1", directory=built(root), revision="1", year=2026, values=values)


def test_a_plugin_gets_what_was_set_and_its_defaults(tmp_path: Path) -> None:
    assert HostedPlugin(place(tmp_path)).common_files({})[0].content == b"{'a': 'x', 'b': None}"
    set_before = place(tmp_path, ("b", 5), ("gone", "y"))
    assert HostedPlugin(set_before).common_files({})[0].content == b"{'a': 'x', 'b': 5}"


def test_another_value_loads_it_again(tmp_path: Path) -> None:
    shelf = PluginShelf()
    first = shelf.plugin(place(tmp_path, ("a", "1")))
    assert shelf.plugin(place(tmp_path, ("a", "1"))) is first
    assert shelf.plugin(place(tmp_path, ("a", "2"))) is not first


@pytest.mark.parametrize(
    ("value", "sentence"),
    [("refused", "try another"), ("raises", "checked_parameter: .*ZeroDivisionError"), ("nonsense", "not a text")],
)
def test_a_refusal_is_one_sentence(tmp_path: Path, value: str, sentence: str) -> None:
    with pytest.raises(PluginProblem, match=sentence):
        HostedPlugin(place(tmp_path)).checked_parameter("a", value)


def test_a_worker_tells_and_checks_them(tmp_path: Path) -> None:
    shelf, where = PluginShelf(), place(tmp_path)
    loaded = answer(shelf, "load", where, ())
    assert [each.name for each in parsed_parameters(loaded)] == ["a", "b"]
    assert parsed_rules(loaded) == ()
    assert json.loads(answer(shelf, "parameter", where, ("a", "abc")).split(b"\n")[0]) == {"value": "ABC"}
    assert json.loads(answer(shelf, "parameter", where, ("a", "refused")).split(b"\n")[0]) == {"problem": "try another"}


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("5", "must be a tuple"),
        ('("a",)', "must be a tuple"),
        ('(Parameter(name="a b", description="x"),)', "must have names"),
        ('(Parameter(name="", description="x"),)', "must have names"),
        ('(Parameter(name="a", description="x"), Parameter(name="a", description="y"))', "same name"),
        ('(Parameter(name="a", description=5),)', "descriptions of the parameter a"),
        ('(Parameter(name="a", description="x", default=[]),)', "default of the parameter a"),
    ],
)
def test_a_plugin_that_declares_them_wrongly_does_not_load(tmp_path: Path, parameters: str, sentence: str) -> None:
    directory = built(tmp_path, parameters)
    with pytest.raises(PluginProblem, match=sentence):
        HostedPlugin(PluginPlace(id="demo-1", directory=directory, revision="1", year=2026))


@pytest.mark.parametrize(
    "parameters",
    [5, "x", [5], [{}], [{"name": 5, "description": "x"}], [{"name": "a", "description": "x", "more": 1}],
     [{"name": "a", "description": "x", "descriptions": []}]],
)  # fmt: skip
def test_nonsense_of_a_worker_is_refused(parameters: Any) -> None:
    with pytest.raises(PluginProblem):
        parsed_parameters(packed_answer({"rules": [], "parameters": parameters}))


def test_there_is_a_bound() -> None:
    many = [Parameter(name=f"p{number}", description="x") for number in range(MAX_PARAMETERS + 1)]
    assert problem_of(many[:-1]) is None
    assert problem_of(many) is not None


def test_descriptions_follow_the_locale() -> None:
    each = Parameter(name="a", description="en", descriptions={"fr": "fr", "fr_CA": "ca"})
    assert [each.localized(locale) for locale in (None, "fr", "fr_FR", "fr_CA", "de_DE")] == [
        "en",
        "fr",
        "fr",
        "ca",
        "en",
    ]


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
PARAMETERS = st.lists(
    st.builds(
        Parameter,
        name=NAMES,
        description=st.text(max_size=30),
        descriptions=st.dictionaries(st.sampled_from(["fr", "de_DE"]), st.text(max_size=30)),
        default=st.none() | st.booleans() | st.integers() | st.text(st.characters(categories=["L", "N"]), max_size=9),
    ),
    max_size=5,
    unique_by=lambda each: each.name,
)


@given(PARAMETERS)
def test_they_travel_unchanged(parameters: list[Parameter]) -> None:
    assert list(parsed_parameters(packed_rules((), parameters))) == parameters
    assert all(each.default is None or is_value(each.default) for each in parameters)


def test_the_revision_follows_the_values() -> None:
    assert revision_with("abc", ()) == "abc"
    one, other = revision_with("abc", (("a", "1"),)), revision_with("abc", (("a", 1),))
    assert len({"abc", one, other, revision_with("abd", (("a", "1"),))}) == 4
    assert revision_with("abc", (("b", 1), ("a", 2))) == revision_with("abc", (("a", 2), ("b", 1)))
