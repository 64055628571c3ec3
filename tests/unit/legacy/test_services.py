"""Services of plugins, packages and synchronizing (legacy plugin contract, section 15, checks 42 to 46 and 49)."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.support.legacy_plugins import hosted, write_acme, write_small
from tests.support.provisioning import run
from twisted.internet import threads
from twisted.internet.defer import Deferred, maybeDeferred, succeed

from provisiond.errors import PluginProblem
from provisiond.legacy.notifying import SyncService
from provisiond.legacy.surface import services, synchronize
from provisiond.legacy.surroundings import HERE

pytestmark = pytest.mark.usefixtures("import_name")

CONFIGURABLE = """
from wazo_provd.services import JsonConfigPersister, PersistentConfigureServiceDecorator, InvalidParameterError
class Service:
    def __init__(self):
        self.values = {"username": None, "password": None}
    def get(self, nameTENANT):
        return self.values[name]
    def set(self, name, valueTENANT):
        if value == "wrong":
            raise InvalidParameterError("not this one")
        self.values[name]
        self.values[name] = value
    description = [("username", "who"), ("password", None)]
    description_fr = [("username", "qui"), ("password", None)]
class Small(StandardPlugin):
    IS_PLUGIN = True
    def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
        super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
        helper = FetchfwPluginHelper(plugin_dir, FetchfwPluginHelper.new_downloaders(gen_cfg.get("proxies")))
        helper.downloaders["auth"].add_password(None, "http://host/", "me", "secret")
        persister = JsonConfigPersister(os.path.join(plugin_dir, "var", "config.json"))
        self.services = {"configure": PersistentConfigureServiceDecorator(Service(), persister), "install": helper}
"""


@pytest.mark.parametrize("tenant", ["", ", tenant_uuid=None", ", **kwargs"])
def test_42_parameters_are_kept(tmp_path: Path, tenant: str) -> None:
    directory = write_small(tmp_path, "p", CONFIGURABLE.replace("TENANT", tenant))
    with hosted(directory, tmp_path / "scratch") as plugin:
        assert plugin.parameters(None) == [("username", "who"), ("password", None)]
        assert plugin.parameters("fr_FR") == [("username", "qui"), ("password", None)]
        assert plugin.described()["parameters"] == [["username", "who", None], ["password", "", None]]
        plugin.set_parameter("username", "alice", "t")
        assert plugin.parameter("username", "t") == "alice"
        with pytest.raises(KeyError):
            plugin.set_parameter("nothing", "x", None)
        with pytest.raises(PluginProblem, match="not this one"):
            plugin.set_parameter("username", "wrong", None)
    file = directory / "var" / "config.json"
    assert json.loads(file.read_text()) == {"username": "alice"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text('{"username": "bob", "gone": "x"}')
    with hosted(directory, tmp_path / "scratch") as plugin:
        assert plugin.parameter("username", None) == "bob"


PARTLY = """
from wazo_provd.services import AttrConfigureServiceParam, BaseConfigureService
class Small(StandardPlugin):
    IS_PLUGIN = True
    user = depth = None
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.services = {"configure": BaseConfigureService({
            "user": AttrConfigureServiceParam(self, "user", "who", description_fr="qui"),
            "depth": AttrConfigureServiceParam(self, "depth", "how deep"),
        })}
"""


def test_42_a_parameter_that_lacks_this_language_is_there_in_another(tmp_path: Path) -> None:
    with hosted(write_small(tmp_path, "p", PARTLY), tmp_path / "scratch") as plugin:
        assert plugin.parameters("fr_FR") == [("user", "qui"), ("depth", "how deep")]
        assert plugin.parameters("de_DE") == [("user", "who"), ("depth", "how deep")]


def test_44_passwords_for_downloads(tmp_path: Path) -> None:
    with hosted(write_small(tmp_path, "p", CONFIGURABLE.replace("TENANT", "")), tmp_path / "scratch") as plugin:
        assert plugin.described()["passwords"] == [["http://host/", "me", "secret"]]


@pytest.mark.parametrize(
    ("code", "configurable"),
    [
        ("services = {'install': object()}", False),
        ("services = property(lambda self: {})", False),
        ("services = None", False),
        ("services = property(lambda self: 1 / 0)", False),
    ],
)
def test_43_shapes_of_services(tmp_path: Path, code: str, configurable: bool) -> None:
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        assert bool(plugin.described()["parameters"]) is configurable


def test_parameters_as_objects() -> None:
    class Thing:
        name = "a"

    data = {"key": "b"}
    checked: list[Any] = []
    service = services.BaseConfigurationService(
        {
            "one": services.AttrConfigurationServiceParameter(
                Thing(), "name", "first", checked.append, description_fr="un"
            ),
            "two": services.DictConfigureServiceParam(data, "key"),
        }
    )
    assert (service.get("one"), service.get("two")) == ("a", "b")
    service.set("one", "c")
    service.set("two", None)
    assert (service.get("one"), data, checked) == ("c", {}, ["c"])
    assert service.description == [("one", "first"), ("two", None)]
    assert service.description_fr == [("one", "un")]
    for wrong in ("description_de", "nonsense"):
        with pytest.raises(AttributeError):
            getattr(service, wrong)
    with pytest.raises(KeyError):
        service.get("three")


def test_a_persister_without_a_readable_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    persister = services.JsonConfigPersister(str(tmp_path / "x.json"))
    assert persister.params() == {}
    persister.update("a", 1)
    assert services.JsonConfigPersister(str(tmp_path / "x.json")).params() == {"a": 1}


def test_virtual_parameters_are_kept_as_what_they_stand_for(tmp_path: Path) -> None:
    class Service:
        VIRTUAL_ATTRIBUTES = {"part": {"parent": "whole"}}  # noqa: RUF012
        values = {"part": None, "whole": "w"}  # noqa: RUF012

        def get(self, name: str) -> Any:
            return self.values[name]

        def set(self, name: str, value: Any) -> None:
            self.values[name] = value

    persister = services.JsonConfigPersister(str(tmp_path / "x.json"))
    services.PersistentConfigurationServiceDecorator(Service(), persister).set("part", "p")
    assert persister.params() == {"whole": "w"}


class Bridge:
    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.fails = False

    def blocking(self, kind: str, /, **members: Any) -> Any:
        self.asked.append((kind, members))
        if self.fails:
            raise Exception("no answer")

    def deferred(self, kind: str, /, **members: Any) -> Deferred[Any]:
        self.asked.append((kind, members))
        return succeed(None)


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    bridge = Bridge()
    monkeypatch.setattr(HERE, "bridge", bridge)
    monkeypatch.setattr(HERE, "sync_service", SyncService(bridge))
    monkeypatch.setattr(threads, "deferToThread", maybeDeferred)
    return bridge


@pytest.mark.parametrize(
    ("device", "target"),
    [
        ({"remote_state_sip_username": "alice", "ip": "192.0.2.7"}, {"peer": "alice"}),
        ({"remote_state_sip_username": "ap12345678", "ip": "192.0.2.7"}, {"ip": "192.0.2.7"}),
        ({"remote_state_sip_username": "ap1234567"}, {"peer": "ap1234567"}),
        ({"ip": "192.0.2.7"}, {"ip": "192.0.2.7"}),
    ],
)
def test_45_who_is_notified(bridge: Bridge, device: dict[str, Any], target: dict[str, str]) -> None:
    lines = ["Content-type=text/plain", "Content=a", "Content=b"]
    run(synchronize.standard_sip_synchronize(device, "check-sync;reboot=false", lines))
    assert bridge.asked == [("notify", {**target, "event": "check-sync;reboot=false", "extra": lines})]


def test_45_who_cannot_be_notified(bridge: Bridge) -> None:
    with pytest.raises(synchronize.SynchronizeException):
        run(synchronize.standard_sip_synchronize({}))
    bridge.fails = True
    with pytest.raises(Exception, match="no answer"):
        run(synchronize.standard_sip_synchronize({"ip": "192.0.2.7"}))
    service = synchronize.get_sync_service()
    assert service.TYPE == "AsteriskAMI"
    synchronize.unregister_sync_service()
    with pytest.raises(synchronize.SynchronizeException):
        run(synchronize.standard_sip_synchronize({"ip": "192.0.2.7"}))
    synchronize.register_sync_service(service)
    assert synchronize.get_sync_service() is service


def test_46_only_what_a_plugin_changed_is_stored(tmp_path: Path, bridge: Bridge) -> None:
    code = """
def __init__(self, app, *rest):
    super().__init__(app, *rest)
    self.app = app
def synchronize(self, device, raw_config):
    device["version"] = "2"
    device.pop("sn")
    return self.app.dev_update(device)
"""
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        run(plugin.synchronize({"id": "d", "version": "1", "sn": "x", "mac": "m"}, {}))
        assert bridge.asked == [("dev_update", {"id": "d", "changes": {"version": "2", "sn": None}})]
        assert plugin.plugin.app.nat == 0
        with pytest.raises(AttributeError, match="cfg_find"):
            plugin.plugin.app.cfg_find({})


def test_packages_by_the_plugins_own_hand(tmp_path: Path, bridge: Bridge) -> None:
    db = "[pkg_fw]\ndescription: Firmware\nversion: 2\n"
    with hosted(write_acme(tmp_path, files={"pkgs/pkgs.db": db}), tmp_path / "scratch") as plugin:
        helper = plugin.services["install"]
        assert helper.list_installable() == {"fw": {"version": "2", "description": "Firmware", "dsize": 0}}
        assert helper.list_installed() == {}
        done, progress = helper.install("fw")
        run(done)
        assert progress.state == "success"
        assert bridge.asked == [("package", {"word": "install", "plugin": "wazo-acme-1.0", "package": "fw"})]
        for wrong in (lambda: helper.install("x"), lambda: helper.uninstall("fw"), lambda: helper.upgrade("fw")):
            with pytest.raises(Exception, match="package not"):
                wrong()
