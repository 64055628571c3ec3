"""Templates and files of existing plugins (legacy plugin contract, section 15, checks 13 to 18)."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from jinja2 import TemplateSyntaxError
from tests.support.legacy_plugins import BASE, hosted, write_small

from provisiond.errors import PluginProblem
from provisiond.legacy.hosted import HostedLegacyPlugin
from provisiond.legacy.mirror import Mirror
from provisiond.legacy.templates import check_templates

pytestmark = pytest.mark.usefixtures("import_name")

CODE = """
class Small(StandardPlugin):
    IS_PLUGIN = True
    encoding, errors, name = "UTF-8", "strict", "out"
    def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
        super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
        self.helper = TemplatePluginHelper(plugin_dir)
        self.__dict__.update(spec_cfg)
    def configure(self, device, raw_config):
        template = self.helper.get_dev_template(raw_config.get("file"), device)
        self.helper.dump(template, raw_config, os.path.join(self._tftpboot_dir, self.name), self.encoding, self.errors)
"""


def made(plugin: HostedLegacyPlugin, raw: dict[str, object] | None = None, **device: object) -> bytes:
    (file,) = plugin.device_files({"id": "d", **device}, raw or {})
    return file.content


def small(root: Path, templates: dict[str, str | bytes]) -> Path:
    return write_small(root, "p", CODE, files={f"templates/{name}": text for name, text in templates.items()})


def test_13_templates_of_the_administrator_win_at_once(tmp_path: Path) -> None:
    directory = small(tmp_path, {"base.tpl": "[{% block a %}base{% endblock %}]", "M.tpl": '{% extends "base.tpl" %}'})
    own = directory / "var" / "templates"
    with hosted(directory, tmp_path / "scratch") as plugin:
        assert made(plugin, model="M") == b"[base]"
        (own / "M.tpl").write_text("mine")
        assert made(plugin, model="M") == b"mine"
        (own / "M.tpl").unlink()
        assert made(plugin, model="M") == b"[base]"
        (own / "base.tpl").write_text("<{% block a %}{% endblock %}>")
        assert made(plugin, model="M") == b"<>"


def test_14_a_file_name_a_model_or_the_base(tmp_path: Path) -> None:
    templates = {"base.tpl": "base", "M.tpl": "model", "f.tpl": "file", "X/Y.tpl": "slash"}
    directory = small(tmp_path, templates)
    (directory / "x.tpl").write_text("secret")
    with hosted(directory, tmp_path / "scratch") as plugin:
        assert made(plugin, {"file": "f"}, model="M") == b"file"
        assert made(plugin, {"file": "none"}, model="M") == b"model"
        assert made(plugin, {"file": ""}, model="other") == b"base"
        assert made(plugin, {}) == b"base"
        assert made(plugin, {}, model="X/Y") == b"slash"
        assert made(plugin, {}, model="../x") == b"base"


def test_14_without_any_template(tmp_path: Path) -> None:
    with hosted(small(tmp_path, {}), tmp_path / "scratch") as plugin, pytest.raises(PluginProblem, match=r"base\.tpl"):
        made(plugin)


def test_15_undefined_names(tmp_path: Path) -> None:
    directory = small(tmp_path, {"base.tpl": "[{{ nothing }}{% if nothing %}x{% endif %}]", "M.tpl": "{{ a.b.c }}"})
    with hosted(directory, tmp_path / "scratch") as plugin:
        assert made(plugin) == b"[]"
        with pytest.raises(PluginProblem, match="undefined"):
            made(plugin, {}, model="M")
        assert [path for path in (plugin.directory / "var" / "tftpboot").rglob("*") if path.is_file()] == []


def test_16_bytes_are_those_of_jinja_as_it_is(tmp_path: Path) -> None:
    with hosted(
        small(tmp_path, {"base.tpl": b"a\r\n{% if 1 %}\r\n b{% endif %}<&>{{ v }}\r\n"}), tmp_path / "s"
    ) as plugin:
        assert made(plugin, {"v": "<\"é'>"}) == "a\n\n b<&><\"é'>".encode()


@pytest.mark.parametrize(
    ("encoding", "errors", "expected"),
    [
        ("ISO-8859-1", "strict", b"\xe9"),
        ("ascii", "ignore", b""),
        ("ascii", "replace", b"?"),
        ("ascii", "strict", None),
    ],
)
def test_16_encodings(tmp_path: Path, encoding: str, errors: str, expected: bytes | None) -> None:
    specific = {"encoding": encoding, "errors": errors}
    with hosted(small(tmp_path, {"base.tpl": "é"}), tmp_path / "scratch", specific=specific) as plugin:
        if expected is None:
            with pytest.raises(PluginProblem, match="UnicodeEncodeError"):
                made(plugin)
        else:
            assert made(plugin) == expected


def test_17_where_files_may_be_written(tmp_path: Path) -> None:
    directory = small(tmp_path, {"base.tpl": "x"})
    with hosted(directory, tmp_path / "s", specific={"name": "new/deep/file"}) as plugin:
        assert [file.name for file in plugin.device_files({"id": "d"}, {})] == ["new/deep/file"]
    for name in ("../../../outside", "/tmp/provisiond-outside", "../../entry.py"):
        with hosted(directory, tmp_path / "s", specific={"name": name}) as plugin, pytest.raises(PluginProblem):
            made(plugin)
    assert not Path("/tmp/provisiond-outside").exists()


def test_18_render_gives_bytes(tmp_path: Path) -> None:
    with hosted(small(tmp_path, {"base.tpl": "é{{ a }}"}), tmp_path / "scratch") as plugin:
        helper = plugin.plugin.helper
        assert helper.render(helper.get_template("base.tpl"), {"a": 1}) == "é1".encode()
        assert helper.render(helper.get_template("base.tpl"), {"a": 1}, "ascii") == b"?1"


def test_19_and_21_what_one_call_changes_no_other_sees(tmp_path: Path) -> None:
    code = """
calls = []
def configure(self, device, raw_config):
    type(self).calls.append(("configure", device["id"], "XX_mine" in raw_config, device.get("model")))
    raw_config["XX_mine"] = raw_config.setdefault("sip_lines", {})["1"] = {"a": 1}
    device["model"] = "changed"
    with open(os.path.join(self._tftpboot_dir, device["id"]), "w") as file:
        file.write("half")
    if raw_config.get("fail"):
        raise RawConfigError("it does not suit")
def deconfigure(self, device):
    type(self).calls.append(("deconfigure", device["id"], False, device.get("model")))
    os.remove(os.path.join(self._tftpboot_dir, device["id"]))
"""
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        raw: dict[str, object] = {"sip_lines": {}}
        device = {"id": "one", "model": "M"}
        assert [file.name for file in plugin.device_files(device, raw)] == ["one"]
        assert [file.name for file in plugin.device_files({"id": "two"}, raw)] == ["two"]
        assert (raw, device) == ({"sip_lines": {}}, {"id": "one", "model": "M"})
        with pytest.raises(PluginProblem, match="it does not suit"):
            plugin.device_files(device, {"fail": True})
        assert list((plugin.directory / "var" / "tftpboot").iterdir()) == []
        plugin.deconfigure({"id": "two"})
        plugin.deconfigure({"id": "two"})
        assert plugin.plugin.calls == [
            ("configure", "one", False, "M"),
            ("configure", "two", False, None),
            ("configure", "one", False, "M"),
            ("deconfigure", "one", False, "M"),
            ("deconfigure", "two", False, None),
            ("deconfigure", "two", False, None),
        ]


def test_common_files_stay_as_they_are(tmp_path: Path) -> None:
    code = """
def configure_common(self, raw_config):
    with open(os.path.join(self._tftpboot_dir, "shared"), "w") as file:
        file.write("shared")
def configure(self, device, raw_config):
    path = os.path.join(self._tftpboot_dir, "shared")
    with open(path) as file:
        seen = file.read()
    with open(path, "w") as file:
        file.write(seen + " and own")
"""
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        for _ in range(2):
            (file,) = plugin.device_files({"id": "d"}, {})
            assert (file.name, file.content) == ("shared", b"shared and own")
        assert [file.content for file in plugin.common_files({"changed": 1})] == [b"shared"]


def test_a_mirror_of_copied_code_takes_everything_else_from_home(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    for name in ("entry.py", "pkgs/pkgs.db", "var/installed/fw", "var/templates/own.tpl", "var/tftpboot/fw.bin"):
        for root in (home, copy):
            if root is home or not name.startswith(("pkgs", "var/installed", "var/tftpboot")):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(root.name)
    mirror = Mirror(home, tmp_path / "root", copy)
    assert (mirror.root / "entry.py").read_text() == "copy"
    assert (mirror.root / "var/templates/own.tpl").read_text() == "copy"
    for name in ("pkgs/pkgs.db", "var/installed/fw", "var/tftpboot/fw.bin"):
        assert (mirror.root / name).read_text() == "home"


def test_templates_that_do_not_compile_are_named(tmp_path: Path) -> None:
    directory = write_small(
        tmp_path, "p", "x = 1", files={"templates/a/good.tpl": "{{ x }}", "var/templates/b.tpl": "y"}
    )
    check_templates(str(directory))
    (directory / "var" / "templates" / "b.tpl").write_text("{% if %}")
    with pytest.raises(TemplateSyntaxError):
        check_templates(str(directory))


def test_quirks_of_single_plugins(tmp_path: Path) -> None:
    from provisiond.legacy.quirks import suited

    name = "sip_servers_root_and_intermediate_certificates"
    assert suited("wazo-aastra-3.3.1-SP4", {name: ["A", "B\n"]}) == {name: "A\nB\n"}
    assert suited("wazo-alcatel-1.51.52", {}) == {"locale": "en_US"}
    assert suited("wazo-alcatel-1.51.52", {"locale": "fr_FR"}) == {"locale": "fr_FR"}
    assert suited("wazo-gigaset-N870-83.v2.39.0", {}) == {"sip_subscribe_mwi": False}
    assert suited("wazo-yealink-v84", {name: ["A"]}) == {name: ["A"]}
    lines = {"1": {"username": "a", "proxy_port": 5060}, "2": {"username": "b", "backup_registrar_port": "5061"}}
    assert suited("wazo-patton-6.11", {"sip_lines": copy.deepcopy(lines), "http_port": 80}) == {
        "sip_lines": {
            "1": {"username": "a", "proxy_port": "5060"},
            "2": {"username": "b", "backup_registrar_port": "5061"},
        },
        "http_port": 80,
    }
    assert suited("wazo-patton-6.11", {}) == {}
    assert suited("wazo-snom-10", {"sip_lines": copy.deepcopy(lines)}) == {"sip_lines": lines}


def test_lines_of_one_server_with_and_without_a_port_suit_a_plugin_that_compares_texts(tmp_path: Path) -> None:
    code = """
def configure(self, device, raw_config):
    ports = {line.get("proxy_port", "5060") for line in raw_config["sip_lines"].values()}
    if len(ports) > 1:
        raise RawConfigError("the same server on several ports: %s" % sorted(map(str, ports)))
    with open(os.path.join(self._tftpboot_dir, "out"), "w") as file:
        file.write("registrar %s" % ports.pop())
"""
    raw = {"sip_lines": {"1": {"proxy_port": 5060}, "2": {}}}
    with hosted(write_small(tmp_path, "wazo-patton-6.11", code), tmp_path / "scratch") as plugin:
        assert made(plugin, raw) == b"registrar 5060"
    with (
        hosted(write_small(tmp_path, "wazo-other-1", code), tmp_path / "scratch") as plugin,
        pytest.raises(PluginProblem, match="several ports"),
    ):
        made(plugin, raw)


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "GeneratorExit", "SystemExit", "RawConfigError('no')"])
def test_21_whatever_is_raised_leaves_nothing_for_the_next_device(tmp_path: Path, raised: str) -> None:
    code = f"""
def configure(self, device, raw_config):
    with open(os.path.join(self._tftpboot_dir, device["id"]), "w") as file:
        file.write("x")
    if device["id"] == "a":
        raise {raised}
def deconfigure(self, device):
    raise {raised}
def configure_common(self, raw_config):
    raise {raised}
"""
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        assert (plugin.degraded or "").startswith("configure_common: ")
        with pytest.raises(PluginProblem):
            plugin.device_files({"id": "a"}, BASE)
        assert [file.name for file in plugin.device_files({"id": "b"}, BASE)] == ["b"]
