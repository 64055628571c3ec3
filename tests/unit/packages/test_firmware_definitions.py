"""Checks 1, 2 and 3 of the firmware contract: dialect, filters' arguments, step graph."""

from __future__ import annotations

from configparser import Error as ParserError
from configparser import RawConfigParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.packages.firmware.definitions import Definitions, define, read_definitions
from provisiond.packages.firmware.dialect import parse_sections

SHA1 = "0123456789abcdef0123456789abcdef01234567"
FILE = f"[file_fw]\nurl: https://host/path/fw.zip\nsize: 100\nsha1sum: {SHA1}\n"
PKG = "[pkg_fw]\ndescription: Firmware\nversion: 1.0\nfiles: fw\ninstall: x\n"


def defined(text: str) -> Definitions:
    return define(parse_sections(text, "pkgs.db"))


def with_steps(steps: str, *, package: str = PKG) -> Definitions:
    return defined(f"{package}\n{FILE}\n[install_x]\n{steps}\n")


def reason(definitions: Definitions) -> str:
    return definitions.disabled["fw"]


# 1 dialect


def test_the_example_of_the_contract() -> None:
    definitions = defined(
        f"""
[pkg_d10-fw]
description: Firmware and languages for Demo D10
version: 1.2.3
files: d10-fw d10-lang
install: demo d10

[file_d10-fw]
url: https://firmware.example.org/d10/d10-1.2.3.zip
size: 7340032
sha1sum: {SHA1}

[file_d10-lang]
filename: d10-lang.zip
url:
size: 40960
sha1sum: 89abcdef0123456789abcdef0123456789abcdef

[install_demo]
a-b: unzip $FILE1
b-c: cp */*.bin
        */*.sig
        firmware/$ARG1/
a-d: unzip $FILE2
d-e: cp *.lang lang/
"""
    )
    package = definitions.packages["d10-fw"]
    assert definitions.faults == ()
    assert package.size == 7340032 + 40960
    assert [file.is_manual for file in package.files] == [False, True]
    assert package.plan is not None
    assert [(step.source + step.destination, step.filter) for step in package.plan.steps] == [
        *[("ab", "unzip"), ("ad", "unzip"), ("bc", "cp"), ("de", "cp")],
    ]
    assert [argument.text for argument in package.plan.steps[2].arguments] == ["*/*.bin", "*/*.sig", "firmware/d10/"]
    assert package.plan.leaves == ("c", "e")


@pytest.mark.parametrize(
    ("line", "algorithms"),
    [
        (f"sha1sum: {SHA1}", ["sha1"]),
        (f"sha1sum: {SHA1.upper()}\nsha256sum: {'a' * 64}", ["sha1", "sha256"]),
        (f"sha256sum = {'a' * 64}", ["sha256"]),
        (f"sha1sum: {'a' * 32}", ["md5"]),
    ],
)
def test_digests(line: str, algorithms: list[str]) -> None:
    definitions = defined(
        f"[pkg_fw]\ndescription: d\nversion:\nfiles: fw\n[file_fw]\nurl: http://h/f\nsize: 1\n{line}\n"
    )
    assert list(definitions.packages["fw"].files[0].wanted.digests) == algorithms
    assert len(definitions.warnings) == (algorithms == ["md5"])
    assert definitions.packages["fw"].version == ""


@pytest.mark.parametrize("digest", ["", "a" * 39, "a" * 41, "g" * 40, "a" * 31])
def test_other_digests_disable_the_package_and_nothing_else(digest: str) -> None:
    definitions = defined(
        f"{PKG}[install_x]\na-b: unzip $FILE1\n{FILE.replace(SHA1, digest)}[pkg_other]\ndescription: d\nversion: 1\n"
    )
    assert list(definitions.packages) == ["other"]
    assert "sha1sum must hold 40 hex digits" in reason(definitions)
    assert str(definitions.faults[0]).startswith("pkgs.db, section [file_fw]: sha1sum")


def test_values_continue_with_blank_lines_comments_and_percent_signs_kept_out() -> None:
    sections = parse_sections(
        "; a comment\n[Pkg_X]\nDescription : 100%% of %(a)s ; kept\n# out\n"
        "FILES=a\n\n  b\n  # out\n\tc = 3\n\n\nother: x # y\n",
        "pkgs.db",
    )
    assert sections.faults == []
    assert sections.options == {
        "Pkg_X": {"description": "100%% of %(a)s ; kept", "files": "a\n\nb\nc = 3", "other": "x # y"}
    }


@pytest.mark.parametrize(
    ("text", "section", "said"),
    [
        ("[pkg_a]\nversion: 1\nVERSION: 2\n", "pkg_a", "version occurs twice"),
        ("[pkg_a]\nversion: 1\n[pkg_a]\nversion: 2\n", "pkg_a", "the section occurs twice"),
        ("version: 1\n[pkg_a]\n", None, "before the first section"),
        ("[pkg_a]\nnonsense\n", "pkg_a", "neither an option nor a section"),
        ("[pkg_a]\n: x\n", "pkg_a", "neither an option nor a section"),
    ],
)
def test_faults_of_the_dialect(text: str, section: str | None, said: str) -> None:
    [fault, *_] = parse_sections(text, "pkgs.db").faults
    assert fault.section == section
    assert said in fault.sentence


@pytest.mark.parametrize("name", ["DEFAULT", "package_x", "pkg_", "file", "Pkg_x"])
def test_other_sections_are_refused_and_harm_nobody(name: str) -> None:
    definitions = with_steps("a-b: unzip $FILE1\n[" + name + "]\nversion: 7")
    assert list(definitions.packages) == ["fw"]
    assert definitions.faults[0].section == name


def test_two_files_are_one_namespace_in_name_order_and_hidden_ones_are_not_read(tmp_path: Path) -> None:
    pkgs = tmp_path / "pkgs"
    pkgs.mkdir()
    (pkgs / "b.db").write_text(FILE + "[pkg_fw]\nversion: 2.0\n")
    (pkgs / "a.db").write_text(PKG + "[install_x]\na-b: unzip $FILE1\n")
    (pkgs / ".pkgs.db.swp").write_text("[pkg_fw]\nversion: 9\n")
    (pkgs / "broken").write_bytes(b"\xff\xfe")
    definitions = read_definitions(tmp_path)
    assert definitions.packages["fw"].version == "2.0"
    assert [str(fault) for fault in definitions.faults] == ["broken: the file is not UTF-8"]
    assert read_definitions(tmp_path / "none").packages == {}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("description: Firmware\n", "", "description is missing"),
        ("version: 1.0\n", "", "version is missing"),
        ("files: fw", "files: fw none", "there is no section [file_none]"),
        ("install: x", "install: none", "there is no section [install_none]"),
        ("version: 1.0", "version: 1.0\nid: x", "the key id is not allowed"),
        ("version: 1.0", "version: 1.0\ndepends: none", "depends on 'none'"),
        ("version: 1.0", "version: 1.0\ndepends: fw", "depends on itself"),
        ("url: https://host/path/fw.zip\n", "", "url is missing"),
        ("size: 100", "size: many", "size must be a number"),
        ("size: 100", "size: 100\ndownloader: cisco", "downloader 'cisco' is not known"),
        ("size: 100", "size: 100\nfilename: ../x", "file name '../x'"),
        ("size: 100", "size: 100\nfilename: x.part", "file name 'x.part'"),
        ("/fw.zip", "/", "file name ''"),
        ("/path/fw.zip", "/.hidden", "file name '.hidden'"),
        ("[pkg_fw]", "[pkg_a/b]", "file name 'a/b'"),
    ],
)
def test_a_wrong_key_disables_the_package(old: str, new: str, said: str) -> None:
    text = f"{PKG}{FILE}[install_x]\na-b: unzip $FILE1\n"
    definitions = defined(text.replace(old, new))
    assert definitions.packages == {}
    assert said in next(iter(definitions.disabled.values()))


def test_unknown_keys_and_localised_descriptions_are_kept() -> None:
    definitions = defined(
        "[pkg_a]\ndescription: d\nversion: 9.4.2 SR1\ndescription_fr_CA: c\ndescription_fr: f\nX: y\n"
    )
    package = definitions.packages["a"]
    assert [package.localized(locale) for locale in (None, "de", "fr", "fr_FR", "fr_CA")] == ["d", "d", "f", "f", "c"]
    assert package.other["x"] == "y"
    assert package.version == "9.4.2 SR1"


def test_two_files_may_share_a_cache_name_only_with_one_digest() -> None:
    both = f"{PKG.replace('files: fw', 'files: fw two')}[install_x]\na-b: unzip $FILE1\n{FILE}"
    same = FILE.replace("file_fw", "file_two")
    assert list(defined(both + same).packages) == ["fw"]
    other = defined(both + same.replace(SHA1, "f" * 40))
    assert other.packages == {}
    assert "same file name" in reason(other)


def test_a_circle_of_dependencies_disables_its_members_and_what_needs_them() -> None:
    text = "".join(
        f"[pkg_{name}]\ndescription: d\nversion: 1\ndepends: {depends}\n"
        for name, depends in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", ""))
    )
    assert list(defined(text).packages) == ["e"]


# 2 filters and variables


@pytest.mark.parametrize(
    "steps",
    [
        "a-b: cp * x/",
        "a-b: cp a b c ./",
        "a-b: cp a file",
        "a-b: unzip $FILE1",
        "a-b: untar *.tgz",
        "a-b: unrar *",
        "a-b: 7z *",
        "a-b: unsign *.sgn name",
        "a-b: include *",
        "a-b: include a b c",
        "a-b: exclude a",
        "a-b: null",
        "a-b: unzip a//b/",
        "a-b: unzip ${FILE1}x",
        r"a-b: unzip \$FILE9",
    ],
)
def test_right_arguments(steps: str) -> None:
    assert with_steps(steps).disabled == {}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("a-b: cp *", "takes at least 2"),
        ("a-b: cp", "takes at least 2"),
        ("a-b: unzip", "takes 1"),
        ("a-b: unzip a b", "takes 1"),
        ("a-b: untar a b", "takes 1"),
        ("a-b: unrar", "takes 1"),
        ("a-b: 7z a b", "takes 1"),
        ("a-b: unsign a", "takes 2"),
        ("a-b: unsign a b c", "takes 2"),
        ("a-b: include", "takes at least 1"),
        ("a-b: exclude", "takes at least 1"),
        ("a-b: null x", "takes 0"),
        ("a-b: touch x", "'touch' is not known"),
        ("a-b: CP a b", "'CP' is not known"),
        ("a-b:", "names no filter"),
        ("a-b: unzip $FILE2", "$FILE2 is not defined"),
        ("a-b: unzip $FILE11", "$FILE11 is not defined"),
        ("a-b: unzip $ARG1", "$ARG1 is not defined"),
        ("a-b: unzip $", "followed by no name"),
        ("a-b: unzip ${", "followed by no name"),
        ("a-b: unzip /x", "must be relative"),
        ("a-b: unzip ../x", "must be relative"),
        ("a-b: unzip a/../../x", "must be relative"),
        ("a-b: cp a ../x", "cannot be the target"),
        ("a-b: cp a /x", "must be relative"),
        ("a-b: cp a x/../y", "cannot be the target"),
        ("a-b: cp a .", "cannot be the target"),
        ("a-b: unsign a ../b", "must be relative"),
        ("a-b: unsign a b/", "must be the name of a file"),
    ],
)
def test_wrong_arguments_disable_the_package(steps: str, said: str) -> None:
    definitions = with_steps(steps)
    assert definitions.packages == {}
    assert said in reason(definitions)


def test_variables_are_replaced_once_and_files_are_no_patterns() -> None:
    file = FILE.replace("size: 100", "size: 100\nfilename: $ARG1 [x].zip")
    text = f"{PKG.replace('install: x', 'install: x arg*')}{file}[install_x]\na-b: cp $FILE1 ${{FILE1}}.$ARG1 \\$x/\n"
    definitions = defined(text)
    assert definitions.packages["fw"].plan is not None
    first, second, third = definitions.packages["fw"].plan.steps[0].arguments
    assert first.text == "$ARG1 [x].zip"
    assert first.pattern == "$ARG1 [[]x].zip"
    assert (second.text, second.pattern) == ("$ARG1 [x].zip.arg*", "$ARG1 [[]x].zip.arg*")
    assert third.text == "$x/"


# 3 graph


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("b-c: null", "reads b, which no step writes"),
        ("a-b: null\nx-c: null", "reads x"),
        ("a-b: null\nc-d: null\nd-c: null", "in a circle"),
        ("a-b: null\nc-c: null", "in a circle"),
        ("b-c: null\nc-b: null", "no step reads a"),
        ("a-b: null\nb-a: null", "write to a"),
        ("a-b: null\na-c: null\nc-b: null", "two steps write to b"),
        ("a-b: null\na-B: null", "occurs twice"),
        ("a-b-c: null", "not a step"),
        ("ab: null", "not a step"),
        ("a-: null", "not a step"),
        ("", "no step reads a"),
    ],
)
def test_wrong_graphs_disable_the_package(steps: str, said: str) -> None:
    assert said in reason(with_steps(steps))


def test_steps_run_breadth_first_and_one_node_may_have_three_readers() -> None:
    definitions = with_steps("b-c: null\nc-e: null\na-b: null\nb-d: null\nb-f: null")
    plan = definitions.packages["fw"].plan
    assert plan is not None
    assert [step.destination for step in plan.steps] == ["b", "c", "d", "f", "e"]
    assert plan.leaves == ("d", "f", "e")


def test_a_wrong_install_section_that_nobody_uses_is_told_and_harms_nobody() -> None:
    definitions = with_steps("a-b: null\n[install_y]\nb-c: null")
    assert list(definitions.packages) == ["fw"]
    assert definitions.faults[0].section == "install_y"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("[]pkgfile_install:=\n \t;#$ab-{}\\")), max_size=200))
def test_no_text_makes_reading_raise(text: str) -> None:
    defined(text)
    with_steps(text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    "[pkg_a]",
                    "[file_b]",
                    "[Install_C]",
                    "key: value",
                    "key2=v:1",
                    "Key3 = ",
                    "  more",
                    "\tmore ; x",
                    "",
                ),
                *(
                    "# comment",
                    "  ; comment",
                    "a-b: cp x",
                    " deeper = than",
                    "    deepest",
                    "nonsense",
                    "x:",
                    "x = a = b",
                ),
            ]
        ),
        max_size=14,
    )
)
def test_what_the_standard_parser_accepts_is_read_as_it_reads_it(lines: list[str]) -> None:
    standard = RawConfigParser(default_section="\0", strict=True)
    text = "\n".join(lines) + "\n"
    sections = parse_sections(text, "pkgs.db")
    try:
        standard.read_string(text)
    except ParserError:
        assert sections.faults
    else:
        assert sections.faults == []
        assert sections.options == {name: dict(standard[name]) for name in standard.sections()}
