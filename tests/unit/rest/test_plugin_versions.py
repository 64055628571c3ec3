"""Routes of repositories and versions."""

from __future__ import annotations

import pytest
from tests.support.provisioning import NOW, PLUGIN, FakeEntry, info_of

from provisiond.packages.repositories import RepositoryState


@pytest.fixture
def archives(world):
    world.host.on_disk[PLUGIN] = info_of("2.0")
    world.archives.entries[PLUGIN] = [FakeEntry("2.0", "testing"), FakeEntry("1.0")]
    return world.archives


def test_repositories_are_told(api, archives):
    archives.states = [
        RepositoryState(
            name="testing",
            url="http://192.0.2.1/testing",
            priority=600,
            updated=NOW,
            entries=2,
            problem="it answers with status 404",
            left_out=("'x': version is missing",),
            pinned=("acme",),
        ),
        RepositoryState(name="default", url=None, priority=500, updated=None, entries=0, problem=None, left_out=()),
    ]
    assert api.get("/pg_mgr/repositories").document["repositories"] == [
        {
            "name": "testing",
            "url": "http://192.0.2.1/testing",
            "priority": 600,
            "state": "stale",
            "updated": "2026-09-21T14:13:20.000+00:00",
            "entries": 2,
            "problem": "it answers with status 404",
            "left_out": ["'x': version is missing"],
            "pinned": ["acme"],
        },
        {
            "name": "default",
            "url": None,
            "priority": 500,
            "state": "unasked",
            "updated": None,
            "entries": 0,
            "problem": None,
            "left_out": [],
            "pinned": [],
        },
    ]


def test_versions_and_the_way_back(api, archives):
    assert [row["version"] for row in api.get("/pg_mgr/install/versions").document["pkgs"][PLUGIN]["versions"]] == [
        "2.0",
        "1.0",
    ]
    answer = api.call("POST", "/pg_mgr/install/downgrade", {"id": PLUGIN})
    assert (answer.status, answer.headers["location"]) == (201, "/0.2/pg_mgr/install/downgrade/1")
    for _ in range(50):
        api.world.clock.advance(0)
    assert api.get("/pg_mgr/install/downgrade/1").document["status"].startswith("install|success")
    assert archives.host.on_disk[PLUGIN].version == "1.0"
    answer = api.call("POST", "/pg_mgr/install/downgrade", {"id": PLUGIN})
    assert (answer.status, answer.text) == (400, f'no lower version of plugin "{PLUGIN}" can be had')


@pytest.mark.parametrize("word", ["upgrade", "downgrade", "install"])
@pytest.mark.parametrize(
    "body",
    [
        {"version": "1.0"},
        {"id": PLUGIN, "version": 1},
        {"id": PLUGIN, "version": "7"},
        {"id": PLUGIN, "repository": "ghost"},
        {"id": "../x"},
    ],
)
def test_wrong_wishes_are_refused(api, archives, word, body):
    assert api.call("POST", f"/pg_mgr/install/{word}", body).status == 400
    assert archives.host.on_disk[PLUGIN].version == "2.0"
