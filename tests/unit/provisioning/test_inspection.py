from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.provisioning import NOW, PLUGIN, World, begin, run, sip

from provisiond.errors import InvalidInput, NotFound, PluginProblem
from provisiond.provisioning.inspection import Effect
from provisiond.provisioning.masking import masked, secrets_of
from provisiond.provisioning.surveys import Bounds

NAME = "00085d000001.cfg"


@pytest.fixture
def device(world):
    line = {"username": "bob", "password": "s3cr3t&", "proxy_ip": "192.0.2.9"}
    raw_config = {"sip_lines": {"1": line}, "admin_password": "hunter2"}
    run(world.house.configs.create({"id": "bob", "parent_ids": ["base"], "raw_config": raw_config}))
    return world.device(config="bob")


def fetch(world: World, device, name: str = NAME) -> None:
    file = run(world.house.rendering.device_file(device, name))
    world.house.rendering.fetched(device.id, name, file.etag)


def change(world: World, raw_config) -> None:
    run(world.house.configs.replace("bob", {"parent_ids": ["base"], "raw_config": raw_config}))


def survey(world: World, config_id: str, raw_config, parents=("base",), scope=None, bounds=None, reveal=None):
    document = {"parent_ids": list(parents), "raw_config": raw_config}
    inspection = world.house.inspection
    return world.pump(inspection.dry_run(config_id, document, scope or world.scope, bounds, reveal=reveal))


def effects(world: World, config_id: str, raw_config, parents=("base",), scope=None) -> list[Effect]:
    return list(survey(world, config_id, raw_config, parents, scope).shown)


def test_files_tell_size_revision_and_when(world, device):
    world.clock.advance(5)
    fetch(world, device)
    own, boot = run(world.house.inspection.files(device.id, world.scope))
    assert (own.name, own.trigger, own.rendered, own.fetched, own.fetched_is_current) == (
        NAME,
        True,
        NOW,
        NOW + 5,
        True,
    )
    assert (boot.name, boot.fetched, boot.fetched_is_current) == ("boot.cfg", None, False)
    assert own.revision == boot.revision == world.house.rendering.revision(device.id)
    assert own.size == len(run(world.house.rendering.device_file(device, NAME)).content)
    change(world, sip("carol"))
    own, _ = run(world.house.inspection.files(device.id, world.scope))
    assert (own.fetched, own.fetched_is_current) == (NOW + 5, False)


def test_a_device_without_files_has_none_to_show(world):
    device = world.device(plugin=None)
    assert run(world.house.inspection.files(device.id, world.scope)) == []
    with pytest.raises(PluginProblem):
        run(world.house.inspection.preview(device.id, NAME, world.scope))


def test_a_preview_strikes_secrets_out_unless_told(world, device):
    shown = run(world.house.inspection.preview(device.id, NAME, world.scope)).content
    assert b"s3cr3t" not in shown
    assert b"hunter2" not in shown
    assert b"bob" in shown
    true = run(world.house.inspection.preview(device.id, NAME, world.scope, reveal=True))
    assert true == run(world.house.rendering.device_file(device, NAME))
    with pytest.raises(NotFound):
        run(world.house.inspection.preview(device.id, "other.cfg", world.scope))


def test_a_difference_never_shows_old_or_new_secrets(world, device):
    with pytest.raises(NotFound):
        run(world.house.inspection.difference(device.id, NAME, world.scope))
    fetch(world, device)
    assert run(world.house.inspection.difference(device.id, NAME, world.scope)) == ""
    change(world, {**sip("carol"), "admin_password": "correcthorse"})
    for _ in range(2):
        shown = run(world.house.inspection.difference(device.id, NAME, world.scope))
        assert "bob" in shown
        assert "carol" in shown
        assert not any(secret in shown for secret in ("s3cr3t", "hunter2", "correcthorse"))
        revealed = run(world.house.inspection.difference(device.id, NAME, world.scope, reveal=True))
        assert "hunter2" in revealed
        assert "correcthorse" in revealed
        world.pump(world.house.stop())
        world.restart()


def test_a_dry_run_names_devices_and_files_and_changes_nothing(world, device):
    other = world.device(mac="00:08:5d:00:00:02", config="autoprov")
    before = world.file(device)
    base = world.configs.config("base").raw_config
    found = {effect.device_id: effect for effect in effects(world, "base", {**base, "X_new": 1}, ())}
    assert found == {
        device.id: Effect(device_id=device.id, changed=(NAME,)),
        other.id: Effect(device_id=other.id, changed=("00085d000002.cfg",)),
    }
    assert effects(world, "base", dict(base), ()) == []
    assert effects(world, "bob", sip("carol")) == [Effect(device_id=device.id, changed=(NAME,))]
    assert world.file(device) == before
    assert world.configs.config("base").raw_config == base


def test_a_dry_run_tells_what_would_break(world, device):
    run(world.house.configs.create({"id": "site", "parent_ids": [], "raw_config": {}}))
    change(world, {**sip("bob"), "ntp_ip": ""})
    run(world.house.configs.replace("bob", {"parent_ids": ["site"], "raw_config": {**sip("bob"), "ntp_ip": ""}}))
    (effect,) = effects(world, "site", {"ntp_enabled": True, "ntp_ip": "192.0.2.1"}, ())
    assert "ntp_ip" in effect.problem
    world.host.broken[PLUGIN] = "broken"
    (effect,) = effects(world, "bob", sip("carol"))
    assert effect.problem == "broken"


def test_a_wrong_dry_run_is_refused(world, device):
    with pytest.raises(InvalidInput):
        effects(world, "bob", {"ntp_enabled": True})
    with pytest.raises(NotFound):
        effects(world, "ghost", {})


def test_nothing_of_another_tenant_is_shown(world, device):
    scope = world.house.tenants.scope(run(world.house.tenants.create("a")).uuid)
    inspection = world.house.inspection
    for call in (
        inspection.files(device.id, scope),
        inspection.preview(device.id, NAME, scope),
        inspection.difference(device.id, NAME, scope),
    ):
        with pytest.raises(NotFound):
            run(call)
    assert effects(world, "bob", sip("carol"), scope=scope) == []


def test_which_values_are_secret():
    raw_config = {
        "admin_username": "admin",
        "admin_password": "one",
        "sip_lines": {"1": {"password": "two", "number": "100"}},
        "sip_local_key": "three",
        "X_api_token": {"a": ["four", 5, None, True]},
        "user_password": "",
    }
    assert set(secrets_of(raw_config)) == {"one", "two", "three", "four", "5"}


@given(st.text(min_size=1, max_size=8), st.sampled_from(["{}", '"{}"', "<a>{}</a>"]))
def test_no_spelling_of_a_secret_is_left(secret, form):
    assume(secret not in form)
    for spelled in (secret, html.escape(secret), json.dumps(secret)[1:-1], quote(secret, safe="")):
        content = form.format(spelled).encode("utf-8", "replace")
        assert masked(content, [secret]) == form.format("***").encode() or spelled in form


def test_files_asked_for_at_once_wait_for_the_same_rendering(world, device):
    change(world, sip("carol"))
    world.host.gate.shut()
    before = len(world.host.rendered)
    waiting = [begin(world.house.inspection.files(device.id, world.scope)) for _ in range(3)]
    assert len(world.host.rendered) == before + 1
    world.host.gate.open()
    assert {len(run(each)) for each in waiting} == {2}


def test_a_dry_run_of_many_is_bounded_and_says_where_to_go_on(world, device):
    for number in range(2, 8):
        world.device(mac=f"00:08:5d:00:00:0{number}", config="bob")
    found = survey(world, "bob", sip("carol"), bounds=Bounds(limit=3))
    assert (found.total, found.looked, found.found, len(found.shown), found.partial) == (7, 7, 7, 3, False)
    seen = [effect.device_id for effect in found.shown]
    found = survey(world, "bob", sip("carol"), bounds=Bounds(skip=3))
    assert (found.looked, found.found, found.partial) == (7, 4, False)
    assert len({*seen, *(effect.device_id for effect in found.shown)}) == 7
    assert survey(world, "bob", sip("carol"), bounds=Bounds(skip=70)).looked == 7


def test_a_dry_run_that_takes_too_long_is_partial(world, device):
    for number in range(2, 6):
        world.device(mac=f"00:08:5d:00:00:0{number}", config="bob")
    former = world.host.device_files

    async def slow(*arguments):
        world.clock.rightNow += 3
        return await former(*arguments)

    world.host.device_files = slow
    found = survey(world, "bob", sip("carol"), bounds=Bounds(seconds=8))
    assert (found.total, found.looked, found.found, found.partial) == (5, 3, 3, True)


def test_a_dry_run_gives_the_reactor_its_turn_between_devices(world, device, monkeypatch):
    for number in range(2, 6):
        world.device(mac=f"00:08:5d:00:00:0{number}", config="bob")
    world.host.rendered.clear()
    rendered, breathe = [], world.house.rendering.breathe

    async def counted() -> None:
        rendered.append(len(world.host.rendered))
        await breathe()

    monkeypatch.setattr(world.house.rendering, "breathe", counted)
    survey(world, "bob", sip("carol"))
    assert rendered[-5:] == [1, 2, 3, 4, 5]


def test_a_dry_run_shows_masked_differences_when_asked(world, device):
    new = {**sip("carol"), "admin_password": "correcthorse"}
    assert survey(world, "bob", new).shown[0].diffs == {}
    (effect,) = survey(world, "bob", new, reveal=lambda _: False).shown
    assert "carol" in effect.diffs[NAME]
    assert f"--- now/{NAME}" in effect.diffs[NAME]
    assert not any(secret in effect.diffs[NAME] for secret in ("s3cr3t", "hunter2", "correcthorse"))
    (effect,) = survey(world, "bob", new, reveal=lambda device_id: device_id == device.id).shown
    assert "correcthorse" in effect.diffs[NAME]


def current(world: World, device) -> tuple[str, tuple[str, ...]]:
    found = run(world.house.currencies.of(device))
    return found.current, found.files


def test_a_phone_is_current_when_it_has_fetched_what_it_would_get(world, device):
    assert current(world, device) == ("unknown", ())
    fetch(world, device, "boot.cfg")
    assert current(world, device) == ("unknown", ())
    fetch(world, device)
    assert current(world, device) == ("true", ())
    change(world, sip("carol"))
    assert current(world, device) == ("false", (NAME,))
    fetch(world, device)
    assert current(world, device) == ("true", ())


def test_a_phone_without_files_is_not_judged(world, device):
    world.host.broken[PLUGIN] = "the template is broken"
    change(world, sip("carol"))
    found = run(world.house.currencies.of(device))
    assert (found.current, found.problem) == ("unknown", "the template is broken")


def test_who_is_behind(world, device):
    other = world.device(mac="00:08:5d:00:00:02", config="bob")
    world.device(mac="00:08:5d:00:00:03", config="bob")
    for each in (device, other):
        file = f"{each.mac.replace(':', '')}.cfg"
        fetch(world, each, file)
    tenants = world.scope.tree

    def ids(*states: str, **bounds: int) -> list[str]:
        found = world.pump(world.house.currencies.behind(tenants, states or ("false",), Bounds(**bounds)))
        return [each.id for each in found.shown]

    assert ids() == []
    assert len(ids("unknown")) == 1
    change(world, sip("carol"))
    assert ids() == [device.id, other.id]
    assert ids(skip=1) == [other.id]
    fetch(world, device)
    assert ids() == [other.id]
    assert ids("true") == [device.id]
    assert world.pump(world.house.currencies.behind(frozenset({"elsewhere"}))).total == 0
