from __future__ import annotations

import pytest
from tests.support.provisioning import NOW, begin, run

from provisiond.errors import InvalidInput, NotFound, StoreProblem, Unauthorized
from provisiond.provisioning.token_hashes import is_hash_of, slow_hash


def create(world, acl=("provd.#",), expires=None):
    return run(world.house.tokens.create("portal", list(acl), world.house.tenants.master, expires))


def authenticate(world, text):
    return run(world.house.tokens.authenticate(text))


def test_a_token_names_its_holder(world):
    text, stored = create(world, ["provd.dev_mgr.#", "!provd.dev_mgr.devices.create"])
    holder = authenticate(world, text)
    assert (holder.id, holder.name, holder.tenant_uuid) == (stored.id, "portal", world.house.tenants.master)
    assert holder.may("provd.dev_mgr.devices.read")
    assert not holder.may("provd.dev_mgr.devices.create")
    assert not holder.may("provd.cfg_mgr.read")


def test_neither_token_nor_secret_is_stored(world):
    text, stored = create(world)
    secret = text.split("_", 2)[2]
    assert secret not in repr(world.tokens.rows)
    assert stored.hash.startswith("scrypt$")


def test_two_hashes_of_one_token_differ():
    one, other = slow_hash("token", 2), slow_hash("token", 2)
    assert one != other
    assert is_hash_of(one, "token")
    assert is_hash_of(other, "token")
    assert not is_hash_of(one, "tokem")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "x",
        "prv_x",
        "prv__",
        "prv_{id}_",
        "prv_{id}_wrong",
        "prw_{id}_{secret}",
        "{text}x",
        "é" * 20,
        "\ud800",
    ],
)
def test_a_wrong_token_is_refused(world, wrong):
    text, stored = create(world)
    if wrong is not None:
        wrong = wrong.format(id=stored.id, secret=text.split("_", 2)[2], text=text)
    with pytest.raises(Unauthorized):
        authenticate(world, wrong)
    with pytest.raises(Unauthorized):
        authenticate(world, text + "x" * 300)


def test_the_slow_check_is_done_once(world):
    text, _ = create(world)
    authenticate(world, text)
    before = world.threads.gate.passed
    for _ in range(5):
        authenticate(world, text)
    assert world.threads.gate.passed == before


def test_requests_at_once_share_the_slow_check(world):
    text, _ = create(world)
    world.threads.gate.shut()
    waiting = [begin(world.house.tokens.authenticate(text)) for _ in range(4)]
    assert world.threads.gate.waiting == 1
    world.threads.gate.open()
    assert len({run(each).id for each in waiting}) == 1


def test_a_revoked_token_is_worthless_at_once(world):
    text, stored = create(world)
    authenticate(world, text)
    run(world.house.tokens.revoke(stored.id))
    with pytest.raises(Unauthorized):
        authenticate(world, text)
    with pytest.raises(NotFound):
        run(world.house.tokens.revoke(stored.id))


def test_a_token_revoked_during_its_check_is_refused(world):
    text, stored = create(world)
    world.threads.gate.shut()
    waiting = begin(world.house.tokens.authenticate(text))
    run(world.house.tokens.revoke(stored.id))
    world.threads.gate.open()
    with pytest.raises(Unauthorized):
        run(waiting)


def test_a_token_expires(world):
    text, _ = create(world, expires=NOW + 60)
    authenticate(world, text)
    world.clock.advance(61)
    with pytest.raises(Unauthorized):
        authenticate(world, text)


@pytest.mark.parametrize(("acl", "expires"), [([], None), ([""], None), (["a b"], None), (["x"], NOW - 1), ([5], None)])
def test_a_senseless_token_is_not_made(world, acl, expires):
    before = dict(world.tokens.rows)
    with pytest.raises(InvalidInput):
        create(world, acl, expires)
    assert world.tokens.rows == before


def test_the_last_use_is_written_later(world):
    text, stored = create(world)
    authenticate(world, text)
    assert world.tokens.rows[stored.id].last_used is None
    world.clock.advance(10)
    assert world.tokens.rows[stored.id].last_used == NOW


def test_a_last_use_that_the_store_refuses_is_written_with_the_next(world, monkeypatch):
    first, second = create(world), create(world)

    async def refuse(times):
        raise StoreProblem("the database refused: disk I/O error")

    authenticate(world, first[0])
    with monkeypatch.context() as patched:
        patched.setattr(world.tokens, "used", refuse)
        world.clock.advance(10)
        # Neither does it keep the end of the server from its order.
        world.pump(world.house.stop())
    authenticate(world, second[0])
    world.clock.advance(10)
    assert world.tokens.rows[first[1].id].last_used == NOW
    assert world.tokens.rows[second[1].id].last_used == NOW + 10


def test_tokens_survive_a_restart(world):
    text, _ = create(world)
    world.restart()
    assert authenticate(world, text).name == "portal"
