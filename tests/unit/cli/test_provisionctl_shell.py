"""``provisionctl shell``: the objects of the prompt, their completion, and what failures look like."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.administrator import Administrator
from tests.support.packages import FakePackages
from tests.support.provisioning import PLUGIN, FakeOffer, World

from provisiond.cli.provisionctl.session import Session
from provisiond.cli.provisionctl.shell.prompt import completions, namespace
from provisiond.errors import PackageProblem

# What administrators know from the interactive client of before; each of these names must be there.
KNOWN = {
    "configs": "add get get_raw update remove remove_all autocreate clone find count",
    "configs['base']": "get get_raw set_config unset_config set_parents",
    "devices": "add get update remove remove_all reconfigure synchronize find count using_plugin using_mac",
    "devices['d']": "get set unset reconfigure synchronize",
    "plugins": "install upgrade uninstall uninstall_all reload update installed installable count_installed",
    f"plugins['{PLUGIN}']": "install install_all upgrade uninstall uninstall_all installed installable",
    "parameters": "infos get set unset",
    "helpers": "system_info detailed_system_info used_plugins installed_plugins unused_plugins missing_plugins "
    "mass_update_devices_plugin mass_synchronize remove_transient_configs",
}
MAC = "00:08:5d:00:00:01"


@pytest.fixture
def shell(admin: Administrator, world: World) -> Administrator:
    """An administrator with a device ``d`` and a config ``alice``."""
    admin.told("config", "add", "alice", "--parent", "base", "sip_lines.1.username=alice")
    admin.told("device", "add", "id=d", f"mac={MAC}", f"plugin={PLUGIN}", "config=alice")
    return admin


def run(admin: Administrator, *lines: str) -> str:
    return admin.told("shell", "-c", "\n".join(lines))


def test_every_known_name_is_there(shell: Administrator) -> None:
    for owner, names in KNOWN.items():
        assert (
            run(shell, f"[name for name in '{names}'.split() if not callable(getattr({owner}, name, None))]") == "[]\n"
        )


class TestObjects:
    def test_configs(self, shell: Administrator) -> None:
        assert run(shell, "configs['alice']") == "configs['alice']\n"
        run(shell, "c = configs['alice']", "c.set_config({'ntp_ip': '192.0.2.3', 'sip_lines.1.number': '100'})")
        assert "'number': '100'" in run(shell, "configs.get('alice')['raw_config']")
        run(shell, "configs['alice'].unset_config('ntp_ip')", "configs['alice'].set_parents('base', 'default')")
        assert run(shell, "configs['alice'].get()['parent_ids']") == "['base', 'default']\n"
        assert run(shell, "'ntp_ip' in configs.get('alice')['raw_config']") == "False\n"
        assert "http_base_url" in run(shell, "configs.get_raw('alice')")
        assert run(shell, "configs.clone('alice', 'bob')") == "'bob'\n"
        assert run(shell, "configs.count(X_type='internal'), configs.find({'id': 'bob'}, ['id'])").startswith("(2, ")
        run(shell, "d = configs.get('bob')", "d['label'] = 'Bob'", "configs.update(d)")
        assert run(shell, "configs.find(label='Bob')[0]['id']") == "'bob'\n"
        assert run(shell, "configs.add({'id': 'new'})", "configs.remove('new')") == "'new'\n"
        assert run(shell, "len(configs.autocreate()) > 5") == "True\n"
        assert run(shell, "configs.remove_all()", "sorted(configs)") == (
            "['autoprov', 'base', 'default', 'defaultconfigdevice']\n"
        )

    def test_devices(self, shell: Administrator) -> None:
        assert run(shell, f"devices.using_mac('{MAC.upper().replace(':', '-')}')") == "devices['d']\n"
        run(shell, "devices['d'].set(description='x')", "devices['d'].set({'options.switchboard': True})")
        assert run(shell, "devices.get('d')['options']") == "{'switchboard': True}\n"
        run(shell, "devices['d'].unset('description')", "devices['d'].reconfigure()", "devices.reconfigure('d')")
        assert run(shell, f"[each['id'] for each in devices.using_plugin('{PLUGIN}')]") == "['d']\n"
        assert run(shell, "devices.add({'id': 'e'})", "devices.count()") == "'e'\n2\n"
        run(shell, "d = devices.get('e')", "d['ip'] = '192.0.2.9'", "devices.update(d)")
        assert run(shell, "devices.find(ip='192.0.2.9')[0]['id']", "devices.remove('e')") == "'e'\n"
        assert run(shell, "devices.remove_all()", "list(devices)") == "[]\n"

    def test_plugins(self, shell: Administrator, world: World, packages: FakePackages) -> None:
        world.archives.offers["other-2.0"] = FakeOffer()
        told = run(shell, "plugins.update()", "plugins.install('other-2.0')", "list(plugins.installed())")
        assert told.splitlines()[-1] == f"['{PLUGIN}', 'other-2.0']"
        run(shell, "plugins.reload('other-2.0')", "plugins.upgrade('other-2.0')")
        assert run(shell, "'other-2.0' in plugins.installable(), plugins.count_installed()") == "(True, 2)\n"
        run(shell, f"p = plugins['{PLUGIN}']", "p.install_all()", "p.install_all()", "p.upgrade('french')")
        assert set(packages.kept[PLUGIN]) == {"firmware", "french"}
        assert (
            run(shell, f"p = plugins['{PLUGIN}']", "sorted(p.installable()), sorted(p.installed())").count("french")
            == 2
        )
        run(shell, f"p = plugins['{PLUGIN}']", "p.uninstall('french')", "p.install('french')", "p.uninstall_all()")
        assert packages.kept[PLUGIN] == {}
        run(shell, "plugins.uninstall('other-2.0')", "plugins.uninstall_all()")
        assert run(shell, "plugins.ids()") == "[]\n"

    def test_parameters_and_helpers(self, shell: Administrator) -> None:
        run(shell, "parameters.set('NAT', 1)")
        assert run(shell, "parameters.get('NAT'), 'NAT' in parameters.infos()") == "(1, True)\n"
        run(shell, "parameters.unset('NAT')")
        assert run(shell, "helpers.system_info()").startswith("{'devices': 1, 'configs': ")
        assert f"{{'{PLUGIN}': 1}}" in run(shell, "helpers.detailed_system_info()")
        assert run(shell, "helpers.used_plugins(), helpers.installed_plugins()") == f"(['{PLUGIN}'], ['{PLUGIN}'])\n"
        assert run(shell, f"helpers.mass_update_devices_plugin('{PLUGIN}', 'x-1')") == "['d']\n"
        assert run(shell, "helpers.unused_plugins(), helpers.missing_plugins()") == f"(['{PLUGIN}'], ['x-1'])\n"
        run(shell, "configs.add({'id': 't', 'transient': True})")
        assert run(shell, "helpers.remove_transient_configs()") == "['t']\n"
        assert run(shell, "helpers.mass_synchronize()") == ""

    def test_each_tells_what_it_is(self, shell: Administrator) -> None:
        for name, told in (("configs", "configs.find("), ("devices", "<1 devices;"), ("plugins", "<1 plugins;")):
            assert told in run(shell, name)
        assert "parameters.get(" in run(shell, "parameters")
        assert "mass_synchronize" in run(shell, "helpers")


class TestFailures:
    def test_refusals_are_one_sentence(self, shell: Administrator) -> None:
        told = shell.refused(1, "shell", "-c", "configs['none']")
        assert told.startswith("NotFound: No such resource")
        assert "Traceback" not in told
        assert "KeyError" not in shell.refused(1, "shell", "-c", "plugins['none']")
        assert "no devices have" in shell.refused(1, "shell", "-c", "devices.using_mac('00:00:00:00:00:00')")

    def test_a_failed_operation_raises(self, shell: Administrator, world: World) -> None:
        world.archives.offers["other-2.0"] = FakeOffer()
        world.archives.fails = PackageProblem("the archive is broken")
        told = shell.refused(1, "shell", "-c", "plugins.install('other-2.0')")
        assert told == "OperationFailed: other-2.0: the archive is broken\n"

    def test_scripts_end_at_the_first_error(self, shell: Administrator, tmp_path: Path) -> None:
        script = tmp_path / "work.py"
        script.write_text("for each in devices:\n    print(each)\nnonsense\nprint('never')\n")
        result = shell.types("shell", str(script))
        assert (result.exit_code, result.stdout) == (1, "d\n")
        assert "NameError" in result.stderr
        assert shell.told("shell", stdin="print(devices.count())\n") == "1\n"
        assert "SyntaxError" in shell.refused(1, "shell", stdin="for\n")


class TestCompletion:
    @pytest.mark.parametrize(
        ("typed", "offered"),
        [
            ("dev", ["devices"]),
            ("x = con", ["configs"]),
            ("devices.using_m", ["using_mac"]),
            ("configs['base'].set_", ["set_config", "set_parents"]),
            ("configs[", ["'alice']", "'autoprov']"]),
            ("configs['al", ["'alice']"]),
            ('devices["', ['"d"]']),
            (f"plugins['{PLUGIN}'].install_", ["install_all"]),
            ("plugins.reload('ac", [f"{PLUGIN}')"]),
            ("parameters.inf", ["infos"]),
            ("nothing.at", []),
            ("nothing['", []),
            ("", []),
        ],
    )
    def test_names_attributes_and_ids(self, shell: Administrator, typed: str, offered: list[str]) -> None:
        names = namespace(Session(dial=lambda target: shell))
        found = [each for each, _ in completions(names, typed)]
        assert found[: len(offered)] == offered
        assert offered or not found
        for each, replaced in completions(names, typed):
            assert each.startswith(typed[len(typed) - replaced :])
