"""The extension contract, and the Hello World of the document "Plugins", with real programs."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.support.extension_world import (
    BASE,
    HELLO_CONF,
    HELLO_MAKEFILE,
    HELLO_METADATA,
    ExtensionWorld,
    commit,
    git,
    running_in,
)
from tests.support.package_world import NODE
from tests.support.provisioning import run

from provisiond.extensions.metadata import check_metadata
from provisiond.extensions.registry import Unfinished
from provisiond.metrics import Metrics
from provisiond.packages.network_problems import NetworkProblem
from provisiond.rest.application import extension_site

MARKET = "http://market.example.org/v1/plugins"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ExtensionWorld]:
    yield from opened(ExtensionWorld(tmp_path, market_url=MARKET))


def opened(made: ExtensionWorld) -> Iterator[ExtensionWorld]:
    yield made
    for call in made.world.clock.getDelayedCalls():
        call.cancel()


def step_errors(operation: dict[str, Any]) -> tuple[str, Any]:
    assert operation["status"] == "error", operation
    return operation["errors"]["error_id"], operation["errors"]["details"]


class TestHelloWorld:
    """Section 2.3, and the document."""

    def test_installed_and_removed(self, world: ExtensionWorld) -> None:
        world.asterisk()
        operation = world.install_tree(world.hello())
        assert operation["status"] == "completed", world.log_of(operation)
        assert (world.extra / "helloworld.conf").read_text() == HELLO_CONF
        assert world.listed() == {"local/helloworld": "0.0.1"}
        assert (world.root / "asterisk.log").read_text() == "-x dialplan reload\n"
        assert world.uninstall("local/helloworld")["status"] == "completed"
        assert not (world.extra / "helloworld.conf").exists()
        assert world.listed() == {}
        assert world.leftovers() == []

    def test_without_asterisk_everything_is_rolled_back(self, world: ExtensionWorld) -> None:
        operation = world.install_tree(world.hello())
        assert step_errors(operation) == ("install-error", {"step": "installing", "exit": 2})
        assert operation["errors"]["message"] == "make install ended with 2"
        assert "asterisk" in world.log_of(operation)
        assert "$ make uninstall" in world.log_of(operation)
        assert not (world.extra / "helloworld.conf").exists()
        assert world.listed() == {}
        assert world.leftovers() == []

    def test_blanks_instead_of_tabs(self, world: ExtensionWorld) -> None:
        world.asterisk()
        tree = world.hello()
        (tree / "Makefile").write_text(HELLO_MAKEFILE.replace("\t", "    "))
        operation = world.install_tree(tree)
        error_id, details = step_errors(operation)
        assert (error_id, details["Makefile"]["constraint_id"]) == ("validation-error", "tabs")
        assert "$ make" not in world.log_of(operation)

    def test_the_other_name_of_the_metadata(self, world: ExtensionWorld) -> None:
        world.asterisk()
        tree = world.tree(
            "h", {"plugin.yml": HELLO_METADATA, "Makefile": HELLO_MAKEFILE, "helloworld.conf": HELLO_CONF}
        )
        assert world.install_tree(tree)["status"] == "completed"


class TestSwitch:
    """Section 1."""

    @pytest.mark.parametrize(
        ("settings", "word"), [({"enabled": False}, "disabled"), ({"allow_root": False}, "allow_root")]
    )
    def test_off_reading_works(self, tmp_path: Path, settings: dict[str, Any], word: str) -> None:
        for world in opened(ExtensionWorld(tmp_path, **settings)):
            if word == "allow_root":
                rules = world.world.house.host_side.extensions._rules
                object.__setattr__(rules, "user_id", lambda: 0)
            assert world.listed() == {}
            for method, path in (("POST", "/plugins"), ("DELETE", "/plugins/a/b")):
                answer = world.ask(method, path, {"method": "git", "options": {}} if method == "POST" else None)
                assert (answer.status, answer.document["error_id"]) == (403, "extensions-disabled")
                assert word in answer.document["message"]

    def test_off_in_the_package_api(self, tmp_path: Path) -> None:
        for world in opened(ExtensionWorld(tmp_path, enabled=False)):
            content = package("local-helloworld", {"package.yml": HELLO_METADATA, "Makefile": HELLO_MAKEFILE})
            path = f"install_from_path/{NODE}?filename=extension-local-helloworld-0.0.1.tgz"
            answer = world.call("PUT", path, content).document
            assert answer["description"] == "Error : extensions are disabled by the settings"

    def test_another_tenant_is_refused(self, world: ExtensionWorld) -> None:
        tenant = run(world.world.house.tenants.create("other")).uuid
        token = world.api.made_token("#", tenant=tenant)
        for method, path in (("GET", "/plugins"), ("POST", "/plugins"), ("GET", "/operations"), ("GET", "/config")):
            answer = world.ask(method, path, {} if method == "POST" else None, token=token)
            assert (answer.status, answer.document["error_id"]) == (401, "unauthorized")
        assert world.ask("GET", "/status", token=token).document["rest_api"] == {"status": "ok"}

    def test_sources_and_folders_of_the_settings(self, tmp_path: Path) -> None:
        for world in opened(ExtensionWorld(tmp_path, sources=["git"], directories=[])):
            tree = world.repository(world.hello())
            refused = world.ask("POST", "/plugins", {"method": "directory", "options": {"path": str(tree)}})
            assert (refused.status, refused.document["details"]["method"]["constraint_id"]) == (400, "enum")
            local = world.ask("POST", "/plugins", {"method": "git", "options": {"url": tree.as_uri()}})
            assert (local.status, list(local.document["details"])) == (400, ["url"])

    def test_git_addresses_of_the_settings(self, tmp_path: Path) -> None:
        for world in opened(ExtensionWorld(tmp_path, git_urls=["https://git.example.org/*"])):
            tree = world.repository(world.hello())
            answer = world.ask("POST", "/plugins", {"method": "git", "options": {"url": tree.as_uri()}})
            assert "git_urls" in answer.document["message"]


class TestForms:
    """Section 2."""

    STAGED = "package) mkdir -p $pkgdir/etc/acme && echo v$EXTENSION_VERSION > $pkgdir/etc/acme/acme.conf;;"

    def test_staged_files_are_copied_and_removed(self, world: ExtensionWorld) -> None:
        tree = world.rules(self.STAGED, more="plugin_format_version: 1\n")
        operation = world.install_tree(tree)
        assert operation["status"] == "completed", world.log_of(operation)
        assert (world.etc / "acme/acme.conf").read_text() == "v1\n"
        assert world.uninstall("acme/staged")["status"] == "completed"
        assert not (world.etc / "acme").exists()
        commands = [line.split()[0] for line in (world.root / "calls").read_text().splitlines()]
        assert commands == ["build", "package", "install", "uninstall", "postrm"]

    def test_postrm_only_from_the_first_format_version(self, world: ExtensionWorld) -> None:
        world.install_tree(world.rules(self.STAGED))
        world.uninstall("acme/staged")
        assert "postrm" not in (world.root / "calls").read_text()

    def test_files_in_the_way(self, world: ExtensionWorld) -> None:
        (world.etc / "acme").mkdir()
        (world.etc / "acme/acme.conf").write_text("mine")
        operation = world.install_tree(world.rules(self.STAGED))
        assert step_errors(operation) == ("file-conflict", {"files": ["/etc/acme/acme.conf"]})
        assert (world.etc / "acme/acme.conf").read_text() == "mine"
        assert "install 1" not in (world.root / "calls").read_text()

    def test_an_upgrade_replaces_files_and_runs_no_uninstall(self, world: ExtensionWorld) -> None:
        world.install_tree(world.rules(self.STAGED + "\nnothing) ;;"))
        newer = "package) mkdir -p $pkgdir/etc/acme && echo two > $pkgdir/etc/acme/other.conf;;"
        operation = world.install_tree(world.rules(newer, version="2"))
        assert operation["status"] == "completed", world.log_of(operation)
        assert [path.name for path in (world.etc / "acme").iterdir()] == ["other.conf"]
        calls = (world.root / "calls").read_text()
        assert "install 2 1\n" in calls
        assert "uninstall" not in calls
        assert world.listed() == {"acme/staged": "2"}
        world.uninstall("acme/staged")
        assert not (world.etc / "acme").exists()

    def test_a_failed_upgrade_puts_the_old_version_back(self, world: ExtensionWorld) -> None:
        world.install_tree(world.rules(self.STAGED))
        operation = world.install_tree(world.rules(self.STAGED + "\ninstall) exit 3;;", version="2"))
        assert step_errors(operation) == ("install-error", {"step": "installing", "exit": 3})
        assert (world.etc / "acme/acme.conf").read_text() == "v1\n"
        assert world.listed() == {"acme/staged": "1"}
        assert (world.root / "calls").read_text().endswith("install 2 1\nuninstall 2 \ninstall 1 \n")
        assert "(installing|fail)(rolling_back|fail)" in operation["oip"]

    @pytest.mark.parametrize("step", ["build", "package"])
    def test_a_failing_build_changes_nothing(self, world: ExtensionWorld, step: str) -> None:
        operation = world.install_tree(world.rules(f"{step}) exit 1;;"))
        status = {"build": "building", "package": "packaging"}[step]
        assert step_errors(operation) == ("install-error", {"step": status, "exit": 1})
        assert "uninstall" not in (world.root / "calls").read_text()
        assert world.leftovers() == []

    def test_the_second_form_wins(self, world: ExtensionWorld) -> None:
        tree = world.rules("")
        (tree / "package.yml").write_text(HELLO_METADATA)
        (tree / "Makefile").write_text(HELLO_MAKEFILE)
        assert world.install_tree(tree)["name"] == "staged"

    def test_rules_must_be_executable(self, world: ExtensionWorld) -> None:
        tree = world.rules("")
        (tree / "wazo/rules").chmod(0o644)
        assert step_errors(world.install_tree(tree))[0] == "validation-error"

    def test_neither_form(self, world: ExtensionWorld) -> None:
        tree = world.tree("empty", {"README": "x"})
        error_id, details = step_errors(world.install_tree(tree))
        assert error_id == "extracting-error"
        assert details == {"install_options": {"path": str(tree)}}

    def test_the_environment_of_commands(self, world: ExtensionWorld) -> None:
        tree = world.make(f"env > {world.root}/environment; test ! -t 0")
        assert world.install_tree(tree)["status"] == "completed"
        pairs = dict(line.split("=", 1) for line in (world.root / "environment").read_text().splitlines())
        assert pairs["LANG"] == "C.UTF-8"
        assert pairs["EXTENSION_NAME"] == "demo"
        assert pairs["EXTENSION_NAMESPACE"] == "local"
        assert (pairs["EXTENSION_VERSION"], pairs["EXTENSION_OLD_VERSION"]) == ("1", "")
        assert str(world.root) in pairs["HOME"]
        assert not Path(pairs["HOME"]).exists()
        assert not any("TOKEN" in name or name == "PYTHONPATH" for name in pairs)


class TestProcess:
    """Section 3."""

    def test_statuses_and_progress(self, world: ExtensionWorld) -> None:
        operation = world.install_tree(world.make("true"))
        steps = "(downloading|success)(extracting|success)(validating|success)(installing_dependencies|success)"
        assert operation["oip"] == f"install|success{steps}(installing|success)(cleaning|success)"
        assert (operation["kind"], operation["namespace"], operation["name"], operation["version"]) == (
            *("install", "local", "demo", "1"),
        )
        assert operation["created"] <= operation["ended"]
        removed = world.uninstall("local/demo")
        assert removed["oip"] == "uninstall|success(removing|success)"

    def test_wrong_metadata_are_found_in_validating(self, world: ExtensionWorld) -> None:
        tree = world.tree("m", {"package.yml": "name: Wrong\nversion: 1\n", "Makefile": "install:\nuninstall:\n"})
        operation = world.install_tree(tree)
        assert step_errors(operation)[0] == "validation-error"
        assert operation["oip"] == "install|fail(downloading|success)(extracting|success)(validating|fail)"

    def test_the_same_version_is_not_run_again(self, world: ExtensionWorld) -> None:
        tree = world.make(f"echo run >> {world.root}/runs")
        world.install_tree(tree)
        again = world.install_tree(tree)
        assert again["status"] == "completed"
        assert (world.root / "runs").read_text() == "run\n"
        world.install_tree(tree, "?reinstall=true")
        assert (world.root / "runs").read_text() == "run\nrun\n"

    def test_an_upgrade_uninstalls_nothing_first(self, world: ExtensionWorld) -> None:
        note = f"echo $$EXTENSION_OLD_VERSION-$$EXTENSION_VERSION >> {world.root}/runs"
        world.install_tree(world.make(note, f"echo gone >> {world.root}/runs"))
        world.install_tree(world.make(note, f"echo gone >> {world.root}/runs", version="1.10"))
        assert (world.root / "runs").read_text() == "-1\n1-1.10\n"
        assert world.listed() == {"local/demo": "1.10"}

    def test_a_downgrade_is_allowed_and_noted(self, world: ExtensionWorld) -> None:
        world.install_tree(world.make("true", version="2"))
        operation = world.install_tree(world.make("true", version="1.9"))
        assert operation["status"] == "completed"
        assert "this is a downgrade from 2 to 1.9" in world.log_of(operation)

    def test_a_source_that_is_gone_can_be_uninstalled(self, world: ExtensionWorld) -> None:
        tree = world.make("true", f"touch {world.root}/removed")
        world.install_tree(tree)
        (tree / "Makefile").write_text("broken")
        assert world.uninstall("local/demo")["status"] == "completed"
        assert (world.root / "removed").exists()

    def test_a_failed_uninstallation_leaves_it_broken(self, world: ExtensionWorld) -> None:
        flag = world.root / "flag"
        world.install_tree(world.make("true", f"test -e {flag}"))
        assert step_errors(world.uninstall("local/demo")) == ("removing-error", {"exit": 2})
        assert world.ask("GET", "/plugins/local/demo").document["state"] == "broken"
        flag.touch()
        assert world.uninstall("local/demo")["status"] == "completed"
        assert world.listed() == {}

    def test_it_can_be_forced(self, world: ExtensionWorld) -> None:
        world.install_tree(world.make("true", "false"))
        assert world.uninstall("local/demo", "?force=true")["status"] == "completed"
        assert world.listed() == {}

    def test_what_the_end_of_the_server_interrupts_is_undone(self, world: ExtensionWorld) -> None:
        """As if the power had failed while ``make install`` ran."""
        side = world.world.house.host_side
        tree = world.make("true", f"touch {world.root}/undone")
        steps = side.extensions._installer._steps
        install = steps.install

        def cut(*_: Any) -> None:
            raise KeyboardInterrupt

        steps.install = cut
        roll_back, side.extensions._installer._roll_back = side.extensions._installer._roll_back, cut
        finished, side.extensions._registry.finished = side.extensions._registry.finished, lambda _: None
        with pytest.raises(KeyboardInterrupt):
            run(side.extensions._installer.install(*source_of(side, tree)))
        steps.install, side.extensions._installer._roll_back = install, roll_back
        side.extensions._registry.finished = finished
        run(side.extensions.start())
        assert (world.root / "undone").exists()
        assert world.listed() == {}
        assert world.leftovers() == []
        (row,) = side.extensions.operations.all()
        assert (row["status"], row["errors"]["error_id"]) == ("error", "interrupted")

    def test_events_are_for_the_master_tenant(self, world: ExtensionWorld) -> None:
        house = world.world.house
        other = run(house.tenants.create("other")).uuid
        world.install_tree(world.make("true"))
        seen = {
            scope.tenant_uuid: house.event_log.after(0, 1000, {"extension_progress"}, scope)[0]
            for scope in (house.tenants.everything(), house.tenants.scope(other))
        }
        assert len(seen[house.tenants.master]) > 5
        assert seen[other] == []


class TestRecovery:
    def test_one_that_had_just_been_installed_stays(self, world: ExtensionWorld) -> None:
        """The power fails after the registry was written, and before the note was removed."""
        world.install_tree(world.make("true", f"touch {world.root}/undone"))
        side = world.world.house.host_side
        (extension,) = side.extensions.installed()
        note = Unfinished(uuid="u", kind="install", identity="local/demo", place=str(extension.place))
        side.extensions._registry.note(note)
        run(side.extensions.start())
        assert world.listed() == {"local/demo": "1"}
        assert not (world.root / "undone").exists()
        assert world.leftovers() == []

    def test_an_interrupted_uninstallation_is_broken(self, world: ExtensionWorld) -> None:
        world.install_tree(world.make("true"))
        side = world.world.house.host_side
        side.extensions._registry.note(Unfinished(uuid="u", kind="uninstall", identity="local/demo"))
        run(side.extensions.start())
        assert world.ask("GET", "/plugins/local/demo").document["state"] == "broken"
        assert world.uninstall("local/demo")["status"] == "completed"

    def test_a_command_that_a_killed_server_has_left_is_ended(self, world: ExtensionWorld) -> None:
        left = subprocess.Popen(["sleep", "300"], start_new_session=True)
        try:
            began = Path(f"/proc/{left.pid}/stat").read_text().rpartition(")")[2].split()[19]
            (world.root / "extensions/homes").mkdir(parents=True)
            (world.root / "extensions/homes/running").write_text(f"{left.pid} 1")
            run(world.world.house.host_side.extensions.start())
            assert left.poll() is None, "another process of the same number"
            (world.root / "extensions/homes/running").write_text(f"{left.pid} {began}")
            (world.root / "extensions/homes/home-x/inside").mkdir(parents=True)
            run(world.world.house.host_side.extensions.start())
            assert left.wait(30) == -signal.SIGKILL
        finally:
            left.kill()
            left.wait()
        assert world.leftovers() == []

    def test_a_half_built_tree_is_removed(self, world: ExtensionWorld) -> None:
        half = world.root / "extensions/installed/acme/x/half"
        half.mkdir(parents=True)
        run(world.world.house.host_side.extensions.start())
        assert not half.exists()


def source_of(side: Any, tree: Path) -> tuple[Any, Any, Any]:
    source = side.extensions._rules.sources.source("directory", {"path": str(tree)})
    operation = run(side.extensions.operations.begin("install", source))
    side.extensions.operations._running.clear()
    return source, operation, None


class TestSources:
    """Section 4."""

    def test_git(self, world: ExtensionWorld) -> None:
        tree = world.repository(world.make("true"))
        operation = world.install("git", url=tree.as_uri())
        assert operation["status"] == "completed", world.log_of(operation)
        assert operation["source"] == {"method": "git", "options": {"url": tree.as_uri()}}

    def test_branch_tag_and_commit(self, world: ExtensionWorld) -> None:
        tree = world.repository(world.make("true"))
        first = git(tree, "rev-parse", "HEAD")
        git(tree, "tag", "v1")
        for version in ("2", "3"):
            (tree / "package.yml").write_text(f"name: demo\nversion: {version}\ndescription: d\n")
            commit(tree, version)
        git(tree, "branch", "other")
        for ref, version in (
            ("v1", "1"),
            ("other", "3"),
            (first, "1"),
            (git(tree, "rev-parse", "HEAD~1"), "2"),
            (first[:8], "1"),
        ):
            operation = world.install("git", url=tree.as_uri(), ref=ref)
            assert (operation["status"], operation["version"]) == ("completed", version), world.log_of(operation)

    def test_the_default_branch_when_there_is_no_master(self, world: ExtensionWorld) -> None:
        tree = world.repository(world.make("true"))
        git(tree, "branch", "--move", "trunk")
        assert world.install("git", url=tree.as_uri())["status"] == "completed"
        operation = world.install("git", url=tree.as_uri(), ref="absent")
        assert step_errors(operation)[0] == "install-error"
        assert operation["errors"]["details"]["step"] == "downloading"

    def test_hooks_of_a_repository_are_not_run(self, world: ExtensionWorld) -> None:
        tree = world.repository(world.make("true"))
        hook = tree / ".git/hooks/post-checkout"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {world.root}/hooked\n")
        hook.chmod(0o755)
        assert world.install("git", url=tree.as_uri())["status"] == "completed"
        assert not (world.root / "hooked").exists()

    @pytest.mark.parametrize(
        "url",
        [
            "--upload-pack=touch /tmp/x",
            "-u",
            "ext::sh -c touch% /tmp/x",
            "file:///etc",
            "file://host/etc",
            "fd::17",
            "https://-oProxyCommand=x/y",
            "ssh://-oProxyCommand=x/y",
            "git@-host:path",
            "user@host:-path",
            "http:///nohost",
            "/etc",
            "https://h/a b",
            "gopher://h/x",
            "",
        ],
    )
    def test_addresses_that_are_refused(self, world: ExtensionWorld, url: str) -> None:
        answer = world.ask("POST", "/plugins", {"method": "git", "options": {"url": url}})
        assert (answer.status, answer.document["error_id"]) == (400, "invalid-data")
        assert "url" in answer.document["details"]

    @pytest.mark.parametrize(
        "ref", ["--upload-pack=x", "-x", "a..b", "a b", "a@{1}", "x.lock", "", "é", "refs/heads/../x"]
    )
    def test_refs_that_are_refused(self, world: ExtensionWorld, ref: str) -> None:
        options = {"url": "https://git.example.org/x.git", "ref": ref}
        answer = world.ask("POST", "/plugins", {"method": "git", "options": options})
        assert answer.status == 400
        assert "ref" in answer.document["details"]

    def test_credentials_are_never_shown(self, world: ExtensionWorld, caplog: pytest.LogCaptureFixture) -> None:
        url = "http://user:hunter2@127.0.0.1:9/x.git"
        operation = world.install("git", url=url)
        assert operation["status"] == "error"
        everything = json.dumps(operation) + world.log_of(operation)
        assert "hunter2" not in everything
        assert "***@127.0.0.1" in everything
        kept = "".join(path.read_text() for path in (world.root / "extensions/operations").iterdir())
        assert "hunter2" not in kept

    def test_a_directory_outside(self, world: ExtensionWorld, tmp_path: Path) -> None:
        (world.sources / "link").symlink_to("/etc")
        for path in ("/etc", str(world.sources / "link"), "relative", str(world.sources / "../state")):
            answer = world.ask("POST", "/plugins", {"method": "directory", "options": {"path": path}})
            assert (answer.status, list(answer.document["details"])) == (400, ["path"])

    def test_a_subdirectory(self, world: ExtensionWorld) -> None:
        world.make("true", name="inner")
        assert world.install("directory", path=str(world.sources), subdirectory="inner-1")["name"] == "inner"
        outside = world.install("directory", path=str(world.sources), subdirectory="../state")
        assert step_errors(outside)[0] == "extracting-error"

    def test_trees_that_lead_out(self, world: ExtensionWorld) -> None:
        tree = world.make("true")
        (tree / "link").symlink_to("/etc/passwd")
        error_id, _ = step_errors(world.install_tree(tree))
        assert error_id == "extracting-error"

    @pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
    def test_a_tarball(self, world: ExtensionWorld, suffix: str) -> None:
        tree = world.rules("")
        archive = world.sources / f"x.tar.{suffix}"
        with tarfile.open(archive, f"w:{suffix}") as tar:  # type: ignore[call-overload]
            tar.add(tree, "staged")
        operation = world.install("tarball", path=str(archive))
        assert operation["status"] == "completed", world.log_of(operation)

    def test_a_tarball_from_the_web_with_its_digest(self, world: ExtensionWorld) -> None:
        content = package(
            "demo", {"package.yml": "name: demo\nversion: 1\n", "Makefile": "install uninstall:\n\ttrue\n"}
        )
        world.web.pages["https://h/x.tgz"] = content
        wrong = world.install("tarball", url="https://h/x.tgz", sha256="0" * 64)
        assert step_errors(wrong)[0] == "extracting-error"
        assert world.install("tarball", url="https://h/x.tgz")["status"] == "completed"

    def test_a_hostile_tarball(self, world: ExtensionWorld) -> None:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            tar.addfile(tarfile.TarInfo("../../out"))
        world.web.pages["https://h/x.tgz"] = stream.getvalue()
        assert step_errors(world.install("tarball", url="https://h/x.tgz"))[0] == "extracting-error"
        assert world.leftovers() == []

    def test_unknown_methods_and_options(self, world: ExtensionWorld) -> None:
        for document in ({"method": "svn", "options": {}}, {"method": "upload"}, {"method": 1}, {}, {"options": {}}):
            answer = world.ask("POST", "/plugins", document)
            assert (answer.status, list(answer.document["details"])) == (400, ["method"])
        for body in (b"", b"{", b"[]", b"\xff"):
            assert world.ask("POST", "/plugins", body or None).status == 400
        tree = world.make("true")
        assert world.install("directory", path=str(tree), colour="red")["status"] == "completed"


class TestHostile:
    """What issue and contract ask to withstand."""

    def test_a_makefile_that_hangs_and_forks(self, tmp_path: Path) -> None:
        for world in opened(ExtensionWorld(tmp_path, step_timeout=1)):
            tree = world.make(f"sleep 300 & echo $$! > {world.root}/child; sleep 300")
            operation = world.install_tree(tree)
            assert step_errors(operation) == ("install-error", {"step": "installing", "exit": "timeout"})
            assert not running_in(world.root / "child")

    def test_what_is_left_in_the_background_is_ended(self, world: ExtensionWorld) -> None:
        operation = world.install_tree(world.make(f"sleep 300 & echo $$! > {world.root}/child"))
        assert operation["status"] == "completed"
        assert not running_in(world.root / "child")

    def test_megabytes_of_output(self, world: ExtensionWorld) -> None:
        noise = "head -c 5000000 /dev/zero | tr '\\0' 'x' | fold -w 100; echo; echo the end"
        operation = world.install_tree(world.make(noise))
        assert operation["status"] == "completed"
        log = world.log_of(operation)
        assert len(log) < 1_100_000
        assert "lines were left out here" in log
        assert "] the end\n" in log
        assert "] starting\n" in log or "] downloading\n" in log

    def test_one_endless_line(self, world: ExtensionWorld) -> None:
        operation = world.install_tree(world.make("head -c 3000000 /dev/zero | tr '\\0' 'x'"))
        assert operation["status"] == "completed"
        assert max(map(len, world.log_of(operation).splitlines())) < 5000

    def test_secrets_in_output(self, world: ExtensionWorld) -> None:
        operation = world.install_tree(world.make("@echo password=hunter2 https://me:hunter2@h/"))
        assert "hunter2" not in world.log_of(operation)

    def test_it_fails_halfway(self, world: ExtensionWorld) -> None:
        tree = world.make("cp package.yml /etc/one; false", "rm -f /etc/one")
        assert step_errors(world.install_tree(tree))[0] == "install-error"
        assert not (world.etc / "one").exists()

    def test_no_uninstall(self, world: ExtensionWorld) -> None:
        tree = world.tree("n", {"package.yml": HELLO_METADATA, "Makefile": "install:\n\ttrue\n"})
        error_id, details = step_errors(world.install_tree(tree))
        assert (error_id, details["Makefile"]["constraint_id"]) == ("validation-error", "targets")


class TestDependencies:
    """Section 6.2."""

    def offer(self, world: ExtensionWorld, *trees: tuple[Path, str, str]) -> None:
        items = []
        for tree, name, version in trees:
            world.repository(tree)
            options = {"url": tree.as_uri(), "ref": "master"}
            items.append(
                {
                    "namespace": "local",
                    "name": name,
                    "versions": [{"version": version, "method": "git", "options": options}],
                }
            )
        world.web.pages[MARKET] = json.dumps({"items": items}).encode()

    def needing(self, world: ExtensionWorld, name: str, *needs: str, install: str = "true") -> Path:
        lines = "".join(f"  - {{namespace: local, name: {each}}}\n" for each in needs)
        return world.make(install, name=name, more=f"depends:\n{lines}" if lines else "")

    def test_from_the_market_first(self, world: ExtensionWorld) -> None:
        self.offer(world, (self.needing(world, "b"), "b", "1"))
        operation = world.install_tree(self.needing(world, "a", "b"))
        assert operation["status"] == "completed"
        assert world.listed() == {"local/a": "1", "local/b": "1"}
        child = next(each for each in world.ask("GET", "/operations").document["items"] if each["parent"])
        assert (child["parent"], child["name"]) == (operation["uuid"], "b")

    def test_one_that_fails_stops_the_parent(self, world: ExtensionWorld) -> None:
        self.offer(world, (self.needing(world, "b", install="false"), "b", "1"))
        error_id, _ = step_errors(world.install_tree(self.needing(world, "a", "b")))
        assert error_id == "installing-dependencies-error"
        assert world.listed() == {}

    def test_one_stays_when_the_parent_fails(self, world: ExtensionWorld) -> None:
        self.offer(world, (self.needing(world, "b"), "b", "1"))
        world.install_tree(self.needing(world, "a", "b", install="false"))
        assert world.listed() == {"local/b": "1"}

    def test_nothing_fits(self, world: ExtensionWorld) -> None:
        self.offer(world, (self.needing(world, "b"), "b", "1"))
        tree = world.make("true", name="a", more="depends: [{namespace: local, name: b, version: '>=2'}]\n")
        error_id, details = step_errors(world.install_tree(tree))
        assert (error_id, list(details)) == ("validation-error", ["depends"])

    def test_circles_are_refused(self, world: ExtensionWorld) -> None:
        run_note = f"echo $$EXTENSION_NAME >> {world.root}/runs"
        trees = [self.needing(world, "b", "c", install=run_note), self.needing(world, "c", "a", install=run_note)]
        self.offer(world, (trees[0], "b", "1"), (trees[1], "c", "1"))
        error_id, details = step_errors(world.install_tree(self.needing(world, "a", "b", install=run_note)))
        assert (error_id, details["depends"]["constraint_id"]) == ("validation-error", "cycle")
        assert "local/a → local/b → local/c → local/a" in details["depends"]["message"]
        assert not (world.root / "runs").exists()
        self_circle = step_errors(world.install_tree(self.needing(world, "x", "x")))
        assert self_circle[1]["depends"]["constraint_id"] == "cycle"

    def test_what_others_need_is_not_removed(self, world: ExtensionWorld) -> None:
        self.offer(world, (self.needing(world, "b"), "b", "1"))
        world.install_tree(self.needing(world, "a", "b"))
        answer = world.ask("DELETE", "/plugins/local/b")
        assert (answer.status, answer.document["error_id"]) == (409, "dependency-required")

    @pytest.mark.parametrize(
        ("limit", "good"),
        [
            ("min_provisiond_version: 999", False),
            ("max_provisiond_version: 0.0.1", False),
            ("min_wazo_version: 999", True),
        ],
    )
    def test_limits_of_versions(self, world: ExtensionWorld, limit: str, good: bool) -> None:
        operation = world.install_tree(world.make("true", more=f"{limit}\n"))
        if good:
            assert "its limits are not checked" in world.log_of(operation)
        else:
            field = limit.partition(":")[0]
            assert step_errors(operation)[1][field]["constraint_id"] == "range"

    def test_limits_of_the_platform(self, tmp_path: Path) -> None:
        for world in opened(ExtensionWorld(tmp_path, platform_version="17.10")):
            assert world.install_tree(world.make("true", more="min_wazo_version: 9.05\n"))["status"] == "completed"

    def test_debian_packages_are_checked(self, world: ExtensionWorld) -> None:
        tree = world.make("true", more="debian_depends: [surely-not-a-package-of-any-kind]\n")
        operation = world.install_tree(tree)
        if Path("/usr/bin/dpkg-query").exists():
            assert step_errors(operation)[1]["debian_depends"]["constraint_id"] == "debian"
        else:
            assert operation["status"] == "completed"


def package(name: str, files: dict[str, str]) -> bytes:
    """Return a package file of an extension."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        folder = tarfile.TarInfo(name)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for path, content in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size, member.mode = len(content), 0o755 if path.endswith("rules") else 0o644
            tar.addfile(member, io.BytesIO(content.encode()))
    return stream.getvalue()


class TestPackages:
    """Extensions through the package API."""

    HELLO: ClassVar[dict[str, str]] = {
        "package.yml": HELLO_METADATA,
        "Makefile": HELLO_MAKEFILE,
        "helloworld.conf": HELLO_CONF,
    }

    def put(self, world: ExtensionWorld, **more: Any) -> Any:
        path = f"install_from_path/{NODE}?filename=extension-local-helloworld-0.0.1.tgz"
        return world.call("PUT", path, package("local-helloworld", self.HELLO), **more)

    def test_a_round(self, world: ExtensionWorld) -> None:
        world.asterisk()
        answer = self.put(world)
        assert answer.document == {"status": "OK", "code": 0, "description": "None", "install": []}
        assert answer.headers["x-operation"].startswith(f"{BASE}/operations/")
        assert (world.extra / "helloworld.conf").is_file()
        (row,) = world.get(f"installed/{NODE}/extension")["package"]
        assert (row["id"], row["fullname"], row["enabled"], row["version"]) == (
            *("local-helloworld", "extension-local-helloworld", "True", "0.0.1"),
        )
        assert world.listed() == {"local/helloworld": "0.0.1"}
        assert world.get(f"uninstall/{NODE}/extension/extension-local-helloworld")["status"] == "OK"
        assert not (world.extra / "helloworld.conf").exists()

    def test_from_a_repository(self, world: ExtensionWorld) -> None:
        world.asterisk()
        url = "http://repository.example.org/stable"
        world.list.write_text(f"500 {url}\n")
        world.web.pages[f"{url}/x.tgz"] = package("local-helloworld", self.HELLO)
        entry = {"type": "extension", "id": "local-helloworld", "version": "0.0.1", "archive_url": f"{url}/x.tgz"}
        world.serve(url, entry)
        assert world.update()["status"] == "OK"
        answer = world.get(f"install/{NODE}/extension/local-helloworld/0.0.1")
        assert answer["status"] == "OK", answer
        assert world.listed() == {"local/helloworld": "0.0.1"}

    def test_a_failure_is_told(self, world: ExtensionWorld) -> None:
        assert self.put(world).document["description"] == "Error : make install ended with 2"
        assert world.get(f"installed/{NODE}/extension")["package"] == []

    def test_the_acl_of_extensions_counts_too(self, world: ExtensionWorld) -> None:
        token = world.api.made_token("provd.package.#")
        assert self.put(world, token=token).status == 401
        assert world.call("GET", f"uninstall/{NODE}/extension/local-x", token=token).status == 401
        tenant = run(world.world.house.tenants.create("other")).uuid
        assert self.put(world, token=world.api.made_token("#", tenant=tenant)).status == 401

    def test_dependencies_on_extensions(self, world: ExtensionWorld) -> None:
        tree = world.make("true", name="b")
        world.install_tree(tree)
        url = "http://repository.example.org/stable"
        world.list.write_text(f"500 {url}\n")
        needs = [{"type": "extension", "id": each} for each in ("local-b (>=1)", "local-b (>=2)", "local-c")]
        entry = {"type": "extension", "id": "local-a", "version": "1", "archive_url": f"{url}/x", "dependencies": needs}
        world.serve(url, entry)
        world.update()
        rows = world.get(f"dependency/{NODE}/extension/local-a/1")["dependency"]
        assert [(row["installed"], row["error"]) for row in rows] == [
            ("True", ""),
            ("False", "local-b (>=2) is needed, extension local-b 1 is installed"),
            ("False", "extension local-c is not installed"),
        ]


class TestMarket:
    """Sections 4.1 and 5.1."""

    ITEMS: ClassVar[list[dict[str, Any]]] = [
        {
            "namespace": "acme",
            "name": name,
            "display_name": shown,
            "author": author,
            "tags": [tag],
            "versions": [
                {"version": "1.9", "method": "git", "options": {"url": "https://h/x"}, "max_wazo_version": "17.10"},
                {"version": "1.10", "method": "git", "options": {"url": "https://h/x"}, "min_wazo_version": "99"},
            ],
        }
        for name, shown, author, tag in (
            ("café", "Zoo", "Ann", "x"),
            ("alpha", "Beta", "Bob", "Été"),
            ("gamma", None, "Bob", "y"),
        )
    ]

    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[ExtensionWorld]:
        made = ExtensionWorld(tmp_path, market_url=MARKET, platform_version="17.10")
        made.web.pages[MARKET] = json.dumps({"items": [*self.ITEMS, "text", {"name": 1}]}).encode()
        yield from opened(made)

    def names(self, world: ExtensionWorld, query: str) -> list[str]:
        return [each["name"] for each in world.ask("GET", f"/market{query}").document["items"]]

    def test_the_list(self, world: ExtensionWorld) -> None:
        document = world.ask("GET", "/market").document
        assert (document["total"], document["filtered"]) == (3, 3)
        first = document["items"][0]
        assert (first["name"], first["installed_version"]) == ("alpha", None)
        assert first["versions"] == [
            {"version": "1.10", "upgradable": False, "min_wazo_version": "99", "max_wazo_version": None},
            {"version": "1.9", "upgradable": True, "min_wazo_version": None, "max_wazo_version": "17.10"},
        ]
        assert set(first) == {
            *("namespace", "name", "display_name", "author", "color", "homepage", "icon", "description"),
            *("short_description", "license", "tags", "screenshots", "installed_version", "versions"),
        }

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("?search=CAFE", ["café"]),
            ("?search=ete", ["alpha"]),
            ("?author=Bob", ["alpha", "gamma"]),
            ("?author=bob", []),
            ("?direction=desc", ["gamma", "café", "alpha"]),
            ("?order=display_name", ["alpha", "café", "gamma"]),
            ("?order=display_name&direction=desc", ["café", "alpha", "gamma"]),
            ("?limit=1&offset=1", ["café"]),
            ("?limit=0&offset=2", ["gamma"]),
            ("?installed=false&search=bob", ["alpha", "gamma"]),
            ("?installed=true", []),
        ],
    )
    def test_queries(self, world: ExtensionWorld, query: str, names: list[str]) -> None:
        assert self.names(world, query) == names

    @pytest.mark.parametrize(
        ("query", "error_id"),
        [
            ("?limit=-1", "invalid-data"),
            ("?offset=x", "invalid-data"),
            ("?direction=up", "invalid-data"),
            ("?installed=maybe", "invalid-data"),
            ("?order=versions", "invalid-sort-params"),
        ],
    )
    def test_wrong_queries(self, world: ExtensionWorld, query: str, error_id: str) -> None:
        answer = world.ask("GET", f"/market{query}")
        assert (answer.status, answer.document["error_id"]) == (400, error_id)

    def test_one(self, world: ExtensionWorld) -> None:
        document = world.ask("GET", "/market/acme/alpha").document
        assert (document["upgradable"], document["installed_version"]) == (True, None)
        missing = world.ask("GET", "/market/acme/none")
        assert (missing.status, missing.document["error_id"]) == (404, "plugin-not-found")

    def test_no_market(self, world: ExtensionWorld) -> None:
        for page in (NetworkProblem("it sends nothing"), b"<html>", b"[]", b'{"items": 1}'):
            world.web.pages[MARKET] = page
            for path in ("/market", "/market/a/b"):
                answer = world.ask("GET", path)
                assert (answer.status, answer.document["error_id"]) == (503, "market-service-unavailable")

    def test_install_the_newest_that_fits(self, world: ExtensionWorld) -> None:
        good, bad = (
            world.repository(world.make("true", version="1.9")),
            world.repository(world.make("false", version="2")),
        )
        rows = [
            {"version": "1.9", "method": "git", "options": {"url": good.as_uri()}},
            {"version": "2", "method": "git", "options": {"url": bad.as_uri()}, "max_wazo_version": "16"},
        ]
        item = {"namespace": "local", "name": "demo", "versions": rows}
        world.web.pages[MARKET] = json.dumps({"items": [item]}).encode()
        assert world.install("market", namespace="local", name="demo")["version"] == "1.9"
        missing = world.install("market", namespace="local", name="absent")
        assert step_errors(missing)[0] == "downloading-error"


class TestRest:
    """Section 5."""

    def test_the_answer_to_an_installation(self, world: ExtensionWorld) -> None:
        tree = world.make("true")
        answer = world.ask("POST", "/plugins/", {"method": "directory", "options": {"path": str(tree)}})
        assert answer.status == 200
        assert answer.headers["location"] == f"{BASE}/operations/{answer.document['uuid']}"
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["access-control-allow-origin"] == "*"
        removed = world.ask("DELETE", "/plugins/local/demo")
        assert (removed.status, list(removed.document)) == (200, ["uuid"])

    def test_unknown_ones(self, world: ExtensionWorld) -> None:
        for method in ("GET", "DELETE"):
            answer = world.ask(method, "/plugins/local/none")
            assert (answer.status, answer.document["error_id"]) == (404, "plugin-not-found")
        for path in ("/operations/x", "/operations/x/log"):
            assert world.ask("GET", path).document["error_id"] == "operation-not-found"
        assert world.ask("GET", "/nonsense").status == 404
        assert world.ask("PUT", "/plugins", {}).status == 405
        assert world.ask("DELETE", "/status").status == 405

    def test_the_form_of_errors(self, world: ExtensionWorld) -> None:
        document = world.ask("GET", "/plugins/local/none").document
        assert set(document) == {"message", "error_id", "details", "timestamp", "resource"}
        unauthorized = world.ask("GET", "/plugins", token="")
        assert (unauthorized.status, unauthorized.document["error_id"]) == (401, "unauthorized")

    def test_a_method_that_nobody_knows(self, world: ExtensionWorld) -> None:
        answer = world.ask("PROPFIND", "/plugins")
        assert (answer.status, answer.document["error_id"]) == (405, "method-not-allowed")

    @pytest.mark.parametrize(
        ("method", "path", "acl"),
        [
            ("GET", "/plugins", "plugind.plugins.read"),
            ("GET", "/plugins/local/demo", "plugind.plugins.local.demo.read"),
            ("GET", "/market", "plugind.market.read"),
            ("GET", "/config", "plugind.config.read"),
            ("GET", "/status", "plugind.status.read"),
            ("GET", "/operations", "plugind.operations.read"),
            ("POST", "/plugins", "plugind.plugins.create"),
            ("DELETE", "/plugins/local/demo", "plugind.plugins.local.demo.delete"),
        ],
    )
    def test_acls(self, world: ExtensionWorld, method: str, path: str, acl: str) -> None:
        body = {"method": "x"} if method == "POST" else None
        assert world.ask(method, path, body, token=world.api.made_token("plugind.other")).status == 401
        assert world.ask(method, path, body, token=world.api.made_token(acl)).status != 401

    def test_the_settings_without_secrets(self, tmp_path: Path) -> None:
        for world in opened(ExtensionWorld(tmp_path, market_url="http://me:hunter2@h/plugins")):
            answer = world.ask("GET", "/config")
            assert b"hunter2" not in answer.content
            assert answer.document["enabled"] is True

    def test_a_listener_of_its_own(self, world: ExtensionWorld) -> None:
        house = world.world.house
        whole = world.api.site
        world.api.site = extension_site(house, Metrics(), world.world.clock, max_body=1 << 20)
        answer = world.api.call("GET", "/0.2/plugins", prefix="")
        assert (answer.status, answer.document) == (200, {"items": [], "total": 0})
        tree = world.make("true")
        body = json.dumps({"method": "directory", "options": {"path": str(tree)}}).encode()
        assert world.api.call("POST", "/0.2/plugins", body, prefix="").status == 200
        assert world.api.call("GET", "/0.2/dev_mgr", prefix="").status == 404
        world.api.site = whole
        assert world.listed() == {"local/demo": "1"}

    def test_the_description(self, world: ExtensionWorld) -> None:
        answer = world.ask("GET", "/api/api.yml", token="")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/yaml")

    def test_operations_are_forgotten(self, world: ExtensionWorld) -> None:
        operation = world.install_tree(world.make("true"))
        assert world.ask("DELETE", f"/operations/{operation['uuid']}").status == 204
        assert world.ask("GET", "/operations").document == {"items": [], "total": 0}
        assert list((world.root / "extensions/operations").iterdir()) == []

    def test_a_killed_server_knows_the_step_that_it_was_in(self, world: ExtensionWorld) -> None:
        operations = world.world.house.host_side.extensions.operations
        operation = run(operations.begin("install", None))
        operation.step("downloading")
        operation.log.write("$ git fetch")
        operation.identify(check_metadata({"name": "demo", "version": "1"}, "make"))
        operation.step("installing")
        operations._running.clear()
        run(operations.load())
        (told,) = world.ask("GET", "/operations").document["items"]
        assert step_errors(told) == ("interrupted", {"step": "installing"})
        assert told["oip"] == "install|fail(downloading|success)(installing|fail)"
        assert (told["namespace"], told["name"], told["version"]) == ("local", "demo", "1")
        assert "[downloading] $ git fetch" in world.log_of(told)

    def test_one_that_is_forgotten_while_it_runs_stays_forgotten(self, world: ExtensionWorld) -> None:
        operations = world.world.house.host_side.extensions.operations
        operation = run(operations.begin("install", None))
        run(operations.delete(operation.uuid))
        operation.succeeded()
        run(operations.end(operation))
        assert operations.all() == []
        assert list((world.root / "extensions/operations").iterdir()) == []

    def test_a_half_written_one_is_removed_at_the_start(self, world: ExtensionWorld) -> None:
        world.install_tree(world.make("true"))
        operations = world.root / "extensions/operations"
        (operations / ".half.tmp").write_text("{")
        run(world.world.house.host_side.extensions.operations.load())
        assert {path.suffix for path in operations.iterdir()} == {".json", ".log"}

    def test_operations_are_kept_for_an_hour_also_over_a_restart(self, world: ExtensionWorld) -> None:
        operation = world.install_tree(world.make("true"))
        operations = world.world.house.host_side.extensions.operations
        operations._ended.clear()
        run(operations.load())
        assert operations.get(operation["uuid"])["status"] == "completed"
        world.world.clock.advance(3601)
        run(operations.load())
        assert operations.all() == []

    def test_progress_is_told_as_events(self, world: ExtensionWorld) -> None:
        subscription = world.world.house.events.subscribe()
        operation = world.install_tree(world.make("true"))
        seen = [event for event in subscription.pending() if getattr(event, "uuid", None) == operation["uuid"]]
        statuses = [event.status for event in seen]
        assert statuses == [
            *("starting", "downloading", "extracting", "validating", "installing dependencies"),
            *("installing", "cleaning", "completed"),
        ]
