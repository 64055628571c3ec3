"""Check 5 of the firmware contract (tar): nothing leaves the directory, nothing is larger than allowed."""

from __future__ import annotations

import bz2
import contextlib
import io
import os
import stat
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.plugin_packages import link, member, tar_bytes

from provisiond.packages.archives import ArchiveLimits, Usage, unpack_tar
from provisiond.packages.problems import ArchiveProblem

LIMITS = ArchiveLimits(members=50, size=1 << 20, ratio=200, ratio_floor=8 << 20)


def unpacked(tmp_path: Path, data: bytes, *, limits: ArchiveLimits = LIMITS, lenient: bool = False) -> Path:
    archive = tmp_path / "archive"
    archive.write_bytes(data)
    target = tmp_path / "inside" / "target"
    target.mkdir(parents=True)
    unpack_tar(archive, target, Usage(limits), drop_dangling_links=lenient)
    return target


@pytest.mark.parametrize("packing", ["", "gz", "bz2", "xz"])
def test_every_packing_is_told_by_its_content(tmp_path: Path, packing: str) -> None:
    target = unpacked(tmp_path, tar_bytes([member("p"), member("p/a", b"content")], packing))
    assert (target / "p/a").read_bytes() == b"content"


def test_modes_and_owners_of_the_archive_are_ignored(tmp_path: Path) -> None:
    target = unpacked(tmp_path, tar_bytes([member("p", mode=0o7777), member("p/a", b"x", mode=0o6755, uid=0)]))
    assert stat.S_IMODE((target / "p/a").stat().st_mode) == 0o644
    assert stat.S_IMODE((target / "p").stat().st_mode) & 0o7000 == 0


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member("/etc/passwd", b"x")], "absolute"),
        ([member("../out", b"x")], "leads out"),
        ([member("p/../../out", b"x")], "leads out"),
        ([member("p/a\nb", b"x")], "control character"),
        ([member("p/" + "n" * 300, b"x")], "too long"),
        ([link("p/a", "/etc/passwd")], "leads out"),
        ([member("p"), link("p/a", "../../../archive")], "leads out"),
        ([member("p"), link("p/a", "nothing")], "to nothing"),
        ([link("p", "../../outside"), member("p/a", b"x")], "both as a directory and as a file"),
        ([link("p", "."), member("p/a", b"x")], "both as a directory and as a file"),
        ([member("p", b"x"), member("p/a", b"x")], "both as a directory and as a file"),
        ([member("p/a", b"x"), member("p", b"x")], "both as a directory and as a file"),
        ([link("p", "../../archive"), link("q", "p", tarfile.LNKTYPE)], "hard link through"),
        ([link("q", "../archive", tarfile.LNKTYPE)], "leads out"),
        ([link("q", "missing", tarfile.LNKTYPE)], "does not hold"),
        ([member("p/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], "neither a file"),
        ([member("p/pipe", type=tarfile.FIFOTYPE)], "neither a file"),
        ([member("p/disk", type=tarfile.BLKTYPE)], "neither a file"),
        ([member(f"p{number}", b"") for number in range(51)], "more than 50 entries"),
        ([member("p", b"x" * ((1 << 20) + 1))], "more than 1,048,576 bytes"),
    ],
)
def test_what_an_archive_may_not_hold(tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], said: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(ArchiveProblem, match=said):
        unpacked(tmp_path, tar_bytes(members))
    assert list(outside.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "inside", "outside"]
    assert [path.name for path in (tmp_path / "inside").iterdir()] == ["target"]


def test_links_that_stay_inside_are_kept(tmp_path: Path) -> None:
    target = unpacked(
        tmp_path,
        tar_bytes(
            [
                member("p"),
                member("p/a", b"x"),
                link("p/b", "a"),
                link("p/c", "../p/a"),
                link("p/d", "p/a", tarfile.LNKTYPE),
            ]
        ),
    )
    assert os.readlink(target / "p/b") == "a"
    assert [(target / "p" / name).read_bytes() for name in "bcd"] == [b"x"] * 3


def test_a_link_that_leaves_only_by_way_of_another_link_is_refused(tmp_path: Path) -> None:
    members = [member("t"), member("a/b"), link("a/b/c", "../../t"), link("z", "a/b/c/../..")]
    with pytest.raises(ArchiveProblem, match="leads out"):
        unpacked(tmp_path, tar_bytes(members))


def test_dangling_links_of_firmware_are_dropped(tmp_path: Path) -> None:
    target = unpacked(tmp_path, tar_bytes([member("p"), link("p/a", "nothing")]), lenient=True)
    assert list((target / "p").iterdir()) == []


def test_the_later_of_two_members_of_one_name_wins(tmp_path: Path) -> None:
    assert (unpacked(tmp_path, tar_bytes([member("a", b"1"), member("a", b"22")])) / "a").read_bytes() == b"22"


def test_a_bomb_is_stopped_by_its_ratio_before_its_size(tmp_path: Path) -> None:
    limits = ArchiveLimits(members=50, size=1 << 40, ratio=200, ratio_floor=1 << 20)
    with pytest.raises(ArchiveProblem, match="bomb"):
        unpacked(tmp_path, tar_bytes([member("zeros", bytes(8 << 20))]), limits=limits)


def test_a_bomb_in_a_header_does_not_fill_the_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    limits = ArchiveLimits(members=50, size=1 << 40, ratio=1 << 20, ratio_floor=1 << 40)
    data = bz2.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(32 << 20))
    tracemalloc.start()
    with pytest.raises(ArchiveProblem, match="header of more than 1 MiB"):
        unpacked(tmp_path, data, limits=limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_sparse_member_is_refused(tmp_path: Path) -> None:
    sparse = tarfile.TarInfo("sparse")
    sparse.type = tarfile.GNUTYPE_SPARSE
    data = sparse.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    with pytest.raises(ArchiveProblem):
        unpacked(tmp_path, data)


WHOLE = tar_bytes([member("p"), member("p/a", b"content" * 500), member("p/b", bytes(range(256)) * 9)], "")


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz"])
def test_a_cut_archive_is_told_to_be_cut(tmp_path: Path, packing: str) -> None:
    data = tar_bytes([member("p"), member("p/a", os.urandom(5000))], packing)
    with pytest.raises(ArchiveProblem, match="cut off"):
        unpacked(tmp_path, data[: len(data) // 2])


@pytest.mark.parametrize(
    "data", [b"", b"x" * 2000, b"<html>404</html>", b"PK\3\4" + bytes(600), b"\x1f\x8b" + b"x" * 99]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArchiveProblem):
        unpacked(tmp_path, data)


def test_garbage_behind_a_gzip_stream_is_tolerated_as_signed_firmware_has_it(tmp_path: Path) -> None:
    target = unpacked(tmp_path, tar_bytes([member("a", b"x")], "gz") + b"SIGNATURE" * 20)
    assert (target / "a").read_bytes() == b"x"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=40))
def test_no_damage_gets_out_or_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, position: int, damage: bytes
) -> None:
    tmp_path = tmp_path_factory.mktemp("damage")
    data = WHOLE[:position] + damage + WHOLE[position + len(damage) :]
    with contextlib.suppress(ArchiveProblem):
        unpacked(tmp_path, data)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "inside"]


def test_times_are_kept_and_impossible_ones_ignored(tmp_path: Path) -> None:
    target = unpacked(tmp_path, tar_bytes([member("a", b"", mtime=1_500_000_000), member("b", b"", mtime=1 << 34)]))
    assert (target / "a").stat().st_mtime == 1_500_000_000
    assert (target / "b").stat().st_mtime < 1 << 33


def test_unpacking_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(tar_bytes([member("a", b"")]))
    with pytest.raises(ArchiveProblem, match="stopped"):
        unpack_tar(archive, tmp_path, Usage(LIMITS, cancelled=lambda: True))


def test_a_full_disk_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/srv/secret/place")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(ArchiveProblem) as caught:
        unpacked(tmp_path, tar_bytes([member("a", b"x")]))
    assert caught.value.sentence == "the disk is full"


def test_the_names_of_the_top_are_returned(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(tar_bytes([member("./b"), member("b/c", b""), member("a", b"")]))
    (tmp_path / "t").mkdir()
    assert unpack_tar(archive, tmp_path / "t", Usage(LIMITS)) == ("a", "b")


def test_old_tar_formats_with_long_names_work(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo("/".join(["long-directory-name"] * 10))
        tar.addfile(info)
    target = unpacked(tmp_path, stream.getvalue())
    assert (target / "/".join(["long-directory-name"] * 10)).is_file()
