"""Installation services that plugins bring themselves (contract, section 9 and check 43)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.legacy_plugins import hosted, write_small
from tests.support.provisioning import begin, run
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from provisiond.errors import PackageProblem, PluginProblem, UnknownReference
from provisiond.legacy.installing import Installations, listed
from provisiond.legacy.own_packages import MAX_SECONDS, OwnPackages
from provisiond.legacy.surface.operation import OperationInProgress
from provisiond.model.operation import OperationProgress, format_progress
from provisiond.plugins.values import LegacyFacts, ServedBy

pytestmark = pytest.mark.usefixtures("import_name")

OWN, PLAIN, NONE, NATIVE = "own", "plain", "none", "native"


@pytest.mark.parametrize(
    ("code", "installs"),
    [
        ("services = {}", "none"),
        ("services = {'configure': object()}", "none"),
        ("services = {'install': object()}", "plugin"),
        ("services = 7", "none"),
        ("@property\ndef services(self):\n    return FetchfwPluginHelper(self._plugin_dir).services()", "server"),
        ("@property\ndef services(self):\n    return {'install': FetchfwPluginHelper(self._plugin_dir)}", "server"),
        (
            "@property\ndef services(self):\n"
            "    own = type('Own', (FetchfwPluginHelper,), {'install': lambda self, pkg_id: None})\n"
            "    return {'install': own(self._plugin_dir)}",
            "plugin",
        ),
    ],
)
def test_43_who_installs(tmp_path: Path, code: str, installs: str) -> None:
    with hosted(write_small(tmp_path, "p", code), tmp_path / "scratch") as plugin:
        assert plugin.described()["installs"] == installs
        if installs == "none":
            with pytest.raises(PluginProblem, match="no install"):
                plugin.installer("install")


def test_lists_are_made_right() -> None:
    class Service:
        def list_installable(self) -> dict[str, Any]:
            return {"a": {"version": 1, "description": "A", "dsize": 7, "more": object()}, "b": {"dsize": "big"}}

        def list_installed(self) -> dict[str, Any]:
            return {"a": {"version": "1", "description": None}}

    assert listed(Service(), "installable") == {
        "a": {"version": "1", "description": "A", "dsize": 7},
        "b": {"version": "", "description": "", "dsize": 0},
    }
    assert listed(Service(), "installed") == {"a": {"version": "1", "description": "None"}}


def test_an_installation_is_followed_to_its_end() -> None:
    installations = Installations()
    done: Deferred[None] = Deferred()
    progress = OperationInProgress("x", "progress", 1, 10)
    number = installations.begin("p", (done, progress))
    assert installations.state("p", number, str) == {"is_over": False, "failure": None, "current": 1, "end": 10}
    progress.current = 10
    done.callback(None)
    assert installations.state("p", number, str) == {"is_over": True, "failure": None, "current": 10, "end": 10}
    with pytest.raises(PluginProblem, match="process ended"):
        installations.state("p", number, str)
    failed = installations.begin("p", (fail(ValueError("no room")), object()))
    assert installations.state("p", failed, str)["failure"] == "no room"
    for wrong in (None, succeed(None), (None, None), (succeed(None),)):
        with pytest.raises(PluginProblem, match="did not return"):
            installations.begin("p", wrong)


class Host:
    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.states = [
            {"is_over": False, "failure": None, "current": 3, "end": 10},
            {"is_over": True, "failure": None, "current": 10, "end": 10},
        ]
        self.refuses = False

    def legacy_of(self, plugin_id: str) -> LegacyFacts | None:
        installs = {OWN: "plugin", PLAIN: "server", NONE: "none"}.get(plugin_id)
        return None if installs is None else LegacyFacts(http=ServedBy(), tftp=ServedBy(), installs=installs)

    async def ask(self, kind: str, plugin_id: str, *arguments: Any) -> tuple[dict[str, Any], bytes]:
        self.asked.append((kind, *arguments))
        if kind == "package_list":
            return {"packages": {"fw": {"version": "1", "description": "D"}}}, b""
        if kind == "package_begin":
            if self.refuses:
                raise PluginProblem("not on Sundays")
            return {"number": 4}, b""
        return (self.states.pop(0) if kind == "package_state" else {}), b""


class Server:
    def __init__(self) -> None:
        self.done: list[tuple[str, str, str]] = []

    async def has_packages(self, plugin_id: str) -> bool:
        return True

    async def faults(self, plugin_id: str) -> tuple[str, ...]:
        return ("fault",)

    async def check_package(self, plugin_id: str, package_id: str) -> None:
        if package_id != "fw":
            raise UnknownReference(package_id)

    async def installable(self, plugin_id: str, locale: str | None) -> dict[str, dict[str, Any]]:
        return {"theirs": {}}

    async def installed(self, plugin_id: str, locale: str | None) -> dict[str, dict[str, Any]]:
        return {"theirs": {}}

    async def install(self, plugin_id: str, package_id: str, progress: OperationProgress) -> None:
        self.done.append(("install", plugin_id, package_id))

    async def upgrade(self, plugin_id: str, package_id: str, progress: OperationProgress) -> None:
        self.done.append(("upgrade", plugin_id, package_id))

    async def uninstall(self, plugin_id: str, package_id: str) -> None:
        self.done.append(("uninstall", plugin_id, package_id))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def server() -> Server:
    return Server()


def test_43_each_plugin_by_its_own_way(host: Host, server: Server) -> None:
    packages = OwnPackages(host, server, Clock())
    assert [run(packages.has_packages(each)) for each in (OWN, PLAIN, NONE, NATIVE)] == [True, True, False, True]
    assert [list(run(packages.installable(each, None))) for each in (OWN, PLAIN)] == [["fw"], ["theirs"]]
    assert [list(run(packages.installed(each, None))) for each in (OWN, NATIVE)] == [["fw"], ["theirs"]]
    assert [run(packages.faults(each)) for each in (OWN, PLAIN)] == [(), ("fault",)]
    for word in ("install", "upgrade"):
        run((run(packages.prepared(word, PLAIN, "fw")))(OperationProgress()))  # type: ignore[arg-type]
    run(packages.uninstall(PLAIN, "fw"))
    assert server.done == [(word, PLAIN, "fw") for word in ("install", "upgrade", "uninstall")]
    run(packages.uninstall(OWN, "fw"))
    assert host.asked[-1] == ("package_uninstall", "fw")


def test_43_the_plugins_progress_is_the_operations(host: Host, server: Server) -> None:
    clock, progress = Clock(), OperationProgress("install_pkg")
    done = begin(OwnPackages(host, server, clock).install(OWN, "fw", progress))
    assert not done.called
    assert format_progress(progress.snapshot()) == "install_pkg|progress;3/10"
    clock.advance(1)
    run(done)
    assert format_progress(progress.snapshot()) == "install_pkg|progress;10/10"


def test_43_what_the_service_refuses_is_refused_at_once(host: Host, server: Server) -> None:
    packages = OwnPackages(host, server, Clock())
    with pytest.raises(UnknownReference):
        run(packages.prepared("install", OWN, "other"))
    host.refuses = True
    with pytest.raises(PluginProblem, match="not on Sundays"):
        run(packages.prepared("install", OWN, "fw"))


def test_43_what_fails_or_never_ends_fails(host: Host, server: Server) -> None:
    clock = Clock()
    packages = OwnPackages(host, server, clock)
    host.states = [{"is_over": True, "failure": "no room", "current": None, "end": None}]
    with pytest.raises(PackageProblem, match="no room"):
        run(packages.install(OWN, "fw", OperationProgress()))
    host.states = [{"is_over": False, "failure": None, "current": None, "end": None}]
    endless = begin(packages.install(OWN, "fw", OperationProgress()))
    clock.advance(MAX_SECONDS)
    with pytest.raises(PackageProblem, match="within 4 hours"):
        run(endless)
