"""Whatever repositories, indexes and senders give: it is read, or refused with a sentence, and never anything else."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.plugin_packages import member, plugin_archive, tar_bytes

from provisiond.errors import InvalidInput, PackageProblem, ProvisiondError
from provisiond.packages.catalog.entries import is_package_id, is_package_version, parse_entry
from provisiond.packages.catalog.fetching import Checksums
from provisiond.packages.catalog.identity import check_file_name, read_package
from provisiond.packages.catalog.repository import RepositoryCopies, icon_names, is_repository_info, read_icon
from provisiond.packages.catalog.sources_list import PackageSource, parse_sources, read_sources
from provisiond.packages.catalog.uploads import keep_upload
from provisiond.packages.partial import remove_partials
from provisiond.packages.problems import RepositoryProblem
from provisiond.packages.python_requirements import parse_page, parse_requirement
from provisiond.provisioning.dependency_check import parse_package

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ENTRY = {"type": "plugin", "id": "lamp", "version": "1", "archive_url": "https://h/x"}
SOURCE = PackageSource(500, "http://h/repo", 1)


def no_extension(files: Any) -> tuple[str, str]:
    raise PackageProblem("no extension")


class TestSourcesList:
    def test_order(self) -> None:
        found = parse_sources("5 http://a\n10 http://b/\n# 99 http://c\n\n5\thttps://d//\n0 file:///srv/e\n")
        assert [(each.url, each.priority, each.line) for each in found] == [
            ("http://b", 10, 2),
            ("http://a", 5, 1),
            ("https://d", 5, 5),
            ("file:///srv/e", 0, 6),
        ]

    @settings(max_examples=200, deadline=None)
    @given(st.text(alphabet="0123456789 \t\n#:/ahtpf.x", max_size=60))
    def test_whatever_is_in_it(self, text: str) -> None:
        try:
            found = parse_sources(text)
        except RepositoryProblem:
            return
        assert list(found) == sorted(found, key=lambda each: (-each.priority, each.line))

    def test_files(self, tmp_path: Path) -> None:
        assert read_sources(None) == read_sources(tmp_path / "absent") == ()
        (tmp_path / "list").write_bytes(b"\xff")
        with pytest.raises(RepositoryProblem, match="UTF-8"):
            read_sources(tmp_path / "list")
        (tmp_path / "list").write_bytes(b"#" * (1 << 20) + b"\n")
        with pytest.raises(RepositoryProblem, match="1 MiB"):
            read_sources(tmp_path / "list")
        with pytest.raises(RepositoryProblem, match="cannot be read"):
            read_sources(tmp_path)

    def test_credentials_are_not_in_its_representation(self) -> None:
        assert "secret" not in repr(parse_sources("1 http://me:secret@h/x"))


class TestEntries:
    @settings(max_examples=200, deadline=None)
    @given(st.dictionaries(st.sampled_from([*ENTRY, "size", "sha256", "dependencies", "author", "x"]), JSON))
    def test_whatever_an_index_says(self, members: dict[str, Any]) -> None:
        try:
            entry = parse_entry({**ENTRY, **members}, "http://h/repo", 500)
        except PackageProblem:
            return
        shown = entry.shown()
        assert len(set(shown)) >= 17
        assert is_package_id(entry.id)
        assert is_package_version(entry.version)
        json.dumps(shown)

    @pytest.mark.parametrize("document", [None, 1, [], "x"])
    def test_no_object(self, document: Any) -> None:
        with pytest.raises(PackageProblem):
            parse_entry(document, "http://h", 1)

    def test_the_password_of_an_address_is_not_shown(self) -> None:
        entry = parse_entry({**ENTRY, "archive_url": "https://me:secret@h/x?a=b"}, "http://h", 1)
        assert entry.shown()["archive_url"] == "https://h/x?a=b"
        assert "secret" in entry.archive_url

    @pytest.mark.parametrize(
        ("content", "is_one"),
        [(b'{"count": 0}', True), (b"{}", False), (b"[]", False), (b"<html>", False), (b"[" * 100_000, False)],
    )
    def test_which_kind_of_repository(self, content: bytes, is_one: bool) -> None:
        assert is_repository_info(content) == is_one


class TestCopies:
    def data(self, tmp_path: Path, *members: Any) -> Path:
        path = tmp_path / "data"
        path.write_bytes(tar_bytes(members, "gz"))
        return path

    def info(self, **more: Any) -> Any:
        return member("repo.info", json.dumps({"count": 1, "packages": [ENTRY], **more}).encode())

    def test_icons_outside_are_not_read(self, tmp_path: Path) -> None:
        png = b"\x89PNG\r\n\x1a\n"
        copies = RepositoryCopies(tmp_path / "copies")
        members = [member("images"), member("images/icon_plugin_lamp_1.png", png), member("images/notes.txt", b"x")]
        kept = copies.keep(SOURCE, self.data(tmp_path, self.info(), *members))
        assert sorted(path.name for path in kept.icons.iterdir()) == ["icon_plugin_lamp_1.png"]
        (kept.icons / "link.png").symlink_to(kept.icons / "icon_plugin_lamp_1.png")
        assert read_icon(kept.icons / "link.png") is None
        (kept.icons / "large.png").write_bytes(png + bytes(1 << 20))
        assert read_icon(kept.icons / "large.png") is None
        assert icon_names("plugin", "La.mp", "1.0")[1] == "icon_plugin_la_mp_1_0.png"

    def test_a_newer_copy_replaces_the_former_one(self, tmp_path: Path) -> None:
        copies = RepositoryCopies(tmp_path / "copies")
        first = copies.keep(SOURCE, self.data(tmp_path, self.info()))
        second = copies.keep(SOURCE, self.data(tmp_path, self.info(packages=[])))
        assert not first.icons.exists()
        assert copies.load(SOURCE) == second
        assert copies.load(PackageSource(1, "http://other", 1)) is None
        copies.forget(SOURCE)
        assert copies.load(SOURCE) is None

    def test_a_damaged_copy_counts_as_none(self, tmp_path: Path) -> None:
        copies = RepositoryCopies(tmp_path / "copies")
        copies.keep(SOURCE, self.data(tmp_path, self.info()))
        (note,) = (tmp_path / "copies").glob("*.json")
        for content in (b"{", b"[]", b'{"url": 1}'):
            note.write_bytes(content)
            assert copies.load(SOURCE) is None


class TestFiles:
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=300), st.integers(0, 2))
    def test_whatever_is_sent(self, tmp_path: Path, noise: bytes, way: int) -> None:
        good = plugin_archive("lamp", "1", packing="gz")
        content = (noise, gzip.compress(noise), good[: len(good) // 2] + noise)[way]
        with pytest.raises(ProvisiondError):
            keep_upload("plugin-lamp-1.tgz", io.BytesIO(content), tmp_path, no_extension, lambda _: None)
        assert list(tmp_path.iterdir()) == []

    def test_a_good_one(self, tmp_path: Path) -> None:
        content = plugin_archive("lamp", "1", packing="gz")
        package = keep_upload("plugin-lamp-1.tgz", io.BytesIO(content), tmp_path, no_extension, lambda _: None)
        assert (package.fullname, package.version) == ("plugin-lamp", "1")
        assert package.path.read_bytes() == content
        assert package.offer().digests.keys() == {"sha1", "sha256"}

    def test_who_may_not_leaves_nothing(self, tmp_path: Path) -> None:
        def refuse(_: Any) -> None:
            raise InvalidInput("no")

        content = io.BytesIO(plugin_archive("lamp", "1", packing="gz"))
        with pytest.raises(InvalidInput):
            keep_upload("plugin-lamp-1.tgz", content, tmp_path, no_extension, refuse)
        assert list(tmp_path.iterdir()) == []

    def test_what_a_killed_server_leaves_goes_at_the_next_start(self, tmp_path: Path) -> None:
        removed: list[str] = []

        def dies(_: Any) -> None:
            removed.extend(remove_partials(tmp_path))
            raise KeyboardInterrupt

        content = io.BytesIO(plugin_archive("lamp", "1", packing="gz"))
        with pytest.raises(KeyboardInterrupt):
            keep_upload("plugin-lamp-1.tgz", content, tmp_path, no_extension, dies)
        assert [name.partition("-")[0] for name in removed] == [".upload"]

    def test_a_bomb(self, tmp_path: Path) -> None:
        path = tmp_path / "bomb.tgz"
        info = json.dumps({"version": "1", "description": "", "capabilities": {}}).encode()
        bomb = member("lamp/zeros", bytes(48 << 20))
        path.write_bytes(tar_bytes([member("lamp"), member("lamp/plugin-info", info), bomb], "gz"))
        assert path.stat().st_size < 100_000
        with pytest.raises(PackageProblem):
            read_package(path, no_extension)

    @settings(max_examples=100, deadline=None)
    @given(st.text(max_size=40))
    def test_names(self, name: str) -> None:
        try:
            check_file_name(name)
        except InvalidInput:
            return
        assert "/" not in name
        assert not name.startswith(".")

    def test_remembered_checksums(self, tmp_path: Path) -> None:
        checksums = Checksums(tmp_path / "packages" / "checksums.json")
        one = parse_entry(ENTRY, "http://h", 1)
        other = parse_entry({**ENTRY, "archive_url": "https://elsewhere/x"}, "http://h", 1)
        assert checksums.get(one) is None
        checksums.remember(one, "a" * 64)
        assert Checksums(tmp_path / "packages" / "checksums.json").get(one) == "a" * 64
        assert checksums.get(other) is None
        (tmp_path / "packages" / "checksums.json").write_text("{")
        assert checksums.get(one) is None


class TestRequirements:
    @settings(max_examples=200, deadline=None)
    @given(st.text(alphabet="ab1.-_ ()<>=!~,;@[]\t\n", max_size=30))
    def test_whatever_is_required(self, text: str) -> None:
        try:
            wanted = parse_requirement(text)
        except InvalidInput:
            return
        assert wanted.name in text
        assert wanted.best([]) == ""

    @settings(max_examples=100, deadline=None)
    @given(st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode())))
    def test_whatever_an_index_answers(self, page: bytes) -> None:
        assert all(isinstance(version, str) for version in parse_page(page, "lamp"))

    @pytest.mark.parametrize(
        ("text", "versions", "best"),
        [
            ("x", ["1.0", "1.10", "1.9"], "1.10"),
            ("x (<1.10)", ["1.0", "1.10", "1.9"], "1.9"),
            ("x", ["2.0rc1", "1.0"], "1.0"),
            ("x", ["2.0rc1"], "2.0rc1"),
            ("x (>=2.0rc1)", ["2.0rc1", "1.0"], "2.0rc1"),
            ("x (>3)", ["1.0", "nonsense"], ""),
        ],
    )
    def test_the_best(self, text: str, versions: list[str], best: str) -> None:
        assert parse_requirement(text).best(versions) == best

    @settings(max_examples=100, deadline=None)
    @given(st.text(alphabet="ab1.-_ ()<>=!,", max_size=30))
    def test_whatever_package_is_needed(self, text: str) -> None:
        try:
            package_id, _ = parse_package(text)
        except InvalidInput:
            return
        assert is_package_id(package_id)
