"""Versions of plugins, and the way back to a lower one."""

from __future__ import annotations

import pytest
from tests.support.provisioning import PLUGIN, FakeEntry, info_of, run

from provisiond.errors import InProgress, InvalidInput, UnknownReference

DOWNGRADE = "/pg_mgr/install/downgrade"


@pytest.fixture
def versions(world):
    world.host.on_disk[PLUGIN] = info_of("1.10")
    world.archives.entries[PLUGIN] = [
        FakeEntry("2.0", "testing", 7),
        FakeEntry("1.10"),
        FakeEntry("1.9", "archive"),
        FakeEntry("1.2", kept=True),
    ]
    return world.house.plugin_versions


def begun(world, operation):
    for _ in range(50):
        world.clock.advance(0)
    return run(world.house.operations.get(DOWNGRADE, operation.id))


def test_all_versions_are_told_with_the_installed_one(world, versions):
    world.archives.entries["other"] = [FakeEntry("3", "testing")]
    shown = versions.versions()
    assert shown[PLUGIN]["installed"] == "1.10"
    assert shown[PLUGIN]["versions"][0] == {"version": "2.0", "repository": "testing", "dsize": 7, "kept": False}
    assert [row["version"] for row in shown[PLUGIN]["versions"] if row["kept"]] == ["1.2"]
    assert shown["other"]["installed"] is None


@pytest.mark.parametrize(
    ("version", "repository", "result"),
    [(None, None, "1.9"), (None, "default", "1.2"), ("1.2", None, "1.2"), ("1.9", "archive", "1.9")],
)
def test_a_lower_version_is_installed(world, versions, version, repository, result):
    operation = run(versions.downgrade(PLUGIN, version, repository))
    assert begun(world, operation).progress == "install|success(download|success;10/10)"
    assert world.host.on_disk[PLUGIN].version == result


@pytest.mark.parametrize(
    ("version", "repository", "said"),
    [
        ("2.0", None, "2.0 is not lower than 1.10"),
        ("1.10", None, "1.10 is not lower than 1.10"),
        (None, "testing", "no lower version"),
        ("1.3", None, "no repository offers"),
        ("1.9", "default", "no repository offers"),
    ],
)
def test_what_is_no_way_back(world, versions, version, repository, said):
    with pytest.raises(InvalidInput, match=said):
        run(versions.downgrade(PLUGIN, version, repository))
    assert world.host.on_disk[PLUGIN].version == "1.10"


def test_only_an_installed_plugin_has_a_way_back_also_from_an_unreadable_one(world, versions):
    with pytest.raises(UnknownReference, match="not installed"):
        run(versions.downgrade("ghost"))
    world.host.on_disk[PLUGIN] = None
    operation = run(versions.downgrade(PLUGIN, "2.0"))
    assert begun(world, operation).error is None


def test_nothing_else_is_done_with_the_plugin_meanwhile(world, versions):
    world.archives.gate.shut()
    run(versions.downgrade(PLUGIN))
    for call in (
        versions.downgrade(PLUGIN),
        world.house.plugins.upgrade(PLUGIN, "2.0"),
        world.house.plugins.reload(PLUGIN),
    ):
        with pytest.raises(InProgress):
            run(call)
    world.archives.gate.open()


def test_a_version_of_a_repository_can_be_chosen_at_once(world, versions):
    world.archives.entries["acme-9"] = [FakeEntry("9.1", "testing"), FakeEntry("9.0")]
    with pytest.raises(UnknownReference):
        run(world.house.plugins.install("acme-9", "9.1", "default"))
    run(world.house.plugins.install("acme-9", "9.0"))
    for _ in range(50):
        world.clock.advance(0)
    run(world.house.plugins.upgrade("acme-9", "9.1", "testing"))
    assert world.archives.wishes == [("acme-9", "9.0", None), ("acme-9", "9.1", "testing")]
