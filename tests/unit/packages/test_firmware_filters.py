"""Checks 4 to 8 of the firmware contract: what each filter does."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.support.firmware import FirmwareWorld, zip_bytes
from tests.support.plugin_packages import link, member, tar_bytes

from provisiond.packages.archives import ArchiveLimits
from provisiond.packages.problems import InstallationProblem


@pytest.fixture
def world(tmp_path: Path) -> FirmwareWorld:
    return FirmwareWorld(tmp_path)


def served(world: FirmwareWorld, files: dict[str, bytes], steps: str, install: str = "x") -> dict[str, bytes]:
    world.one(files, steps, install=install)
    world.install()
    assert world.leftovers() == []
    return world.served()


def refused(world: FirmwareWorld, files: dict[str, bytes], steps: str) -> str:
    world.one(files, steps)
    with pytest.raises(InstallationProblem) as caught:
        world.install()
    assert not world.tftpboot.exists() or world.served() == {}
    assert world.leftovers() == []
    assert world.last.endswith("(install|fail)")
    return caught.value.sentence


TREE = {"d/a.bin": b"a", "d/b.bin": b"b", "d/c.sig": b"c", "d/sub/x": b"x", "d/.h": b"h", "top": b"t"}
ZIP = {"fw.zip": zip_bytes(TREE)}


# 4 cp


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("d/a.bin out/", ["out/a.bin"]),
        ("d/a.bin ./", ["a.bin"]),
        ("d/a.bin deep/er/name", ["deep/er/name"]),
        ("d/*.bin d/*.none d/*.sig out/", ["out/a.bin", "out/b.bin", "out/c.sig"]),
        ("d/sub out/", ["out/sub/x"]),
        ("d/* out/", ["out/a.bin", "out/b.bin", "out/c.sig", "out/sub/x"]),
        ("d out/", ["out/d/.h", "out/d/a.bin", "out/d/b.bin", "out/d/c.sig", "out/d/sub/x"]),
        ("d/.* out/", ["out/.h"]),
        ("*/[ab].bin out/", ["out/a.bin", "out/b.bin"]),
        ("d//a.bin/ out/", ["out/a.bin"]),
        ("**/a.bin out/", ["out/a.bin"]),
        ("?op out/", ["out/top"]),
    ],
)
def test_cp(world: FirmwareWorld, arguments: str, names: list[str]) -> None:
    files = served(world, ZIP, f"a-b: unzip $FILE1\nb-c: cp {arguments}")
    # names with a leading dot are copied by the filter and left out of the result
    assert sorted(files) == [name for name in names if "/." not in name]


def test_cp_directly_from_the_source_and_with_an_argument(world: FirmwareWorld) -> None:
    assert served(world, {"a&b.bin": b"x"}, "a-b: cp $FILE1 firmware/$ARG1/", "x d10") == {"firmware/d10/a&b.bin": b"x"}


def test_a_file_name_is_no_pattern(world: FirmwareWorld) -> None:
    assert served(world, {"fw[1].bin": b"x", "fw1.bin": b"y"}, "a-b: cp $FILE1 ./") == {"fw[1].bin": b"x"}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("b-c: cp none* also-none out/", "nothing matches 'none* also-none'"),
        ("b-c: cp d/*.bin out", "2 files match"),
        ("b-c: cp d/sub out", "is a directory"),
        ("b-c: cp d/sub d/sub out/", "exists already"),
        ("b-c: cp top d/a.bin x/\nc-d: cp x/* x/top x/", "step b-c"),
        ("b-c: cp D/a.bin out/", "nothing matches"),
    ],
)
def test_cp_that_cannot_be(world: FirmwareWorld, steps: str, said: str) -> None:
    if said == "step b-c":
        assert served(world, ZIP, f"a-b: unzip $FILE1\n{steps}") == {"x/a.bin": b"a", "x/top": b"t"}
    else:
        assert said in refused(world, ZIP, f"a-b: unzip $FILE1\n{steps}")


def test_cp_reads_through_links_and_writes_plain_files(world: FirmwareWorld) -> None:
    archive = tar_bytes([member("d"), member("d/real", b"x"), link("d/link", "real"), link("e", "d")])
    assert served(world, {"fw.tar": archive}, "a-b: untar $FILE1\nb-c: cp d/link e out/") == {
        "out/e/link": b"x",
        "out/e/real": b"x",
        "out/link": b"x",
    }
    assert not any(path.is_symlink() for path in world.tftpboot.rglob("*"))


def test_a_leaf_with_links_becomes_plain_files(world: FirmwareWorld) -> None:
    archive = tar_bytes([member("d"), member("d/real", b"x"), link("d/link", "real"), link("d/gone", "nothing")])
    assert served(world, {"fw.tar": archive}, "a-b: untar $FILE1") == {"d/link": b"x", "d/real": b"x"}
    assert not any(path.is_symlink() for path in world.tftpboot.rglob("*"))


def test_a_leaf_keeps_what_its_links_mean_in_whatever_order_their_names_come(world: FirmwareWorld) -> None:
    archive = tar_bytes(
        [member("d"), member("d/fw-1.0", b"x"), link("d/fw-latest", "fw-1.0"), link("e", "d"), link("c", "d")]
    )
    everything = {f"{name}/{file}": b"x" for name in "cde" for file in ("fw-1.0", "fw-latest")}
    assert served(world, {"fw.tar": archive}, "a-b: untar $FILE1") == everything
    assert not any(path.is_symlink() for path in world.tftpboot.rglob("*"))


def test_a_link_out_is_refused_even_when_it_leads_to_nothing(world: FirmwareWorld) -> None:
    for target in ("../../nothing", "../../../../nothing", "x/../../../nothing"):
        archive = tar_bytes([member("d"), member("d/x", b"x"), link("d/link", target), link("k", "d/link")])
        assert "leads out" in refused(world, {"fw.tar": archive}, "a-b: untar $FILE1")


@pytest.mark.parametrize("target", ["nothing", "../nothing", "loop", "n" * 300])
def test_a_link_to_nothing_inside_is_left_out(world: FirmwareWorld, target: str) -> None:
    archive = tar_bytes([member("d"), member("d/x", b"x"), link("d/loop", target)])
    assert served(world, {"fw.tar": archive}, "a-b: untar $FILE1") == {"d/x": b"x"}


def test_a_leaf_that_goes_round_in_a_circle_is_refused(world: FirmwareWorld) -> None:
    archive = tar_bytes([member("d"), member("d/x", b"x"), link("d/loop", "."), link("d/loop2", "../d")])
    sentence = refused(world, {"fw.tar": archive}, "a-b: untar $FILE1")
    assert "more than 500 entries" in sentence or "symbolic links" in sentence


def test_a_link_to_its_own_directory_does_not_fill_the_disk(world: FirmwareWorld) -> None:
    archive = tar_bytes([member("d"), member("d/x", b"x"), link("d/loop", "."), link("d/loop2", "../d")])
    sentence = refused(world, {"fw.tar": archive}, "a-b: untar $FILE1\nb-c: cp d out/")
    assert "more than 500 entries" in sentence or "symbolic links" in sentence


# 3 merging


def test_leaves_are_merged_and_later_files_win(world: FirmwareWorld) -> None:
    steps = "a-b: unzip $FILE1\nb-c: cp d/a.bin out/name\nb-d: cp d/b.bin out/name\nb-e: cp top ./"
    assert served(world, ZIP, steps) == {"out/name": b"b", "top": b"t"}


def test_leaves_that_do_not_fit_together_are_refused(world: FirmwareWorld) -> None:
    assert "of another" in refused(world, ZIP, "a-b: unzip $FILE1\nb-c: cp top x\nb-d: cp top x/")
    assert "of another" in refused(world, ZIP, "a-b: unzip $FILE1\nb-d: cp top x/\nb-c: cp top x")


# 5 archives


def test_names_of_a_zip_that_lead_out_lose_the_parts_that_do(world: FirmwareWorld) -> None:
    archive = zip_bytes({"../../up": b"1", "/abs": b"2", "C:/drive": b"3", "a/../b": b"4", "dir/": b""})
    assert served(world, {"fw.zip": archive}, "a-b: unzip $FILE1") == {
        "abs": b"2",
        "a/b": b"4",
        "drive": b"3",
        "up": b"1",
    }
    assert (world.tftpboot / "dir").is_dir()


def test_a_link_in_a_zip_is_a_plain_file(world: FirmwareWorld) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = world.root / "x.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(info, "/etc/passwd")
    assert served(world, {"fw.zip": archive.read_bytes()}, "a-b: unzip $FILE1") == {"link": b"/etc/passwd"}


def damaged(data: bytes, position: int, value: int) -> bytes:
    changed = bytearray(data)
    changed[position] = value
    return bytes(changed)


def encrypted(data: bytes) -> bytes:
    local, central = data.index(b"PK\3\4") + 6, data.index(b"PK\1\2") + 8
    return damaged(damaged(data, local, 1), central, 1)


def overlong_directory(data: bytes) -> bytes:
    end = data.rindex(b"PK\5\6")
    return data[: end + 12] + (1 << 31).to_bytes(4, "little") + data[end + 16 :]


STORED = zip_bytes({"a": os.urandom(1000)})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a zip"),
        (b"<html>", "not a zip"),
        (STORED[:-30], "not a zip"),
        (damaged(STORED, 200, STORED[200] ^ 255), "broken"),
        (encrypted(STORED), "encrypted"),
        (overlong_directory(STORED), "directory is broken or too large"),
        (zip_bytes({f"n{number}": b"" for number in range(501)}), "more than 500 entries"),
        (zip_bytes({"zeros": bytes(5 << 20)}), "more than it may"),
        (zip_bytes({"a\tb": b""}), "control character"),
        (zip_bytes({"a": b"", "a/b": b""}), "both as a directory"),
        (zip_bytes({"n" * 256: b""}), "too long"),
    ],
)
def test_zips_that_are_refused(world: FirmwareWorld, data: bytes, said: str) -> None:
    assert said in refused(world, {"fw.zip": data}, "a-b: unzip $FILE1")


def test_a_zip_of_a_million_entries_is_refused_before_it_is_read(world: FirmwareWorld) -> None:
    entry = STORED[STORED.index(b"PK\1\2") : STORED.rindex(b"PK\5\6")]
    directory = entry * 1_000_000
    end = STORED[STORED.rindex(b"PK\5\6") :]
    start = STORED[: STORED.index(b"PK\1\2")]
    data = start + directory + end[:12] + len(directory).to_bytes(4, "little") + end[16:]
    assert "entries" in refused(world, {"fw.zip": data}, "a-b: unzip $FILE1")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member("../x", b"")], "leads out"),
        ([member("/x", b"")], "absolute"),
        ([link("x", "/etc/passwd")], "leads out"),
        ([link("x", "../" * 30 + "etc")], "leads out"),
        ([member("x", type=tarfile.CHRTYPE)], "neither a file"),
        ([member(f"{number}", b"") for number in range(501)], "more than 500 entries"),
        ([member("x", bytes(5 << 20))], "more than"),
    ],
)
def test_tars_that_are_refused(world: FirmwareWorld, members: list[tuple[tarfile.TarInfo, bytes]], said: str) -> None:
    assert said in refused(world, {"fw.tar": tar_bytes(members)}, "a-b: untar *")


@pytest.mark.parametrize("packing", ["", "gz", "bz2", "xz"])
def test_every_packing_of_tar(world: FirmwareWorld, packing: str) -> None:
    assert served(world, {"fw": tar_bytes([member("x", b"1")], packing)}, "a-b: untar $FILE1") == {"x": b"1"}


def test_archives_in_archives_and_several_at_once(world: FirmwareWorld) -> None:
    inner = [zip_bytes({"a": b"1", "same": b"first"}), zip_bytes({"b": b"2", "same": b"second"})]
    outer = zip_bytes({"1.zip": inner[0], "2.zip": inner[1], "rest": b""})
    steps = "a-b: unzip $FILE1\nb-c: unzip *.zip\nc-d: include a b same"
    assert served(world, {"fw.zip": outer}, steps) == {"a": b"1", "b": b"2", "same": b"second"}


def test_the_limits_count_all_steps_together(tmp_path: Path) -> None:
    world = FirmwareWorld(tmp_path, ArchiveLimits(members=500, size=3_000_000))
    inner = zip_bytes({"a": os.urandom(1_000_000)})
    assert "bytes" in refused(world, {"fw.zip": zip_bytes({"1.zip": inner})}, "a-b: unzip *\nb-c: unzip *\nc-d: cp a b")


# 6 unsign


@pytest.mark.parametrize("offset", [0, 1, 510])
def test_unsign_drops_what_stands_before_the_gzip_data(world: FirmwareWorld, offset: int) -> None:
    packed = tar_bytes([member("app.bin", b"x")], "gz")
    steps = "a-b: unsign *.sgn fw.tar.gz\nb-c: untar fw.tar.gz"
    assert served(world, {"fw.sgn": b"S" * offset + packed}, steps) == {"app.bin": b"x"}


def test_the_real_chain_of_signed_firmware(world: FirmwareWorld) -> None:
    inner = tar_bytes([member("apps.sbn", b"x"), member("load.loads", b"y")], "")
    outer = b"signature" + tar_bytes([member("inner.tar", inner)], "gz") + b"trailing signature"
    steps = "a-b: unsign $FILE1 fw.tgz\nb-c: untar fw.tgz\nc-d: untar inner.tar\nd-e: cp *.sbn *.loads ./"
    assert served(world, {"fw.cop.sgn": outer}, steps) == {"apps.sbn": b"x", "load.loads": b"y"}


@pytest.mark.parametrize(
    ("files", "steps", "said"),
    [
        ({"x": b"S" * 511 + b"\x1f\x8b"}, "a-b: unsign x y", "no gzip data"),
        ({"x": b"plain"}, "a-b: unsign x y", "no gzip data"),
        ({"x1": b"\x1f\x8b", "x2": b"\x1f\x8b"}, "a-b: unsign x* y", "exactly one file"),
        ({"x": b"\x1f\x8b"}, "a-b: unsign x sub/y", "directory of 'sub/y' does not exist"),
        ({"x": b"\x1f\x8b"}, "a-b: unsign none y", "nothing matches"),
    ],
)
def test_unsign_that_cannot_be(world: FirmwareWorld, files: dict[str, bytes], steps: str, said: str) -> None:
    assert said in refused(world, files, steps)


# 7 include and exclude


@pytest.mark.parametrize(
    ("step", "names"),
    [
        ("include top", ["top"]),
        ("include *.bin", []),
        ("include d/*.bin", []),
        ("include d", ["d/.h", "d/a.bin", "d/b.bin", "d/c.sig", "d/sub/x"]),
        ("include d*", ["d/.h", "d/a.bin", "d/b.bin", "d/c.sig", "d/sub/x"]),
        ("include t* none", ["top"]),
        ("exclude d", ["top"]),
        ("exclude d/*", ["top"]),
        ("exclude *.bin", ["d/.h", "d/c.sig", "d/sub/x", "top"]),
        ("exclude sub", ["d/.h", "d/a.bin", "d/b.bin", "d/c.sig", "d/sub/x", "top"]),
        ("exclude */sub", ["d/.h", "d/a.bin", "d/b.bin", "d/c.sig", "top"]),
        ("null", []),
    ],
)
def test_include_and_exclude(world: FirmwareWorld, step: str, names: list[str]) -> None:
    assert sorted(served(world, ZIP, f"a-b: unzip $FILE1\nb-c: {step}")) == [n for n in names if "/." not in n]


def test_hidden_names_of_the_top_are_included_and_then_left_out(world: FirmwareWorld) -> None:
    archive = zip_bytes({".DS_Store": b"", "__MACOSX/x": b"", "x.tmp": b"", "fw.bin": b"1"})
    assert served(world, {"fw.zip": archive}, "a-b: unzip $FILE1\nb-c: include *") == {
        "fw.bin": b"1",
        "__MACOSX/x": b"",
    }
    assert world.record()["files"] == ["__MACOSX/", "__MACOSX/x", "fw.bin"]


# 8 external programs


def program(world: FirmwareWorld, name: str, script: str) -> None:
    path = world.root / f"{name}-program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    world.programs[name] = str(path)


def test_unrar_is_called_without_a_shell_and_flattens(world: FirmwareWorld) -> None:
    log = world.root / "arguments"
    program(world, "unrar", f'printf "%s\\n" "$@" > {log}\ncd "$5" && echo one > fw.bin && chmod 4755 fw.bin')
    assert served(world, {"fw $(id).rar": b"rar"}, "a-b: unrar *.rar") == {"fw.bin": b"one\n"}
    arguments = log.read_text().splitlines()
    assert arguments[:3] == ["e", "-idq", "-y"]
    assert arguments[3].endswith("/node-a/fw $(id).rar")
    assert arguments[4].endswith("/node-b/")
    assert stat.S_IMODE((world.tftpboot / "fw.bin").stat().st_mode) == 0o644


@pytest.mark.parametrize("name", ["7zr", "7z", "7zz", "7za"])
def test_any_of_the_7z_programs_will_do(world: FirmwareWorld, name: str) -> None:
    program(world, name, 'directory="${4#-o}"; [ "$1$2$3" = "e-bd-y" ] && cp "$5" "$directory/copied"')
    assert served(world, {"fw.7z": b"content"}, "a-b: 7z fw.7z") == {"copied": b"content"}


@pytest.mark.parametrize(
    ("step", "said"), [("unrar *", "the program unrar is needed"), ("7z *", "7zr or 7z or 7zz or 7za")]
)
def test_an_absent_program_is_named_and_the_package_stays_listed(world: FirmwareWorld, step: str, said: str) -> None:
    sentence = refused(world, {"fw": b"x"}, f"a-b: {step}")
    assert said in sentence
    assert sentence.startswith("package fw: step a-b")
    assert "on Debian, the package" in sentence


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "ended with status 3"),
        ("kill -9 $$", "ended with status -9"),
        ('ln -s /etc/passwd "$5/link"', "a link or a device"),
        ('mkfifo "$5/pipe"', "a link or a device"),
        ('head -c 5000000 /dev/zero > "$5/big"', "more than"),
        ('cd "$5"; i=0; while [ $i -lt 501 ]; do : > $i; i=$((i+1)); done', "more than"),
        ('while :; do head -c 1000000 /dev/zero >> "$5/big"; done', "more than it may"),
    ],
)
def test_programs_that_misbehave(world: FirmwareWorld, script: str, said: str) -> None:
    program(world, "unrar", script)
    assert said in refused(world, {"fw": b"x"}, "a-b: unrar *")


def test_a_program_that_hangs_is_killed_with_its_children(world: FirmwareWorld) -> None:
    world.packages._seconds = 0.3
    pid = world.root / "pid"
    program(world, "unrar", f"sleep 600 & echo $! > {pid}; wait")
    assert "too long" in refused(world, {"fw": b"x"}, "a-b: unrar *")
    state = Path(f"/proc/{pid.read_text().strip()}/stat")
    assert not state.exists() or state.read_text().split(")")[1].split()[0] in "ZX"


def test_the_real_7z_flattens(world: FirmwareWorld) -> None:
    real = shutil.which("7zr")
    assert real is not None, "install 7zr; scripts/need-programs names what the tests need"
    world.programs["7zr"] = real
    source = world.root / "source" / "deep"
    source.mkdir(parents=True)
    (source / "fw.bin").write_bytes(b"firmware" * 100)
    archive = world.root / "fw.7z"
    subprocess.run([real, "a", "-bd", str(archive), "deep"], cwd=source.parent, check=True, capture_output=True)
    assert served(world, {"fw.7z": archive.read_bytes()}, "a-b: 7z $FILE1\nb-c: cp *.bin out/") == {
        "out/fw.bin": b"firmware" * 100,
    }
    assert "broken or encrypted" in refused_again(world)


def refused_again(world: FirmwareWorld) -> str:
    world.one({"bad.7z": b"7z\xbc\xaf\x27\x1c" + b"x" * 50}, "a-b: 7z $FILE1")
    with pytest.raises(InstallationProblem) as caught:
        world.install()
    return caught.value.sentence


def test_all_packings_are_told_apart_without_their_names() -> None:
    data = tar_bytes([member("x", b"1")], "")
    assert len({gzip.compress(data)[:2], bz2.compress(data)[:2], lzma.compress(data)[:2]}) == 3
