"""REST contract, sections 5.5 and 5.6: plugins and their packages."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.api import Api, Got
from tests.support.contract import rows
from tests.support.packages import FakePackages
from tests.support.provisioning import PLUGIN, FakeOffer, World, info_of

from provisiond.errors import PackageProblem

NEW = "newer-2.0"
HERE = f"/pg_mgr/plugins/{PLUGIN}"
PACKAGES = f"{HERE}/install"


def post(api: Api, path: str, body: Any = None, **more: Any) -> Got:
    return api.call("POST", path, {} if body is None else body, **more)


def ended(api: Api, got: Got) -> Any:
    """Return an operation that has ended, with its status and error."""
    assert (got.status, got.content) == (201, b"")
    for _ in range(1000):
        document = api.get(got.headers["location"].removeprefix("/0.2")).document
        if document["ended"] is not None:
            return document
        api.world.clock.advance(0)
    raise AssertionError("the operation does not end")


@pytest.fixture
def offers(world: World) -> World:
    """A world whose repository offers one more plugin, and the installed one."""
    world.archives.offers = {NEW: FakeOffer(Acme__N2__1={"sip.lines": 2}), PLUGIN: FakeOffer()}
    return world


class TestEntry:
    @rows("5.5 GET {P}/pg_mgr 200")
    def test_the_links(self, api: Api) -> None:
        got = api.get("/pg_mgr", prefix="/provd", token=api.made_token("provd.pg_mgr.read"))
        assert got.document == {
            "links": [
                {"rel": "srv.install", "href": "/provd/pg_mgr/install"},
                {"rel": "pg.plugins", "href": "/provd/pg_mgr/plugins"},
                {"rel": "pg.reload", "href": "/provd/pg_mgr/reload"},
            ]
        }

    @rows("5.5 GET {P}/pg_mgr/install 200", "13 no. 6")
    def test_the_links_of_the_installation_service(self, api: Api) -> None:
        got = api.get("/pg_mgr/install", token=api.made_token("provd.pg_mgr.install.read"))
        words = ("install", "uninstall", "installed", "installable", "upgrade", "update")
        assert got.document == {
            "links": [{"rel": f"srv.install.{word}", "href": f"/0.2/pg_mgr/install/{word}"} for word in words]
        }


class TestPlugins:
    @rows("5.5 GET {P}/pg_mgr/plugins 200")
    def test_only_loaded_plugins_are_listed(self, api: Api, world: World) -> None:
        world.host.on_disk["broken-1"] = info_of()
        got = api.get("/pg_mgr/plugins", token=api.made_token("provd.pg_mgr.plugins.read"))
        link = {"rel": "pg.plugin", "href": f"/0.2/pg_mgr/plugins/{PLUGIN}"}
        assert got.document == {"plugins": {PLUGIN: {"links": [link]}}}

    @rows("5.5 GET {P}/pg_mgr/plugins/{id} 200", "5.5 GET {P}/pg_mgr/plugins/{id} 404")
    def test_a_plugin_links_what_it_has(self, api: Api, world: World, packages: FakePackages) -> None:
        info = {"rel": "pg.info", "href": f"/0.2{HERE}/info"}
        install = {"rel": "srv.install", "href": f"/0.2{HERE}/install"}
        token = api.made_token("provd.pg_mgr.plugins.acme-1_0.read")
        assert api.get(HERE, token=token).document == {"links": [info, install]}
        packages.offers.clear()
        assert api.get(HERE, token=token).document == {"links": [info]}
        world.host.on_disk["broken-1"] = info_of()
        assert api.get("/pg_mgr/plugins/broken-1").status == api.get("/pg_mgr/plugins/none").status == 404

    @rows("5.5 GET {P}/pg_mgr/plugins/{id}/info 200", "5.5 GET {P}/pg_mgr/plugins/{id}/info 404")
    def test_the_information_is_that_of_the_file_in_the_language_of_the_locale(self, api: Api) -> None:
        shown = {"plugin_info": {"version": "1.0", "description": "files", "capabilities": {}}}
        token = api.made_token("provd.pg_mgr.plugins.acme-1_0.info.read", "provd.configure.#")
        assert api.get(f"{HERE}/info", token=token).document == shown
        api.call("PUT", "/configure/locale", {"param": {"value": "fr_CA"}}, token=token)
        shown["plugin_info"]["description"] = "fichiers"
        assert api.get(f"{HERE}/info", token=token).document == shown
        assert api.get("/pg_mgr/plugins/none/info").status == 404

    @rows("5.5 POST {P}/pg_mgr/reload 204", "5.5 POST {P}/pg_mgr/reload 400")
    def test_a_reload_loads_and_its_devices_follow(self, api: Api, world: World) -> None:
        world.device(id="d")
        made = len(world.host.rendered)
        assert (
            post(api, "/pg_mgr/reload", {"id": PLUGIN}, token=api.made_token("provd.pg_mgr.reload.create")).status
            == 204
        )
        assert api.get("/dev_mgr/devices/d").document["device"]["configured"] is True
        assert len(world.host.rendered) == made + 1
        world.host.on_disk["late-1"] = info_of()
        assert post(api, "/pg_mgr/reload", {"id": "late-1"}).status == 204
        assert api.get("/pg_mgr/plugins/late-1").status == 200
        world.host.unloadable[PLUGIN] = "it raises"
        assert post(api, "/pg_mgr/reload", {"id": PLUGIN}).status == 400
        assert post(api, "/pg_mgr/reload", {"id": "none"}).status == 400
        assert api.get("/dev_mgr/devices/d").document["device"]["configured"] is False


class TestInstallation:
    @rows("5.5 POST {P}/pg_mgr/install/install 201", "7.2 plugin install", "14 no. 2")
    def test_an_installation_ends_after_loading_and_configuring(self, api: Api, offers: World) -> None:
        offers.device(id="d", plugin=NEW)
        offers.archives.gate.shut()
        token = api.made_token("provd.pg_mgr.install.install.create")
        got = post(api, "/pg_mgr/install/install", {"id": NEW}, token=token)
        location = got.headers["location"].removeprefix("/0.2")
        assert location.startswith("/pg_mgr/install/install/")
        assert api.get(location).document["status"] == "install|progress(download|progress;0/10)"
        offers.host.gate.shut()
        offers.archives.gate.open()
        offers.clock.advance(0)
        assert api.get(location).document["status"] == "install|progress(download|progress;10/10)"
        offers.host.gate.open()
        assert ended(api, got)["status"] == "install|success(download|success;10/10)"
        assert api.get("/dev_mgr/devices/d").document["device"]["configured"] is True

    @rows("5.5 POST {P}/pg_mgr/install/install 400")
    def test_what_cannot_be_installed(self, api: Api, offers: World) -> None:
        assert post(api, "/pg_mgr/install/install", {"id": "none"}).status == 400
        assert post(api, "/pg_mgr/install/install", {"id": PLUGIN}).status == 400
        offers.archives.gate.shut()
        assert post(api, "/pg_mgr/install/install", {"id": NEW}).status == 201
        for path in ("install", "upgrade", "uninstall"):
            assert post(api, f"/pg_mgr/install/{path}", {"id": NEW}).status == 400
        offers.archives.gate.open()

    @rows("5.5 POST {P}/pg_mgr/install/install 400")
    def test_what_nobody_serves_and_the_cache_does_not_have_is_refused_at_once(self, api: Api, offers: World) -> None:
        offers.archives.served = False
        got = post(api, "/pg_mgr/install/install", {"id": NEW})
        assert (got.status, "no plugin server is set" in got.text) == (400, True)

    @rows("5.5 POST {P}/pg_mgr/install/install 201", "7.2 plugin install")
    def test_a_plugin_that_does_not_load_is_installed_but_not_loaded(self, api: Api, offers: World) -> None:
        offers.host.unloadable[NEW] = "it raises"
        operation = ended(api, post(api, "/pg_mgr/install/install", {"id": NEW}))
        assert (operation["status"], operation["error"]) == ("install|fail(download|fail;10/10)", "it raises")
        assert api.get("/pg_mgr/install/installed").document["pkgs"][NEW]["problem"] == "it raises"
        assert api.get(f"/pg_mgr/plugins/{NEW}").status == 404

    @rows("5.5 POST {P}/pg_mgr/install/upgrade 201", "5.5 POST {P}/pg_mgr/install/upgrade 400", "7.2 plugin install")
    def test_an_upgrade_installs_again(self, api: Api, offers: World) -> None:
        token = api.made_token("provd.pg_mgr.install.upgrade.create")
        got = post(api, "/pg_mgr/install/upgrade", {"id": PLUGIN}, token=token)
        assert got.headers["location"].startswith("/0.2/pg_mgr/install/upgrade/")
        assert ended(api, got)["status"] == "install|success(download|success;10/10)"
        assert post(api, "/pg_mgr/install/upgrade", {"id": NEW}).status == 400
        assert post(api, "/pg_mgr/install/upgrade", {"id": "none"}).status == 400
        offers.archives.fails = PackageProblem("the archive is damaged")
        operation = ended(api, post(api, "/pg_mgr/install/upgrade", {"id": PLUGIN}))
        assert (operation["status"], operation["error"]) == (
            "install|fail(download|fail;0/10)",
            "the archive is damaged",
        )

    @rows("5.5 POST {P}/pg_mgr/install/uninstall 204", "5.5 POST {P}/pg_mgr/install/uninstall 400")
    def test_an_uninstalled_plugin_leaves_its_name(self, api: Api, offers: World) -> None:
        offers.device(id="d")
        token = api.made_token("provd.pg_mgr.install.uninstall.create")
        assert post(api, "/pg_mgr/install/uninstall", {"id": PLUGIN}, token=token).status == 204
        assert post(api, "/pg_mgr/install/uninstall", {"id": PLUGIN}, token=token).status == 400
        device = api.get("/dev_mgr/devices/d").document["device"]
        assert (device["plugin"], device["configured"]) == (PLUGIN, False)

    @rows("5.5 POST {P}/pg_mgr/install/update 201", "5.5 POST {P}/pg_mgr/install/update 400", "7.2 update", "13 no. 21")
    def test_an_update_fetches_the_index(self, api: Api, world: World) -> None:
        token = api.made_token("provd.pg_mgr.install.update.create")
        world.archives.gate.shut()
        got = post(api, "/pg_mgr/install/update", {}, token=token)
        location = got.headers["location"].removeprefix("/0.2")
        assert api.get(location).document["status"] == "update|progress;0"
        assert post(api, "/pg_mgr/install/update").status == 400
        world.archives.gate.open()
        assert ended(api, got)["status"] == "update|success;187260"
        world.archives.fails = PackageProblem("the repository does not answer")
        operation = ended(api, post(api, "/pg_mgr/install/update"))
        assert (operation["status"], operation["error"]) == ("update|fail;0", "the repository does not answer")
        world.archives.served = False
        assert post(api, "/pg_mgr/install/update").status == 400

    @rows("5.5 GET {P}/pg_mgr/install/installed 200")
    def test_every_plugin_on_disk_is_listed(self, api: Api, world: World) -> None:
        world.host.on_disk["broken-1"] = info_of("2.0")
        world.host.note_problem("broken-1", "load", "it raises")
        got = api.get("/pg_mgr/install/installed", token=api.made_token("provd.pg_mgr.install.installed.read"))
        assert got.document == {
            "pkgs": {
                PLUGIN: {"version": "1.0", "description": "files", "capabilities": {}},
                "broken-1": {"version": "2.0", "description": "files", "capabilities": {}, "problem": "it raises"},
            }
        }

    @rows("5.5 GET {P}/pg_mgr/install/installable 200")
    def test_what_the_repositories_offer_is_listed(self, api: Api, world: World) -> None:
        token = api.made_token("provd.pg_mgr.install.installable.read")
        assert api.get("/pg_mgr/install/installable", token=token).document == {"pkgs": {}}
        world.archives.offers = {NEW: FakeOffer(Acme__N2__1={"sip.lines": 2})}
        assert api.get("/pg_mgr/install/installable", token=token).document == {
            "pkgs": {
                NEW: {
                    "version": "1.0",
                    "description": "files",
                    "capabilities": {"Acme, N2, 1": {"sip.lines": 2}},
                    "dsize": 1,
                }
            }
        }


class TestPackages:
    @rows("5.6 GET {P}/pg_mgr/plugins/{id}/install 200", "13 no. 6")
    def test_the_links(self, api: Api) -> None:
        got = api.get(PACKAGES, token=api.made_token("provd.pg_mgr.plugins.acme-1_0.install.read"))
        words = ("install", "uninstall", "installed", "installable", "upgrade")
        assert got.document == {
            "links": [{"rel": f"srv.install.{word}", "href": f"/0.2{PACKAGES}/{word}"} for word in words]
        }

    @rows("5.6 not loaded or no packages 404")
    @pytest.mark.parametrize(
        ("method", "word"),
        [("GET", ""), ("GET", "/installed"), ("GET", "/installable"), ("POST", "/install"), ("POST", "/upgrade"),
         ("POST", "/uninstall")],
    )  # fmt: skip
    def test_without_packages_nothing_is_there(self, api: Api, packages: FakePackages, method: str, word: str) -> None:
        body = {"id": "firmware"} if method == "POST" else None
        assert api.call(method, f"/pg_mgr/plugins/none/install{word}", body).status == 404
        packages.offers.clear()
        assert api.call(method, f"{PACKAGES}{word}", body).status == 404

    @rows("5.6 POST {P}/pg_mgr/plugins/{id}/install/install 201", "7.2 package install")
    def test_a_package_is_installed_also_again(self, api: Api, packages: FakePackages) -> None:
        token = api.made_token("provd.pg_mgr.plugins.acme-1_0.install.install.create")
        for _ in range(2):
            packages.gate.shut()
            got = post(api, f"{PACKAGES}/install", {"id": "firmware"}, token=token)
            location = got.headers["location"].removeprefix("/0.2")
            assert location.startswith(f"{PACKAGES}/install/")
            text = "install_pkg|progress(download|progress(progress;0/60))(install|waiting)"
            assert api.get(location).document["status"] == text
            packages.gate.open()
            text = "install_pkg|success(download|success(success;60/60)(success;40/40))(install|success)"
            assert ended(api, got)["status"] == text

    @rows("5.6 POST {P}/pg_mgr/plugins/{id}/install/install 201", "7.2 package install")
    def test_what_fails_fails_in_every_part(self, api: Api, packages: FakePackages) -> None:
        packages.fails = PackageProblem("the server does not answer")
        operation = ended(api, post(api, f"{PACKAGES}/install", {"id": "firmware"}))
        assert operation["status"] == "install_pkg|fail(download|fail(fail;0/60))(install|fail)"
        assert operation["error"] == "the server does not answer"

    @rows("7.2 package install")
    def test_with_nothing_to_download(self, api: Api, packages: FakePackages) -> None:
        packages.offer(PLUGIN, "empty")
        operation = ended(api, post(api, f"{PACKAGES}/install", {"id": "empty"}))
        assert operation["status"] == "install_pkg|success(download|success)(install|success)"

    @rows(
        "5.6 POST {P}/pg_mgr/plugins/{id}/install/install 400",
        "5.6 POST {P}/pg_mgr/plugins/{id}/install/upgrade 400",
        "5.6 POST {P}/pg_mgr/plugins/{id}/install/uninstall 400",
    )
    def test_what_is_refused(self, api: Api, packages: FakePackages) -> None:
        for word in ("install", "upgrade", "uninstall"):
            assert post(api, f"{PACKAGES}/{word}", {"id": "none"}).status == 400
        for word in ("upgrade", "uninstall"):
            assert post(api, f"{PACKAGES}/{word}", {"id": "firmware"}).status == 400
        packages.gate.shut()
        assert post(api, f"{PACKAGES}/install", {"id": "firmware"}).status == 201
        assert post(api, f"{PACKAGES}/install", {"id": "firmware"}).status == 400
        packages.gate.open()

    @rows(
        "5.6 POST {P}/pg_mgr/plugins/{id}/install/upgrade 201",
        "5.6 POST {P}/pg_mgr/plugins/{id}/install/uninstall 204",
        "13 no. 6",
    )
    def test_an_installed_package_is_upgraded_and_removed(self, api: Api, packages: FakePackages) -> None:
        right = "provd.pg_mgr.plugins.acme-1_0.install"
        token = api.made_token(f"{right}.upgrade.create", f"{right}.uninstall.create")
        ended(api, post(api, f"{PACKAGES}/install", {"id": "firmware"}))
        packages.offer(PLUGIN, "firmware", 5, version="2.0")
        got = post(api, f"{PACKAGES}/upgrade", {"id": "firmware"}, token=token)
        assert got.headers["location"].startswith(f"/0.2{PACKAGES}/upgrade/")
        text = "install_pkg|success(download|success(success;5/5))(install|success)"
        assert ended(api, got)["status"] == text
        assert post(api, f"{PACKAGES}/uninstall", {"id": "firmware"}, token=token).status == 204
        assert api.get(f"{PACKAGES}/installed").document == {"pkgs": {}}

    @rows(
        "5.6 GET {P}/pg_mgr/plugins/{id}/install/installed 200",
        "5.6 GET {P}/pg_mgr/plugins/{id}/install/installable 200",
    )
    def test_the_lists(self, api: Api) -> None:
        right = "provd.pg_mgr.plugins.acme-1_0.install"
        token = api.made_token(f"{right}.installed.read", f"{right}.installable.read")
        assert api.get(f"{PACKAGES}/installed", token=token).document == {"pkgs": {}}
        shown = {"version": "1.0", "description": "Files of firmware", "dsize": 100}
        assert api.get(f"{PACKAGES}/installable", token=token).document == {"pkgs": {"firmware": shown}}
        ended(api, post(api, f"{PACKAGES}/install", {"id": "firmware"}))
        del shown["dsize"]
        assert api.get(f"{PACKAGES}/installed", token=token).document == {"pkgs": {"firmware": shown}}
