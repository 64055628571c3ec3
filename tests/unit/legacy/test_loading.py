"""Loading existing plugins (legacy plugin contract, section 15, checks 1 to 12)."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path

import pytest
from tests.support.legacy_plugins import BASE, hosted, write_acme, write_plugin, write_small

from provisiond.errors import PluginProblem
from provisiond.legacy.names import own_modules, registered
from provisiond.legacy.surroundings import HERE
from provisiond.plugins.legacy_facts import check_interface

pytestmark = pytest.mark.usefixtures("import_name")

MODULES = [
    "", ".abstract_plugin", ".plugins", ".services", ".synchronize", ".tzinform", ".util", ".phonebook",
    ".phoned_users",
    ".operation", ".localization", ".loaders", ".proxy", ".devices", ".devices.config", ".devices.ident",
    ".devices.pgasso", ".servers", ".servers.http", ".servers.http_site", ".servers.tftp", ".servers.tftp.packet",
    ".servers.tftp.service",
]  # fmt: skip


def problem(directory: Path, scratch: Path) -> str:
    with pytest.raises(PluginProblem) as raised, hosted(directory, scratch):
        pass
    return raised.value.sentence


def test_1_both_names_give_the_same_modules() -> None:
    with registered():
        assert sorted(own_modules()) == sorted(MODULES)
        for name in MODULES:
            one, other = importlib.import_module(f"wazo_provd{name}"), importlib.import_module(f"provd{name}")
            assert one is other
            assert sys.modules[f"provd{name}"] is sys.modules[f"wazo_provd{name}"]
        from provd import plugins  # type: ignore[import-not-found]

        assert plugins is sys.modules["wazo_provd.plugins"]
        from wazo_provd.servers import tftp  # type: ignore[import-not-found]

        assert tftp is sys.modules["provd.servers.tftp"]
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("wazo_provd.app")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            importlib.import_module("provd")
    assert not [name for name in sys.modules if name.partition(".")[0] in ("provd", "wazo_provd")]


def test_2_an_error_of_one_name_is_caught_by_the_other(tmp_path: Path) -> None:
    code = """
from provd.plugins import StandardPlugin
from provd.devices.config import RawConfigError as Older
from wazo_provd.devices.config import RawConfigError
class Small(StandardPlugin):
    IS_PLUGIN = True
    def __init__(self, *args):
        super().__init__(*args)
        try:
            raise Older("x")
        except RawConfigError:
            self.caught = True
"""
    with hosted(write_plugin(tmp_path, "p", {"entry.py": code}), tmp_path / "scratch") as plugin:
        assert plugin.plugin.caught


def test_3_a_missing_name_is_named(tmp_path: Path) -> None:
    block = "try:\n    from wazo_provd.util import nonesuch\nexcept ImportError:\n    from provd.util import nonesuch\n"
    told = problem(write_plugin(tmp_path, "p", {"entry.py": block}), tmp_path / "scratch")
    assert told == "ImportError: cannot import name 'nonesuch' from 'wazo_provd.util' (entry.py, line 4)"


def test_4_execfile_runs_in_the_given_names(tmp_path: Path) -> None:
    entry = """
execfile_("one.py")
names = {}
execfile_("two.py", names)
from wazo_provd.plugins import Plugin
class Small(Plugin):
    IS_PLUGIN = True
    found = (ONE, names["TWO"], names["THREE"], "TWO" in globals())
"""
    files = {
        "entry.py": entry,
        "one.py": "ONE = 1\n",
        "two.py": "TWO = 2\nexecfile_('deep/three.py', globals())\n",
        "deep/three.py": "THREE = 3\n",
    }
    with hosted(write_plugin(tmp_path, "p", files), tmp_path / "scratch") as plugin:
        assert plugin.plugin.found == (1, 2, 3, False)


def test_5_annotations_are_not_evaluated(tmp_path: Path) -> None:
    code = "def configure(self, device: Nowhere, raw: Never.Seen) -> Gone:\n    pass\n"
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        assert plugin.device_files({"id": "d"}, {}) == []


def test_6_the_first_class_that_is_a_plugin_wins(tmp_path: Path) -> None:
    code = """
class Base(StandardPlugin):
    name = "base"
class Not(Base):
    IS_PLUGIN = False
class First(Base):
    IS_PLUGIN = True
    name = "first"
class Second(Base):
    IS_PLUGIN = True
    name = "second"
"""
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        assert plugin.plugin.name == "first"
    assert "IS_PLUGIN" in problem(write_small(tmp_path, "q", "class A(Plugin):\n    pass\n"), tmp_path / "scratch")


def test_7_every_load_is_a_world_of_its_own(tmp_path: Path) -> None:
    code = """
seen = []
def has_file():
    try:
        return bool(__file__)
    except NameError:
        return False
class Small(Plugin):
    IS_PLUGIN = True
    def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
        super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
        self.told = (self.id, has_file(), type(self).__module__, spec_cfg, os.path.isabs(plugin_dir), type(plugin_dir))
        seen.append(1)
        self.count = len(seen)
"""
    directory = write_small(tmp_path, "p", code)
    with hosted(directory, tmp_path / "scratch", specific={"a": 1}) as one:
        with hosted(directory, tmp_path / "scratch") as other:
            assert type(one.plugin) is not type(other.plugin)
            assert (one.plugin.count, other.plugin.count) == (1, 1)
        assert one.plugin.told == (None, False, "builtins", {"a": 1}, True, str)
        assert one.plugin.id == "p"


def test_8_interface_versions() -> None:
    check_interface({"plugin_iface_version_min": 0.2, "plugin_iface_version_max": 0.2})
    with pytest.raises(PluginProblem, match=r"0\.3"):
        check_interface({"plugin_iface_version_min": 0.3})
    with pytest.raises(PluginProblem, match=r"0\.1"):
        check_interface({"plugin_iface_version_max": 0.1})
    check_interface({"plugin_iface_version_min": 0.3}, minimum=False)
    check_interface({"plugin_iface_version_max": 0.1}, maximum=False)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("class A(Plugin):\n    IS_PLUGIN = True\n    def __init__(self, *a):\n        1 / 0\n", "ZeroDivisionError"),
        ("import sys\nsys.exit(1)\n", "exit"),
        ("class A(:\n", "SyntaxError"),
        ("execfile_('nothing.py')\n", "nothing.py"),
    ],
)
def test_9_what_does_not_load_says_why(tmp_path: Path, code: str, said: str) -> None:
    sentence = problem(
        write_plugin(tmp_path, "p", {"entry.py": "from provd.plugins import Plugin\n" + code}), tmp_path / "s"
    )
    assert said in sentence
    assert str(tmp_path) not in sentence


def test_9_the_place_is_named(tmp_path: Path) -> None:
    assert "entry.py, line 3" in problem(write_plugin(tmp_path, "p", {"entry.py": "\n\n1 / 0\n"}), tmp_path / "s")


def test_10_without_its_common_files_a_plugin_still_works(tmp_path: Path) -> None:
    code = """
def configure_common(self, raw_config):
    with open(os.path.join(self._tftpboot_dir, "one"), "w") as file:
        file.write("1")
    raise Exception("no such template")
def configure(self, device, raw_config):
    with open(os.path.join(self._tftpboot_dir, "own"), "w") as file:
        file.write("2")
"""
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        assert "no such template" in (plugin.degraded or "")
        assert [file.name for file in plugin.common_files(BASE)] == ["one"]
        assert [file.name for file in plugin.device_files({"id": "d"}, {})] == ["own"]


def test_11_directories_that_are_missing_are_made(tmp_path: Path) -> None:
    directory = write_acme(tmp_path)
    with hosted(directory, tmp_path / "scratch") as plugin:
        assert plugin.described()["firmware_root"] == "var/tftpboot/Acme"
    assert sorted(path.name for path in (directory / "var").iterdir()) == [
        "cache",
        "installed",
        "templates",
        "tftpboot",
    ]


def test_12_proxies_change_without_loading_again(tmp_path: Path) -> None:
    code = """
def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
    super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
    self.downloaders = FetchfwPluginHelper.new_downloaders(gen_cfg.get("proxies"))
"""
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        handler = plugin.plugin.downloaders["default"].handlers[0]
        assert handler._proxies == {}
        HERE.follow({"http": "http://proxy:3128"}, None)
        try:
            assert handler._proxies == {"http": "http://proxy:3128"}
        finally:
            HERE.follow({}, None)


def test_faults_of_packages_do_not_stop_a_plugin(tmp_path: Path) -> None:
    with hosted(write_acme(tmp_path, files={"pkgs/pkgs.db": "[pkg_x]\nversion: 1\n"}), tmp_path / "s") as plugin:
        assert plugin.described()["package_problems"]


def test_parse_version_is_there_without_setuptools(tmp_path: Path) -> None:
    code = """
from pkg_resources import parse_version
class A(Plugin):
    IS_PLUGIN = True
    good = parse_version("10.1") > parse_version("9.2")
"""
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        assert plugin.plugin.good
