"""Where extensions may come from, what is shown of it, and what commands print."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisiond.extensions.output import CUT, OutputLog
from provisiond.extensions.problems import FileConflict, InvalidRequest
from provisiond.extensions.registry import Registry, Unfinished
from provisiond.extensions.sources import Source, SourceRules, check_git_url, check_ref, masked
from provisiond.extensions.staging import Placed, place, planned, take_away
from provisiond.extensions.validating import RunningVersions, is_satisfied, within


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.org/a/b.git",
        "https://user:secret@git.example.org/a.git",
        "http://localhost:3000/a",
        "ssh://git@host.example.org:22/a.git",
        "git://host/a.git",
        "file:///srv/extensions/a",
        "git@host.example.org:a/b.git",
    ],
)
def test_forms_of_git_addresses(url: str) -> None:
    check_git_url(url)


@pytest.mark.parametrize("ref", ["master", "v1.0", "feature/x", "0123abcd", "release-1.0+x"])
def test_refs(ref: str) -> None:
    check_ref(ref)


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_no_address_that_is_taken_is_an_option_or_a_helper(text: str) -> None:
    try:
        check_git_url(text)
    except InvalidRequest:
        return
    assert not text.startswith("-")
    assert "::" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:secret@h/x.git", "https://***@h/x.git"),
        ("https://token@h/x.git?key=secret#f", "https://***@h/x.git?***"),
        ("https://h/x.git", "https://h/x.git"),
        ("git@h:x.git", "git@h:x.git"),
        ("master", "master"),
    ],
)
def test_what_is_shown_of_options(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert "secret" not in repr(Source("git", {"url": text}))


def test_local_paths(tmp_path: Path) -> None:
    rules = SourceRules(methods=("directory", "tarball"), directories=[tmp_path / "allowed"])
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "out").symlink_to(tmp_path)
    assert rules.source("directory", {"path": str(tmp_path / "allowed")}).options["path"]
    for wrong in (str(tmp_path), str(tmp_path / "allowed" / "out"), f"{tmp_path}/allowed/../x", "allowed", ""):
        with pytest.raises(InvalidRequest):
            rules.source("directory", {"path": wrong})
    both = {"url": "https://h/x", "path": "/x"}
    for options in ({}, both, {"url": "ftp://h/x"}, {"url": "https://h/x", "sha256": "x"}):
        with pytest.raises(InvalidRequest):
            rules.source("tarball", options)


def log_of(*lines: str, limit: int = 1000) -> str:
    output = OutputLog(lambda: 0.0, lambda _: None, limit)
    for line in lines:
        output.write(line)
    return output.text()


def test_the_middle_of_a_long_log_is_left_out() -> None:
    text = log_of(*(f"line {number}" for number in range(1000)))
    lines = text.splitlines()
    assert len(text) < 1200
    assert lines[0].endswith("[starting] line 0")
    assert lines[-1].endswith("line 999")
    assert CUT in lines


def test_a_short_log_is_whole() -> None:
    assert log_of("a", "b") == "1970-01-01T00:00:00Z [starting] a\n1970-01-01T00:00:00Z [starting] b\n"


def test_a_log_holds_no_secrets_and_no_control_characters() -> None:
    text = log_of("password: hunter2", "\x1b[31mred\x07", *["x"] * 100, "https://me:hunter2@h/")
    assert "hunter2" not in text
    assert "\x1b" not in text


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=60))
def test_a_log_stays_within_its_bounds(lines: list[str]) -> None:
    text = log_of(*lines, limit=2000)
    assert len(text) <= 2000 + len(CUT) + 100


RUNNING = RunningVersions(server="1.5", platform="17.10")


@pytest.mark.parametrize(
    ("limits", "broken"),
    [
        ({}, None),
        ({"min_wazo_version": "9.05", "max_wazo_version": "17.10"}, None),
        ({"min_wazo_version": "17.11"}, "min_wazo_version"),
        ({"max_wazo_version": "9.05"}, "max_wazo_version"),
        ({"min_provisiond_version": "1.5", "max_provisiond_version": "1.5"}, None),
        ({"min_provisiond_version": "1.10"}, "min_provisiond_version"),
        ({"max_provisiond_version": "1.4.9"}, "max_provisiond_version"),
    ],
)
def test_limits_include_both_ends_and_are_no_texts(limits: dict[str, str], broken: str | None) -> None:
    assert within(limits, RUNNING) == broken


def test_an_unknown_platform_keeps_every_limit() -> None:
    assert within({"min_wazo_version": "99"}, RunningVersions(server="1", platform=None)) is None


def test_debian_relations() -> None:
    present = {"tig": "2.5-1", "sox": "14.4"}
    assert is_satisfied("tig", present.get)
    assert is_satisfied("absent | sox", present.get)
    assert not is_satisfied("absent", present.get)

    def no_debian(name: str) -> str | None:
        raise FileNotFoundError

    assert is_satisfied("anything", no_debian)


class TestStaging:
    @pytest.fixture
    def stage(self, tmp_path: Path) -> Path:
        stage = tmp_path / "stage"
        (stage / "etc/acme/sub").mkdir(parents=True)
        (stage / "etc/acme/a.conf").write_text("a")
        (stage / "etc/acme/link").symlink_to("a.conf")
        return stage

    def test_a_round(self, tmp_path: Path, stage: Path) -> None:
        root = tmp_path / "root"
        (root / "etc").mkdir(parents=True)
        plan = planned(stage, root, ())
        assert plan == Placed(("etc/acme/a.conf", "etc/acme/link"), ("etc/acme", "etc/acme/sub"))
        place(stage, root, plan)
        assert (root / "etc/acme/link").read_text() == "a"
        with pytest.raises(FileConflict):
            planned(stage, root, ())
        assert planned(stage, root, plan.files).files == plan.files
        (root / "etc/acme/mine").write_text("x")
        assert take_away(root, plan.files, plan.folders) == []
        assert [path.name for path in (root / "etc/acme").iterdir()] == ["mine"]

    def test_a_file_where_a_folder_should_be(self, tmp_path: Path, stage: Path) -> None:
        (tmp_path / "root").mkdir()
        (tmp_path / "root/etc").write_text("x")
        with pytest.raises(FileConflict):
            planned(stage, tmp_path / "root", ())


def test_unfinished_work_survives(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    work = Unfinished(uuid="u", kind="install", identity="a/b", document={"name": "b"}, files=("x",))
    registry.note(work)
    (tmp_path / "unfinished/broken.json").write_text("{")
    assert Registry(tmp_path).unfinished() == [work]
    registry.finished("u")
    assert registry.unfinished() == []


def test_a_broken_record_is_told(tmp_path: Path) -> None:
    record = tmp_path / "installed/local/demo/record.json"
    record.parent.mkdir(parents=True)
    record.write_text("{")
    registry = Registry(tmp_path)
    assert registry.load() == ["the record of the extension local/demo cannot be read"]
    assert registry.all() == ()
