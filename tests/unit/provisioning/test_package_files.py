"""Files of packages: what is wanted, bringing them, checking links; and installing all packages."""

from __future__ import annotations

from io import BytesIO

import pytest
from tests.support.package_fakes import FakeFiles, FakeFirmware
from tests.support.provisioning import NOW, PLUGIN, run

from provisiond.errors import InProgress, NotFound, PackageProblem, UnknownReference

SERVICE = f"/pg_mgr/plugins/{PLUGIN}/install"


@pytest.fixture
def firmware():
    return FakeFirmware("a", "b", "c")


@pytest.fixture
def files():
    return FakeFiles()


@pytest.fixture
def world(make_world, firmware, files):
    return make_world(packages=firmware, file_inspection=files)


def operation(world, word, begun):
    return run(world.house.operations.get(f"{SERVICE}/{word}", begun.id))


def test_details_are_told_of_loaded_plugins_with_packages_only(world, firmware, make_world, files):
    assert run(world.house.package_files.details(PLUGIN))["fw"]["files"][0]["name"] == "fw.bin"
    with pytest.raises(NotFound):
        run(world.house.package_files.details("ghost"))
    firmware.offers.clear()
    with pytest.raises(NotFound):
        run(world.house.package_files.details(PLUGIN))
    without = make_world(packages=FakeFirmware())
    with pytest.raises(NotFound):
        run(without.house.package_files.details(PLUGIN))


def test_a_brought_file_is_taken_unless_the_plugin_is_being_replaced(world, files):
    run(world.house.package_files.take(PLUGIN, "fw.bin", BytesIO(b"x")))
    assert files.taken == {"fw.bin": b"x"}
    with pytest.raises(UnknownReference):
        run(world.house.package_files.take(PLUGIN, "other", BytesIO(b"x")))
    world.archives.gate.shut()
    world.archives.offers[PLUGIN] = object()
    run(world.house.plugins.upgrade(PLUGIN))
    with pytest.raises(InProgress):
        run(world.house.package_files.take(PLUGIN, "fw.bin", BytesIO(b"x")))
    world.archives.gate.open()


def test_a_check_is_an_operation_and_its_result_is_kept(world, files):
    check = world.house.package_files
    assert run(check.last_check(PLUGIN)) is None
    files.gate.shut()
    begun = run(check.check(PLUGIN, whole=True))
    assert operation(world, "check", begun).progress == "check|progress(files|progress;0/1)"
    with pytest.raises(InProgress):
        run(check.check(PLUGIN))
    assert run(check.last_check(PLUGIN)) is None
    files.gate.open()
    assert operation(world, "check", begun).progress == "check|success(files|success;1/1)"
    found = run(check.last_check(PLUGIN))
    assert (found.ended, found.whole, [row["state"] for row in found.rows()]) == (NOW, True, ["dead"])
    assert files.asked_whole == [True]


def test_a_check_that_fails_keeps_the_former_result_and_may_be_done_again(world, files):
    check = world.house.package_files
    run(check.check(PLUGIN))
    files.fails = PackageProblem("the definitions cannot be read")
    begun = run(check.check(PLUGIN))
    assert operation(world, "check", begun).error == "the definitions cannot be read"
    assert run(check.last_check(PLUGIN)) is not None
    files.fails = None
    assert operation(world, "check", run(check.check(PLUGIN))).error is None


def test_all_packages_are_installed_but_those_that_are_current(world, firmware):
    firmware.there["b"] = dict(firmware.offers["b"])
    firmware.there["c"] = {"version": "1"}
    begun = run(world.house.packages.install_all(PLUGIN))
    assert operation(world, "install_all", begun).progress == (
        "install_all|success(install_pkg|success)(install_pkg|success)"
    )
    assert {name: row["version"] for name, row in firmware.there.items()} == dict.fromkeys("abc", "3.3.1")


def test_a_package_that_fails_does_not_stop_the_others(world, firmware):
    firmware.broken.add("b")
    begun = run(world.house.packages.install_all(PLUGIN))
    ended = operation(world, "install_all", begun)
    assert ended.progress == ("install_all|fail(install_pkg|success)(install_pkg|fail)(install_pkg|success)")
    assert ended.error == "1 of 3 packages could not be installed: b: b cannot be downloaded"
    assert sorted(firmware.there) == ["a", "c"]


def test_all_and_single_packages_do_not_meet(world, firmware):
    firmware.gate.shut()
    run(world.house.packages.install(PLUGIN, "a"))
    begun = run(world.house.packages.install_all(PLUGIN))
    for call in (world.house.packages.install_all(PLUGIN), world.house.plugins.reload(PLUGIN)):
        with pytest.raises(InProgress):
            run(call)
    firmware.gate.open()
    assert 'a: package "a" is being installed' in operation(world, "install_all", begun).error
    run(world.house.plugins.reload(PLUGIN))


def test_wrong_definitions_are_problems_of_the_plugin_from_each_load_on(world, firmware):
    firmware.wrong.append("pkgs.db, section [pkg_x]: version is missing")
    assert world.house.plugins.problems() == ()
    run(world.house.plugins.reload(PLUGIN))
    [problem] = world.house.plugins.problems()
    assert (problem.plugin, problem.kind, problem.sentence) == (PLUGIN, "package", firmware.wrong[0])
    world.host.notes.clear(PLUGIN)
    world.restart()
    assert [each.sentence for each in world.house.plugins.problems()] == firmware.wrong
    assert world.house.plugins.installed()[PLUGIN]["problem"] == firmware.wrong[0]
