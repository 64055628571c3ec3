from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen
from tests.support.legacy_plugins import hosted, write_small

from provisiond.legacy.mirror import Mirror
from provisiond.legacy.own_copies import OwnCopies
from provisiond.legacy.surroundings import Surroundings

# Every way in which a plugin opens a file to write, in a process of its own: what is heeded once is heeded for ever.
PROGRAM = """
import os, pathlib, shutil, sys
from provisiond.legacy.own_copies import OwnCopies
from provisiond.legacy.surroundings import HERE
root, home, way = sys.argv[1:]
HERE.add_home(pathlib.Path(root), pathlib.Path(home))
OwnCopies(HERE).watch()
name = os.path.join(root, "var/tftpboot/deep/fw.bin")
{
    "w": lambda: open(name, "w").write("new"),
    "bytes": lambda: open(os.fsencode(name), "wb").write(b"new"),
    "a": lambda: open(name, "ab").write(b"new"),
    "r+": lambda: open(name, "r+b").write(b"new"),
    "path": lambda: pathlib.Path(name).write_text("new"),
    "os": lambda: os.write(os.open(pathlib.Path(name), os.O_WRONLY | os.O_TRUNC), b"new"),
    "copy": lambda: shutil.copyfile(sys.executable, name),
    "truncate": lambda: os.truncate(name, 3),
    "relative": lambda: (os.chdir(os.path.dirname(name)), open("../deep/./fw.bin", "w").write("new")),
    "read": lambda: open(name).read(),
}[way]()
"""
WRITTEN = {"a": b"installednew", "r+": b"newtalled", "truncate": b"ins", "copy": Path(sys.executable).read_bytes()}


@frozen
class Shown:
    """A plugin's directory that shows an installed one, and what heeds writing there."""

    mirror: Mirror
    copies: OwnCopies

    @property
    def link(self) -> Path:
        return self.mirror.tftpboot / "deep/fw.bin"

    @property
    def installed(self) -> Path:
        return self.mirror.home / "var/tftpboot/deep/fw.bin"


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    installed = tmp_path / "home/var/tftpboot/deep/fw.bin"
    installed.parent.mkdir(parents=True)
    installed.write_bytes(b"installed")
    here = Surroundings()
    mirror = Mirror(tmp_path / "home", tmp_path / "root")
    here.add_home(mirror.root, mirror.home)
    return Shown(mirror, OwnCopies(here))


@pytest.mark.parametrize("way", ["w", "bytes", "a", "r+", "path", "os", "copy", "truncate", "relative", "read"])
def test_no_way_of_writing_reaches_what_is_installed(shown: Shown, way: str) -> None:
    mirror = shown.mirror
    subprocess.run([sys.executable, "-c", PROGRAM, str(mirror.root), str(mirror.home), way], check=True)
    assert shown.installed.read_bytes() == b"installed"
    assert shown.link.is_symlink() is (way == "read")
    made = {file.name: file.content for file in mirror.taken()}
    assert made == ({} if way == "read" else {"deep/fw.bin": WRITTEN.get(way, b"new")})
    assert os.listdir(shown.link.parent) == ["fw.bin"]


@pytest.mark.parametrize("clear", [Mirror.taken, Mirror.drop, Mirror.forget_kept])
def test_what_is_installed_comes_to_light_again(shown: Shown, clear: Callable[[Mirror], object]) -> None:
    shown.copies.heed("open", (str(shown.link), "w", os.O_WRONLY | os.O_TRUNC))
    shown.link.write_text("of one device")
    clear(shown.mirror)
    assert shown.link.is_symlink()
    assert shown.link.read_bytes() == b"installed"


def test_what_was_shown_for_a_device_hides_it_only_meanwhile(shown: Shown) -> None:
    shown.mirror.show("d", {"deep/fw.bin": b"of the device"})
    assert shown.link.read_bytes() == b"of the device"
    shown.mirror.show("d", {})
    assert shown.link.read_bytes() == b"installed"


def test_links_elsewhere_and_files_of_its_own_are_left_alone(shown: Shown, tmp_path: Path) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    target.write_text("x")
    kept = shown.mirror.home / "var/cache/link"
    for link in (outside, kept):
        link.symlink_to(target)
    own = shown.mirror.tftpboot / "own"
    own.write_text("x")
    for path in (outside, shown.mirror.root / "var/cache/link", own):
        shown.copies.heed("open", (str(path), "w", os.O_WRONLY))
    shown.copies.heed("open", (3, "w", os.O_WRONLY))
    shown.copies.heed("compile", ("x", "<string>"))
    assert outside.is_symlink()
    assert kept.is_symlink()
    assert own.read_text() == "x"


def test_without_room_nothing_is_opened(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provisiond.legacy.own_copies.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space"):
        shown.copies.heed("open", (str(shown.link), "a", os.O_WRONLY | os.O_APPEND))
    assert shown.link.is_symlink()
    assert os.listdir(shown.link.parent) == ["fw.bin"]


def test_a_plugin_reads_what_is_installed_again_for_the_next_device(tmp_path: Path) -> None:
    code = """
def configure(self, device, raw_config):
    path = os.path.join(self._tftpboot_dir, "base.cfg")
    with open(path) as file:
        text = file.read()
    os.remove(path)
    with open(path, "w") as file:
        file.write(text + device["id"])
"""
    directory = write_small(tmp_path, "p", code, files={"var/tftpboot/base.cfg": "installed "})
    with hosted(directory, tmp_path / "scratch") as plugin:
        for name in ("one", "two"):
            (file,) = plugin.device_files({"id": name}, {})
            assert file.content == f"installed {name}".encode()
    assert (directory / "var/tftpboot/base.cfg").read_text() == "installed "
