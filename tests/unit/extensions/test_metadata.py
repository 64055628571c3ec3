"""Metadata of extensions: sections 2.1 and 2.2 of the extension contract, and what strangers write into YAML."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.errors import InvalidInput
from provisiond.extensions.metadata import Need, parse_metadata
from provisiond.extensions.problems import ExtensionProblem, InvalidMetadata
from provisiond.extensions.trees import check_makefile
from provisiond.extensions.yaml_text import MAX_SIZE, read_mapping

HELLO = b'name: helloworld\ndescription: Adds the extension "***42" to you dialplan to greet users\nversion: 0.0.1\n'


def test_the_document_is_read() -> None:
    found = parse_metadata(HELLO, "make")
    assert (found.identity, found.package_id, found.version) == ("local/helloworld", "local-helloworld", "0.0.1")
    assert found.document["namespace"] == "local"
    assert found.description == 'Adds the extension "***42" to you dialplan to greet users'


@pytest.mark.parametrize("text", ["1.10", "1", "'1.10'", "2020-01-01", "1e5", "0x10", "010"])
def test_versions_are_texts_as_they_are_written(text: str) -> None:
    found = parse_metadata(f"name: a\nversion: {text}\nmin_wazo_version: {text}\n".encode(), "make")
    assert found.version == found.limits["min_wazo_version"] == text.strip("'")


def test_other_members_are_kept() -> None:
    data = (
        b"namespace: acme\nname: a\nversion: 1\ntags: [x, 1, true]\ncolor: '#fff'\nsince: 2020-01-01\n"
        b"plugin_format_version: 2\n"
    )
    found = parse_metadata(data, "rules")
    assert found.document["tags"] == ["x", 1, True]
    assert found.document["since"] == "2020-01-01"
    assert found.format_version == 2


def test_needs() -> None:
    data = b"name: a\nversion: 1\ndepends: [{namespace: b, name: c, version: '>=1.2,<2'}, {namespace: b, name: d}]\n"
    found = parse_metadata(data, "make")
    assert found.needs == (Need("b", "c", ">=1.2,<2"), Need("b", "d"))
    assert [each.id for each in found.dependencies] == ["b-c (>=1.2,<2)", "b-d"]
    assert found.needs[0].fits("1.10")
    assert not found.needs[0].fits("2.0")
    assert Need("b", "c", "1.0").fits("1.0")


@pytest.mark.parametrize(
    ("line", "field", "constraint"),
    [
        ("", "name", "required"),
        ("name:", "name", "not_null"),
        ("name: 1", "name", "type"),
        ("name: ''", "name", "length"),
        ("name: Hello", "name", "regex"),
        ("name: ../x", "name", "regex"),
        ("name: a\nnamespace: a-b", "namespace", "regex"),
        ("name: a\nversion:", "version", "not_null"),
        ("name: a\nversion: ''", "version", "length"),
        ("name: a\nversion: [1]", "version", "type"),
        ("name: a\nversion: a b", "version", "regex"),
        ("name: a\nversion: 1\ndescription: [x]", "description", "type"),
        ("name: a\nversion: 1\ndepends: x", "depends", "type"),
        ("name: a\nversion: 1\ndepends: [x]", "depends", "type"),
        ("name: a\nversion: 1\ndepends: [{namespace: a, name: B}]", "depends", "regex"),
        ("name: a\nversion: 1\ndepends: [{namespace: a, name: b, version: '>>1'}]", "depends", "regex"),
        ("name: a\nversion: 1\ndebian_depends: x", "debian_depends", "type"),
        ("name: a\nversion: 1\ndebian_depends: ['-x']", "debian_depends", "regex"),
        ("name: a\nversion: 1\nmax_wazo_version: {}", "max_wazo_version", "type"),
    ],
)
def test_wrong_members(line: str, field: str, constraint: str) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        parse_metadata(f"more: y\n{line}\n".encode(), "make")
    assert caught.value.error_id == "validation-error"
    detail = caught.value.details[field]
    assert detail["constraint_id"] == constraint
    assert set(detail) == {"message", "constraint", "constraint_id"}


@pytest.mark.parametrize(
    ("value", "constraint"), [("x", "type"), ("true", "type"), ("3", "range"), ("-1", "range"), ("1.5", "type")]
)
def test_the_format_version(value: str, constraint: str) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        parse_metadata(f"namespace: a\nname: a\nversion: 1\nplugin_format_version: {value}\n".encode(), "rules")
    assert caught.value.constraint_id == constraint


def test_the_second_form_needs_a_namespace() -> None:
    with pytest.raises(InvalidMetadata, match="namespace: is missing"):
        parse_metadata(HELLO, "rules")


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n".encode() for n in range(9)
)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (BOMB, "anchors or aliases"),
        (b"a: &x 1\n", "anchors or aliases"),
        (b"a: *x\n", "anchors or aliases"),
        (b"name:\n\tfoo: 1\n", "tab"),
        (b"\tname: x\n", "tab"),
        (b"x: " + b"[" * 1000, "nested too deeply"),
        (b"x: " + b"{a: " * 1000, "nested too deeply"),
        (b"x: [" + b"1," * 10_000 + b"]", "holds too much"),
        (b"a" * (MAX_SIZE + 1), "larger than 64 KiB"),
        (b"\xff\xfe", "not UTF-8"),
        (b"- a\n- b\n", "one mapping"),
        (b"text", "one mapping"),
        (b"", "one mapping"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML"),
        (b"a: 1\na: 2\n", "given twice"),
        (b"? [a]\n: 1\n", "no text"),
        (b"a: !!python/object/apply:os.system [x]\n", ""),
        (b"a: {", "not valid YAML"),
        (b"a: \x00", "not valid YAML"),
    ],
)
def test_hostile_yaml(data: bytes, sentence: str) -> None:
    with pytest.raises(ExtensionProblem) as caught:
        parse_metadata(data, "make")
    assert sentence in caught.value.sentence


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="ab:-[]{}&*!|>'\"\n\t #,?%@`", max_size=80).map(str.encode)))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        found: dict[str, Any] = read_mapping(data, ("version",))
    except InvalidInput:
        return
    assert all(isinstance(key, str) for key in found)


@pytest.mark.parametrize(
    "text",
    [
        "install:\n\ttrue\nuninstall:\n\ttrue\n",
        ".PHONY: install uninstall\ninstall: files\n\ttrue\nuninstall:: x\n\ttrue\n",
        "install uninstall:\n\ttrue\n",
        "include common.mk\n",
        "-include common.mk\n",
        "X = a \\\n    b\ninstall:\n\ttrue\n\n# note\nuninstall:\n\ttrue\n",
        "install: ; true\nuninstall: ; true\n",
        "install:\n\ttrue \\\n    more\nuninstall:\n\ttrue\n",
    ],
)
def test_good_makefiles(text: str) -> None:
    check_makefile(text)


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("", "targets"),
        ("install:\n\ttrue\n", "targets"),
        ("uninstall:\n\ttrue\n", "targets"),
        ("preinstall:\n\ttrue\nuninstall:\n\ttrue\n", "targets"),
        ("install := x\nuninstall:\n\ttrue\n", "targets"),
        ("# install:\nuninstall:\n\ttrue\n", "targets"),
        ("install:\n    true\nuninstall:\n\ttrue\n", "tabs"),
        ("install:\n\ttrue\n  false\nuninstall:\n\ttrue\n", "tabs"),
    ],
)
def test_wrong_makefiles(text: str, constraint: str) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        check_makefile(text)
    assert caught.value.constraint_id == constraint
    assert "Makefile" in caught.value.details
