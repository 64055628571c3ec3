"""The authors' workshop: check-fw byte for byte, bump-fw, lint, new, check, promote and archive."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.firmware import FirmwareWorld
from tests.support.plugin_packages import plugin_archive, publish, result

from provisiond.cli.authoring import main
from provisiond.cli.plugin_check import check_directory
from provisiond.errors import PackageProblem
from provisiond.packages.authoring.build import build
from provisiond.packages.authoring.bump_fw import bump
from provisiond.packages.authoring.channels import promote, retire
from provisiond.packages.authoring.check_fw import updated
from provisiond.packages.authoring.definition_text import with_options
from provisiond.packages.authoring.index import index
from provisiond.packages.authoring.lint import lint
from provisiond.packages.authoring.package import package
from provisiond.packages.authoring.skeleton import new_family
from provisiond.packages.authoring.sources import with_version
from provisiond.packages.firmware.definitions import read_definitions


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout


# check-fw

SHA1 = "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"
SHA256 = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    path = tmp_path / "snom300-8.7.bin"
    path.write_bytes(b"hello world")
    return path


def test_check_fw_prints_exactly_four_lines(firmware: Path) -> None:
    assert run("check-fw", firmware) == (0, f"[snom300-8.7.bin]\nurl: \nsize: 11\nsha1sum: {SHA1}\n")


def test_check_fw_options(firmware: Path) -> None:
    other = firmware.with_name("b.bin")
    other.write_bytes(b"")
    empty = hashlib.sha1(b"").hexdigest()
    assert run("check-fw", firmware, other) == (
        0,
        f"[snom300-8.7.bin]\nurl: \nsize: 11\nsha1sum: {SHA1}\n\n[b.bin]\nurl: \nsize: 0\nsha1sum: {empty}\n",
    )
    assert run("check-fw", "--id", "300-fw", "--url", "http://h/f", "--sha256", firmware) == (
        0,
        f"[file_300-fw]\nurl: http://h/f\nsize: 11\nsha1sum: {SHA1}\nsha256sum: {SHA256}\n",
    )


def test_check_fw_without_arguments_says_how_it_is_used() -> None:
    done = CliRunner().invoke(main, ["check-fw"], prog_name="plugin")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "usage: check-fw filename\n")
    done = CliRunner().invoke(main, ["check-fw", "--sha256"], prog_name="plugin")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "usage: check-fw filename\n")
    assert run("check-fw", "/nothing/here")[0] == 1
    assert run("check-fw", "--id", "x", "a", "b")[0] == 1


DEFINITIONS = """# keep me
[pkg_fw]
description: d
version: 1.0
files: a b

# about a
[file_a]
url = http://host/1.0/a.bin
size =0
sha1sum: 0000000000000000000000000000000000000000

; about b
[file_b]
filename: b.bin
url:
sha1sum: 00000000000000000000000000000000
size: 5"""


def test_update_writes_sizes_and_digests_and_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    world = FirmwareWorld(tmp_path)
    (world.mirror / "a.bin").write_bytes(b"hello world")
    update = result(updated(DEFINITIONS, world.downloads, local=world.mirror, sha256=True))
    assert update.changed == ("a",)
    assert update.skipped == ("b",)
    assert update.text == DEFINITIONS.replace("size =0", "size = 11").replace("0" * 40, f"{SHA1}\nsha256sum: {SHA256}")
    (world.mirror / "b.bin").write_bytes(b"hello world")
    again = result(updated(update.text, world.downloads, only=["b"], local=world.mirror))
    assert again.text == update.text.replace("0" * 32, SHA1).replace("size: 5", "size: 11")
    with pytest.raises(PackageProblem, match="file_c"):
        result(updated(DEFINITIONS, world.downloads, only=["c"]))


def test_options_are_added_at_the_end_of_their_section() -> None:
    text = "[a]\nx: 1\n\n# about b\n[b]\ny: 2"
    assert with_options(text, "a", {"z": "3"}) == "[a]\nx: 1\nz: 3\n\n# about b\n[b]\ny: 2"
    assert with_options(text, "b", {"Y": "9", "z": "3"}) == "[a]\nx: 1\n\n# about b\n[b]\ny: 2\nY: 9\nz: 3\n"
    assert with_options(text, "b", {"y": "9"}) == "[a]\nx: 1\n\n# about b\n[b]\ny: 9"
    with pytest.raises(PackageProblem):
        with_options(text, "c", {})


# bump-fw


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("snom300-8.7.3.25-SIP-f.bin", "snom300-8.7.3.25.5-SIP-f.bin"),
        ("8.7.3.25", "8.7.3.25.5"),
        ("8.7.3.251 18.7.3.25 8.7.3.25.5 1.8.7.3.25", "8.7.3.251 18.7.3.25 8.7.3.25.5 1.8.7.3.25"),
        ("def build_8_7_3_25(path):", "def build_8_7_3_25_5(path):"),
        ("fw-8-7-3-25.zip", "fw-8-7-3-25-5.zip"),
    ],
)
def test_a_version_is_replaced_where_it_stands_for_itself(text: str, new: str) -> None:
    assert with_version(text, "8.7.3.25", "8.7.3.25.5") == new


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """The use case of the founding guide: snom, 8.7.3.25."""
    source = tmp_path / "plugins"
    root = source / "snom"
    version = root / "8.7.3.25"
    (version / "pkgs").mkdir(parents=True)
    (root / "common").mkdir()
    (root / "common/plugin-info").write_text("{}")
    (version / "entry.py").write_text('VERSION = "8.7.3.25"\n')
    info = {"version": "1.2", "description": "Snom in 8.7.3.25", "capabilities": {"Snom, 300, 8.7.3.25": {}}}
    (version / "plugin-info").write_text(json.dumps(info))
    (version / "notes.md").write_text("since 8.7.3.25\n")
    (version / "pkgs/pkgs.db").write_text(
        "[pkg_300-fw]\ndescription: Firmware for Snom 300\nversion: 8.7.3.25\nfiles: 300-fw lang\ninstall: fw\n\n"
        "[file_300-fw]\nurl: http://downloads.invalid/fw/snom300-8.7.3.25-SIP-f.bin\nsize: 5\nsha1sum: "
        + "1" * 40
        + "\n\n[file_lang]\nurl: http://downloads.invalid/lang.zip\nsize: 7\nsha1sum: "
        + "2" * 40
        + "\n\n[install_fw]\na-b: cp *.bin ./\n"
    )
    (root / "build.py").write_text(
        "import shutil\n\n\n@target('8.7.3.25', 'snom-8.7.3.25')\ndef build_8_7_3_25(path):\n"
        "    shutil.copytree('common', path, dirs_exist_ok=True)\n"
        "    shutil.copytree('8.7.3.25', path, dirs_exist_ok=True)\n\n\nLAST = 1\n"
    )
    return source


def test_bump_fw_does_the_seven_steps(family: Path, tmp_path: Path) -> None:
    world = FirmwareWorld(tmp_path / "world")
    (world.mirror / "snom300-8.7.3.25.5-SIP-f.bin").write_bytes(b"hello world")
    report = result(bump(family, "snom", "8.7.3.25", "8.7.3.25.5", downloads=world.downloads, local=world.mirror))
    new = family / "snom/8.7.3.25.5"
    assert report.changed == ["300-fw"]
    assert report.mentions == ["notes.md"]
    assert (new / "entry.py").read_text() == 'VERSION = "8.7.3.25.5"\n'
    info = json.loads((new / "plugin-info").read_text())
    assert (info["version"], list(info["capabilities"])) == ("1.2", ["Snom, 300, 8.7.3.25.5"])
    definitions = read_definitions(new)
    assert definitions.packages["300-fw"].version == "8.7.3.25.5"
    wanted = definitions.files["300-fw"].wanted
    assert (wanted.url.rpartition("/")[2], wanted.size) == ("snom300-8.7.3.25.5-SIP-f.bin", 11)
    assert wanted.digests == {"sha1": SHA1}
    assert definitions.files["lang"].wanted.digests == {"sha1": "2" * 40}
    built = build(family, tmp_path / "built", "snom")
    assert built.built == ["snom-8.7.3.25", "snom-8.7.3.25.5"]
    script = (family / "snom/build.py").read_text()
    assert script.count("@target('8.7.3.25") == 2
    assert script.endswith("\n\n\nLAST = 1\n")
    assert "def build_8_7_3_25_5(path):\n    shutil" in script
    assert sorted(path.name for path in (family / "snom").iterdir()) == [
        *("8.7.3.25", "8.7.3.25.5", "build.py", "common"),
    ]


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("other", "1", "2"), "no plugin family"),
        (("snom", "1", "2"), "no version '1'"),
        (("snom", "8.7.3.25", "../x"), "cannot be the name"),
        (("snom", "8.7.3.25", "8.7.3.25"), "has the version"),
        (("snom", "8.7.3.25", "9"), "invalid"),
    ],
)
def test_bump_fw_that_fails_changes_nothing(
    family: Path, tmp_path: Path, arguments: tuple[str, str, str], said: str
) -> None:
    world = FirmwareWorld(tmp_path / "world")
    before = tree(family)
    with pytest.raises(PackageProblem, match=said):
        result(bump(family, *arguments, downloads=_Offline(world)))  # type: ignore[arg-type]
    assert tree(family) == before
    assert not any(path.name.startswith(".") for path in (family / "snom").iterdir())


class _Offline:
    def __init__(self, world: FirmwareWorld) -> None:
        self.run = world.downloads.run

    async def fetch(self, *arguments: object, **members: object) -> Path:
        raise PackageProblem("the host of http://downloads.invalid is not known")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("'snom-8.7.3.25'", "'snom'", "does not hold the version"),
        (
            "@target('8.7.3.25', 'snom-8.7.3.25')\ndef build_8_7_3_25",
            "@target('x', 'snom')\ndef build",
            "has no target",
        ),
        (
            "@target('8.7.3.25', 'snom-8.7.3.25')\ndef build_8_7_3_25(path):\n    shutil",
            "VERSIONS = ['8.7.3.25']\nfor v in VERSIONS:\n    target(v, 'snom-' + v)(print)\ndef x(path):\n    shutil",
            "without a function of its own",
        ),
    ],
)
def test_a_build_script_that_cannot_be_extended(family: Path, old: str, new: str, said: str) -> None:
    script = family / "snom/build.py"
    assert old in script.read_text()
    script.write_text(script.read_text().replace(old, new))
    before = tree(family)
    with pytest.raises(PackageProblem, match=said):
        result(bump(family, "snom", "8.7.3.25", "9", downloads=None))
    assert tree(family) == before


def test_without_downloads_the_author_is_told_what_is_left_to_do(family: Path) -> None:
    report = result(bump(family, "snom", "8.7.3.25", "9.0", downloads=None))
    assert report.unchecked == ["300-fw"]


def test_every_shipped_family_can_be_bumped(tmp_path: Path) -> None:
    import shutil

    shipped = Path(__file__).parents[3] / "plugins"
    source = tmp_path / "plugins"
    shutil.copytree(shipped, source, ignore=shutil.ignore_patterns("_build", "__pycache__"))
    for family, old in (("snom", "10.1.184.15"), ("aastra", "3.3.1-SP2"), ("cisco-spa", "7.5.5")):
        report = result(bump(source, family, old, "99.1", downloads=None))
        assert report.plugin_id == f"{family}-99.1"
        assert build(source, tmp_path / "built", family, ["99.1"]).problems == []


# lint


def git(directory: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    who = ["-c", "user.name=Author", "-c", "user.email=author@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=directory, check=True, capture_output=True, env=environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git work tree with the sources in a subdirectory: one family, two versions."""
    source = tmp_path / "work" / "plugins"
    for version in ("1.0", "2.0"):
        (source / "demo" / version).mkdir(parents=True)
        raise_version(source, version, "1.9")
        (source / "demo" / version / "entry.py").write_text("")
    (source / "demo/common").mkdir()
    (source / "demo/common/common.py").write_text("")
    (source / "demo/build.py").write_text("")
    git(source.parent, "init", "-q")
    git(source.parent, "add", ".")
    git(source.parent, "commit", "-q", "-m", "first")
    return source


def raise_version(source: Path, version: str, to: str) -> None:
    (source / "demo" / version / "plugin-info").write_text(json.dumps({"version": to}))


def test_nothing_changed(repository: Path) -> None:
    assert lint(repository, "main") == []
    assert run("lint", "--source", repository, "--since", "main") == (0, "")


def test_a_changed_version_directory_needs_a_greater_version(repository: Path) -> None:
    (repository / "demo/1.0/entry.py").write_text("changed")
    [problem] = lint(repository, "main")
    assert problem == "demo/1.0: demo/1.0/entry.py changed since main, but the version is still 1.9"
    assert run("lint", "--source", repository, "--since", "main")[0] == 1
    raise_version(repository, "1.0", "1.8")
    assert "lower than 1.9: 1.8" in lint(repository, "main")[0]
    raise_version(repository, "1.0", "1.10")
    assert lint(repository, "main") == []


@pytest.mark.parametrize("name", ["demo/common/common.py", "demo/common/new.py", "demo/build.py"])
def test_a_change_of_what_is_shared_needs_it_everywhere(repository: Path, name: str) -> None:
    (repository / name).write_text("changed")
    assert len(lint(repository, "main")) == 2
    raise_version(repository, "1.0", "2.0")
    [problem] = lint(repository, "main")
    assert problem.startswith("demo/2.0: ")
    raise_version(repository, "2.0", "2.0")
    git(repository.parent, "add", ".")
    git(repository.parent, "commit", "-q", "-m", "second")
    assert lint(repository, "main~1") == []
    assert lint(repository, "main") == []


SCRIPT = """
import shutil

def lay(path, version):
    shutil.copytree(version, path, dirs_exist_ok=True)

@target("1.0", "demo-1.0")
def build_1(path):
    lay(path, "1.0")

@target("2.0", "demo-2.0")
def build_2(path):
    lay(path, "2.0")
"""


@pytest.mark.parametrize(
    ("before", "after", "concerned"),
    [
        ("", "", []),
        ('lay(path, "2.0")', 'lay(path, "2.0") or None', ["2.0"]),
        ('"demo-1.0")', '"demo-1.0", std_dirs=False)', ["1.0"]),
        ("import shutil", "import shutil  # as ever", []),
        ("copytree(version", "copytree(version + ''", ["1.0", "2.0"]),
        ("import shutil", "import shutil,", ["1.0", "2.0"]),
        ("def lay", "@target('3.0', 'demo-3.0')\ndef build_3(path):\n    lay(path, '2.0')\n\ndef lay", []),
    ],
)
def test_a_build_script_concerns_those_that_it_builds_otherwise(
    repository: Path, before: str, after: str, concerned: list[str]
) -> None:
    (repository / "demo/build.py").write_text(SCRIPT)
    git(repository.parent, "commit", "-q", "-a", "-m", "script")
    (repository / "demo/build.py").write_text(SCRIPT.replace(before, after) + "\n")
    assert [sentence.partition(":")[0] for sentence in lint(repository, "main")] == [f"demo/{v}" for v in concerned]


def test_a_new_firmware_version_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    source = tmp_path / "plugins"
    new_family(source, "demo")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    result(bump(source, "demo", "1.0", "1.1", downloads=None))
    assert lint(source, "main") == []
    assert build(source, tmp_path / "built").built == ["demo-1.0", "demo-1.1"]


def test_two_clones_give_the_same_bytes(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    (repository / "demo/build.py").write_text(SCRIPT)
    manifest = {"version": "1", "description": "Demo", "capabilities": {}}
    for version in ("1.0", "2.0"):
        (repository / "demo" / version / "plugin-info").write_text(json.dumps(manifest))
    git(repository.parent, "commit", "-q", "-a", "-m", "script")
    packed = []
    for number in (1, 2):
        clone = tmp_path / f"clone{number}"
        git(tmp_path, "clone", "-q", str(repository.parent), str(clone))
        for path in clone.rglob("demo/**/*"):
            os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
        assert build(clone / "plugins", clone / "built").problems == []
        report = package(clone / "built", clone / "channel")
        packed.append([archive.read_bytes() for archive in report.archives])
    assert packed[0] == packed[1]
    (tmp_path / "clone1/plugins/demo/1.0/more").write_text("not committed")
    os.utime(tmp_path / "clone1/plugins/demo/1.0/more", (1_999_999_999, 1_999_999_999))
    build(tmp_path / "clone1/plugins", tmp_path / "clone1/built")
    assert (tmp_path / "clone1/built/demo-1.0/more").stat().st_mtime == 1_999_999_999


@pytest.mark.parametrize(
    "name", ["demo/1.0/tests/test_x.py", "demo/1.0/.hidden", "demo/1.0/x.pyc", "demo/README.md", "x"]
)
def test_files_that_are_never_packed_need_nothing(repository: Path, name: str) -> None:
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text("changed")
    assert lint(repository, "main") == []


def test_new_and_removed_versions_need_nothing(repository: Path) -> None:
    (repository / "demo/3.0").mkdir()
    raise_version(repository, "3.0", "0.1")
    for name in ("entry.py", "plugin-info"):
        (repository / "demo/2.0" / name).unlink()
    assert lint(repository, "main") == []


@pytest.mark.parametrize("revision", ["nothing", "--output=x", ""])
def test_unknown_revisions_are_refused(repository: Path, revision: str) -> None:
    with pytest.raises(PackageProblem):
        lint(repository, revision)


# new and check


def test_a_new_family_builds_passes_its_check_and_its_own_test(tmp_path: Path) -> None:
    status, output = run("new", "--source", tmp_path, "acme-phones", "--vendor", "Acme", "--model", "X1")
    assert status == 0, output
    assert build(tmp_path, tmp_path / "built").built == ["acme-phones-1.0"]
    report = check_directory(tmp_path / "built/acme-phones-1.0")
    assert report.problems == []
    assert report.warnings == []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "acme-phones")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    with pytest.raises(PackageProblem, match="exists already"):
        new_family(tmp_path, "acme-phones")


@pytest.mark.parametrize("name", ["", "Acme", "a_b", "../x", "-a", "a b", "a--b"])
def test_names_that_a_family_cannot_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageProblem):
        new_family(tmp_path, name)
    for members in ({"vendor": 'A"B'}, {"model": "{x}"}, {"version": "../1"}, {"version": "common"}):
        with pytest.raises(PackageProblem):
            new_family(tmp_path, "good", **members)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    new_family(tmp_path, "acme", vendor="Acme", model="X1")
    build(tmp_path, tmp_path / "built")
    return tmp_path / "built/acme-1.0"


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("plugin-info", '"version": "0.1"', '"version": 1', "plugin-info must hold a text under 'version'"),
        ("plugin-info", "{", "", "not valid JSON"),
        ("plugin-info", "Acme, X1, 1.0", "Acme X1", "'Acme X1'"),
        ("entry.py", "PLUGIN", "PLUGGED", "must bind the name PLUGIN"),
        ("entry.py", "class Acme", "1 / 0\nclass Acme", "ZeroDivisionError"),
        ("templates/base.tpl", "{% endfor %}", "", "does not compile"),
        ("templates/base.tpl", "line.position", "line.nothing", "nothing"),
        ("common.py", 'info.vendor != "Acme" or info.model not in self.models', "False", "takes 2N"),
        ("common.py", 'if info.vendor != "Acme"', 'if info.vendor == "Acme"', "does not associate with its own"),
        ("pkgs/pkgs.db", "# Firmware", "[pkg_x]\n# Firmware", "section [pkg_x]"),
    ],
)
def test_check_finds(built: Path, name: str, old: str, new: str, said: str) -> None:
    path = built / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    report = check_directory(built)
    assert any(said in problem for problem in report.problems), report
    assert run("check", built)[0] == 1


def test_check_finds_rules_that_take_other_vendors_phones(built: Path) -> None:
    entry = built / "entry.py"
    rule = "Rule(where=Where.USER_AGENT, literal='{literal}', pattern='{pattern}', vendor='Acme')"
    for literal, pattern, said in (
        ("snom", "^snom (?P<model>.*)", "takes other vendors' phones"),
        ("ac", "^ac", "at least three"),
        ("acme", "^acme(", "not used"),
    ):
        text = entry.read_text().split("\n    rules")[0].replace("\nPLUGIN = Acme\n", "").rstrip()
        one = rule.format(literal=literal, pattern=pattern)
        entry.write_text(f"from provisiond.sdk import Rule, Where\n{text}\n\n    rules = ({one},)\n\nPLUGIN = Acme\n")
        problems = check_directory(built).problems
        assert any(said in problem or "not used" in problem for problem in problems), (said, problems)


def test_check_warns_and_checks_digests_and_links(built: Path) -> None:
    (built / "pkgs/pkgs.db").write_text(
        "[pkg_x]\ndescription: d\nversion: 1\nfiles: a\n"
        f"[file_a]\nurl: ftp://h/a\nsize: 0\nsha1sum: {'0' * 40}\n"
        f"[file_b]\nurl: http://h/b\nsize: 1\nsha1sum: {'1' * 40}\n"
    )
    (built / "var/other").write_text("x")
    report = check_directory(built)
    assert "[file_a] has no real size or digest" in report.problems
    told = "\n".join(report.warnings)
    for said in ("comes over FTP", "belongs to no package", "no description in another language"):
        assert said in told
    (built / "pkgs/pkgs.db").unlink()
    assert "var/other will not survive" in "\n".join(check_directory(built).warnings)
    (built / "link").symlink_to("/etc/passwd")
    assert any("cannot be packed" in problem for problem in check_directory(built).problems)
    assert run("check", built.parent.parent)[0] == 1


# promote and archive


def channel(path: Path, **versions: str) -> Path:
    archives = {f"{key}-{value}.tar.bz2": plugin_archive(key, value) for key, value in versions.items()}
    publish(path, archives)
    index(path)
    return path


def versions(path: Path) -> dict[str, str]:
    return {key: entry["version"] for key, entry in json.loads((path / "plugins.db").read_text()).items()}


def test_promote_replaces_other_versions_of_the_chosen_plugins_only(tmp_path: Path) -> None:
    testing = channel(tmp_path / "testing", spa="1.10", spa2="2", snom="7")
    stable = channel(tmp_path / "stable", spa="1.9", snom="6", other="1")
    report = promote(testing, stable, ["spa*"], dry_run=True)
    assert (report.moved, report.removed) == (
        {"spa": "spa-1.10.tar.bz2", "spa2": "spa2-2.tar.bz2"},
        ["spa-1.9.tar.bz2"],
    )
    assert versions(stable) == {"spa": "1.9", "snom": "6", "other": "1"}
    status, output = run("promote", "--from", testing, "--to", stable, "spa*")
    assert status == 0, output
    assert versions(stable) == {"spa": "1.10", "spa2": "2", "snom": "6", "other": "1"}
    assert sorted(path.name for path in stable.glob("spa-*")) == ["spa-1.10.tar.bz2"]
    assert versions(testing) == {"spa": "1.10", "spa2": "2", "snom": "7"}


def test_archive_moves(tmp_path: Path) -> None:
    stable = channel(tmp_path / "stable", a="1", b="1")
    archive = tmp_path / "archive"
    retire(stable, archive, ["a"], dry_run=True)
    assert versions(stable) == {"a": "1", "b": "1"}
    retire(stable, archive, ["a"])
    assert (versions(stable), versions(archive)) == ({"b": "1"}, {"a": "1"})


def test_archive_leaves_no_older_version_behind(tmp_path: Path) -> None:
    stable, archive = channel(tmp_path / "stable", a="1.9", b="1"), tmp_path / "archive"
    (stable / "a-1.10.tar.bz2").write_bytes(plugin_archive("a", "1.10"))
    retire(stable, archive, ["a"])
    assert (versions(stable), versions(archive)) == ({"b": "1"}, {"a": "1.10"})


@pytest.mark.parametrize("plugins", [[], ["nothing"], ["a", "nothing"]])
def test_what_cannot_be_promoted(tmp_path: Path, plugins: list[str]) -> None:
    testing, stable = channel(tmp_path / "testing", a="1"), tmp_path / "stable"
    with pytest.raises(PackageProblem):
        promote(testing, stable, plugins)
    assert not stable.exists()
    with pytest.raises(PackageProblem):
        promote(tmp_path / "none", stable, ["a"])


def test_an_index_is_signed_and_loses_its_signature_when_it_changes(tmp_path: Path) -> None:
    testing, stable = channel(tmp_path / "testing", a="1"), channel(tmp_path / "stable")
    status, public = run("keygen", tmp_path / "key")
    assert status == 0
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert run("keygen", tmp_path / "key")[0] == 1
    assert run("index", "--sign", tmp_path / "key", stable)[0] == 0
    signature = stable / "plugins.db.sig"
    assert signature.is_file()
    assert public.strip() not in signature.read_text()
    run("index", stable)
    assert signature.is_file()
    promote(testing, stable, ["a"])
    assert not signature.exists()
