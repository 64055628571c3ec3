"""Several repositories: names, priorities, pins, signatures, and the last good index."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.plugin_packages import plugin_archive, publish, result
from tests.support.plugin_world import PluginWorld

from provisiond.errors import InvalidInput
from provisiond.model.operation import OperationProgress, format_progress
from provisiond.packages.problems import AlreadyRunning, RepositoryProblem
from provisiond.packages.repositories import Repository
from provisiond.packages.signatures import new_private_key, public_half, sign


def channel(root: Path, name: str, **versions: str) -> Repository:
    archives = {f"{key}-{value}.tar.bz2": plugin_archive(key, value) for key, value in versions.items()}
    publish(root / name, archives)
    return Repository(name=name, url=(root / name).as_uri())


def update(world: PluginWorld) -> None:
    result(world.packages.update(OperationProgress("update")))


def versions(world: PluginWorld) -> dict[str, tuple[str, str]]:
    return {key: (entry.repository, entry.version) for key, entry in world.packages.installable().items()}


def test_the_greatest_priority_wins_then_the_greatest_version(tmp_path: Path) -> None:
    stable = channel(tmp_path, "stable", a="1.9", b="3", c="1")
    testing = channel(tmp_path, "testing", a="1.10", b="2", d="1")
    world = PluginWorld(tmp_path, [stable, testing])
    update(world)
    both = {"b": ("stable", "3"), "d": ("testing", "1")}
    assert versions(world) == {"a": ("testing", "1.10"), "c": ("stable", "1"), **both}
    world.sources = [Repository(name="stable", url=stable.url, priority=501), testing]
    assert versions(world)["a"] == ("stable", "1.9")
    world.pins = {"a": "testing", "c": "testing"}
    assert versions(world) == {"a": ("testing", "1.10"), **both}
    assert [state.name for state in world.repositories.states()] == ["stable", "testing"]


def test_a_broken_repository_leaves_the_others_and_its_last_good_index(tmp_path: Path) -> None:
    stable, testing = channel(tmp_path, "stable", a="1"), channel(tmp_path, "testing", b="1")
    world = PluginWorld(tmp_path, [stable, testing])
    update(world)
    channel(tmp_path, "testing", b="2")
    for broken in (b"<html>", b"[]", b""):
        (tmp_path / "stable/plugins.db").write_bytes(broken)
        update(world)
        assert versions(world) == {"a": ("stable", "1"), "b": ("testing", "2")}
        [state] = [state for state in world.repositories.states() if state.name == "stable"]
        assert state.problem is not None
        assert state.entries == 1
    (tmp_path / "testing/plugins.db").unlink()
    with pytest.raises(RepositoryProblem, match=r"stable: .*testing: "):
        update(world)
    assert set(versions(world)) == {"a", "b"}


def test_the_kept_indexes_survive_a_restart(tmp_path: Path) -> None:
    stable = channel(tmp_path, "stable", a="1")
    update(PluginWorld(tmp_path, [stable]))
    again = PluginWorld(tmp_path, [stable])
    assert versions(again) == {}
    result(again.repositories.load())
    assert versions(again) == {"a": ("stable", "1")}
    kept = tmp_path / "state/repositories/stable.index"
    for damage in (b"", b"{}\n{}", kept.read_bytes()[:-20]):
        kept.write_bytes(damage)
        damaged = PluginWorld(tmp_path, [stable])
        result(damaged.repositories.load())
        assert damaged.repositories.states()[0].problem is not None
        update(damaged)
        assert damaged.repositories.states()[0].problem is None


def test_another_address_does_not_show_the_former_list_and_none_does(tmp_path: Path) -> None:
    stable, testing = channel(tmp_path, "stable", a="1"), channel(tmp_path, "testing", b="1")
    world = PluginWorld(tmp_path, [Repository(name="default", url=stable.url)])
    update(world)
    world.sources = [Repository(name="default", url=None)]
    assert set(versions(world)) == {"a"}
    with pytest.raises(InvalidInput, match="no plugin server"):
        update(world)
    world.sources = [Repository(name="default", url=testing.url)]
    assert versions(world) == {}
    update(world)
    assert set(versions(world)) == {"b"}


def test_progress_counts_the_bytes_of_the_index(tmp_path: Path) -> None:
    world = PluginWorld(tmp_path, [channel(tmp_path, "stable", a="1")])
    progress = OperationProgress("update")
    result(world.packages.update(progress))
    assert format_progress(progress.snapshot()) == f"update|progress;{(tmp_path / 'stable/plugins.db').stat().st_size}"


def test_with_keys_an_index_must_be_signed(tmp_path: Path) -> None:
    stable, private = channel(tmp_path, "stable", a="1"), new_private_key()
    world = PluginWorld(tmp_path, [stable], keys=[public_half(private)])
    with pytest.raises(RepositoryProblem):
        update(world)
    index, signature = tmp_path / "stable/plugins.db", tmp_path / "stable/plugins.db.sig"
    signature.write_bytes(sign(index.read_bytes(), private))
    update(world)
    assert set(versions(world)) == {"a"}
    signature.write_bytes(sign(index.read_bytes(), new_private_key()))
    with pytest.raises(RepositoryProblem, match="not signed with a key"):
        update(world)
    assert set(versions(world)) == {"a"}
    other = PluginWorld(tmp_path, [stable], keys=[public_half(new_private_key())])
    result(other.repositories.load())
    assert versions(other) == {}
    assert "not signed" in (other.repositories.states()[0].problem or "")


def test_entries_that_are_left_out_are_shown(tmp_path: Path) -> None:
    stable = channel(tmp_path, "stable", a="1")
    (tmp_path / "stable/plugins.db").write_bytes(b'{"a": {}}')
    world = PluginWorld(tmp_path, [stable])
    update(world)
    assert world.repositories.states()[0].left_out == ("'a': plugin-info must hold a text under 'version'",)


def test_one_update_at_a_time(tmp_path: Path) -> None:
    world = PluginWorld(tmp_path, [channel(tmp_path, "stable", a="1")])
    world.repositories._updating = True
    with pytest.raises(AlreadyRunning):
        update(world)


def test_the_user_part_of_an_address_is_never_shown(tmp_path: Path) -> None:
    secret = Repository(name="default", url="http://user:secret@host/dir?key=secret")
    world = PluginWorld(tmp_path, [secret])
    assert "secret" not in repr(secret)
    assert "secret" not in repr(world.repositories.states())


def listed(world: PluginWorld, plugin_id: str = "a") -> list[tuple[str, str]]:
    return [(entry.version, entry.repository) for entry in world.packages.versions().get(plugin_id, ())]


def test_every_version_that_can_be_had_is_listed_the_one_that_counts_first(tmp_path: Path) -> None:
    stable, testing = channel(tmp_path, "stable", a="1.9"), channel(tmp_path, "testing", a="1.10", d="1")
    world = PluginWorld(tmp_path, [stable, testing])
    update(world)
    assert listed(world) == [("1.10", "testing"), ("1.9", "stable")]
    world.sources = [Repository(name="stable", url=stable.url, priority=900), testing]
    assert listed(world) == [("1.9", "stable"), ("1.10", "testing")]
    world.pins = {"a": "testing", "d": "stable"}
    assert listed(world) == [("1.10", "testing")]
    assert listed(world, "d") == []
    assert world.packages.offers("a", "1.10")
    assert not world.packages.offers("a", "1.9")
    assert not world.packages.offers("d")


def test_the_state_of_a_repository_says_what_is_in_use(tmp_path: Path) -> None:
    stable, testing = channel(tmp_path, "stable", a="1"), channel(tmp_path, "testing", b="1")
    lost = Repository(name="lost", url=(tmp_path / "lost").as_uri())
    world = PluginWorld(tmp_path, [stable, testing, lost])
    assert {state.name: state.state for state in world.packages.repositories()} == dict.fromkeys(
        ("stable", "testing", "lost"), "unasked"
    )
    update(world)
    (tmp_path / "testing/plugins.db").write_bytes(b"<html>")
    update(world)
    states = {state.name: state for state in world.packages.repositories()}
    assert {name: state.state for name, state in states.items()} == {
        "stable": "ok",
        "testing": "stale",
        "lost": "broken",
    }
    assert "is not there" in (states["lost"].problem or "")
    assert "not valid JSON" in (states["testing"].problem or "")
    # what was wrong elsewhere is not shown any more
    world.sources[2] = Repository(name="lost", url=(tmp_path / "found").as_uri())
    assert [state.state for state in world.packages.repositories() if state.name == "lost"] == ["unasked"]


def test_a_user_part_of_an_address_is_never_shown(tmp_path: Path) -> None:
    world = PluginWorld(
        tmp_path, [Repository(name="private", url="https://alice:secret@example.org/plugins/?k=secret")]
    )
    [state] = world.packages.repositories()
    assert state.url == "https://example.org/plugins/"
    assert "secret" not in repr((state, world.sources))
