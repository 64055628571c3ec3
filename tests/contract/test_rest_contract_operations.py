"""REST contract, sections 5.8 and 7: operations in progress."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.support.api import Api
from tests.support.contract import rows
from tests.support.packages import FakePackages
from tests.support.provisioning import NOW, PLUGIN, FakeOffer, World, run
from twisted.internet.defer import Deferred

from provisiond.errors import PackageProblem
from provisiond.model.operation import OperationProgress, format_progress, parse_progress
from provisiond.rest.answers import MEDIA_TYPE

UPDATE = "/pg_mgr/install/update"
# What the client's parser takes: word characters, numbers, balanced parentheses.
OIP = re.compile(r"(?:\w+\|)?(?:waiting|progress|success|fail)(?:;\d+(?:/[1-9]\d*)?)?", re.ASCII)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")


def begin(api: Api, path: str = UPDATE, body: Any = None) -> str:
    got = api.call("POST", path, {} if body is None else body)
    assert got.status == 201
    return got.headers["location"].removeprefix("/0.2")


def grammatical(text: str) -> bool:
    """Tell whether a text follows the grammar, taking one innermost part away after the other."""
    while "(" in text:
        shorter = re.sub(rf"\({OIP.pattern}\)", "", text)
        if shorter == text:
            return False
        text = shorter
    return OIP.fullmatch(text) is not None


@pytest.fixture
def busy(world: World) -> World:
    """A world where nothing that is begun ends."""
    world.archives.offers = {"newer-2.0": FakeOffer(), PLUGIN: FakeOffer()}
    world.archives.gate.shut()
    return world


class TestOperation:
    @rows("5.8 GET <POST resource>/{n} 200", "7.3 reason of a failure")
    def test_what_is_told(self, api: Api, busy: World) -> None:
        location = begin(api)
        got = api.get(location, token=api.made_token("provd.operation.read"))
        assert (got.status, got.headers["content-type"]) == (200, MEDIA_TYPE)
        assert list(got.document) == ["status", "error", "created", "ended"]
        assert (got.document["status"], got.document["error"], got.document["ended"]) == (
            "update|progress;0",
            None,
            None,
        )
        assert TIME.fullmatch(got.document["created"])
        busy.clock.advance(5)
        busy.archives.fails = PackageProblem("the repository does not answer")
        busy.archives.gate.open()
        after = api.get(location).document
        assert after["error"] == "the repository does not answer"
        assert TIME.fullmatch(after["ended"])
        assert after["ended"] > after["created"] == got.document["created"]

    @rows("5.8 GET <POST resource>/{n} 404", "5.8 DELETE <POST resource>/{n} 404", "14 no. 15")
    def test_an_operation_lives_under_its_own_resource(self, api: Api, busy: World) -> None:
        location = begin(api)
        number = location.rpartition("/")[2]
        for path in (
            f"/pg_mgr/install/install/{number}", f"/dev_mgr/synchronize/{number}",
            f"/pg_mgr/plugins/{PLUGIN}/install/install/{number}", f"{UPDATE}/999", f"{UPDATE}/x", f"{UPDATE}/-1",
            f"{UPDATE}/{'9' * 40}", f"{UPDATE}/%D9%A1",
        ):  # fmt: skip
            assert api.get(path).status == api.call("DELETE", path).status == 404, path
        poor = api.made_token("provd.pg_mgr.#")
        assert api.get(location, token=poor).status == api.call("DELETE", location, token=poor).status == 401

    @rows("5.8 DELETE <POST resource>/{n} 204")
    def test_deleting_removes_only_the_monitor(self, api: Api, busy: World) -> None:
        location = begin(api)
        assert api.call("DELETE", location, token=api.made_token("provd.operation.delete")).status == 204
        assert api.get(location).status == api.call("DELETE", location).status == 404
        busy.archives.gate.open()
        assert busy.archives.updates == 1
        assert api.get(location).status == 404

    @rows("5.8 every POST resource")
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/pg_mgr/install/update", {}),
            ("/pg_mgr/install/install", {"id": "newer-2.0"}),
            ("/pg_mgr/install/upgrade", {"id": PLUGIN}),
            ("/dev_mgr/synchronize", {"id": "d"}),
            (f"/pg_mgr/plugins/{PLUGIN}/install/install", {"id": "firmware"}),
            (f"/pg_mgr/plugins/{PLUGIN}/install/upgrade", {"id": "firmware"}),
            (f"/pg_mgr/plugins/{PLUGIN}/install/install_all", {}),
        ],
    )
    @pytest.mark.parametrize("prefix", ["/0.2", "/provd"])
    def test_every_location_can_be_read_and_deleted(
        self, api: Api, busy: World, packages: FakePackages, path: str, body: Any, prefix: str
    ) -> None:
        busy.device(id="d")
        packages.kept[PLUGIN] = {"firmware": {"version": "1.0", "description": "x"}}
        packages.gate.shut()
        location = api.call("POST", path, body, prefix=prefix).headers["location"]
        assert re.fullmatch(rf"{prefix}{re.escape(path)}/\d+", location)
        assert grammatical(api.get(location, prefix="").document["status"])
        assert api.call("DELETE", location, prefix="").status == 204
        packages.gate.open()
        busy.archives.gate.open()


class TestGrammar:
    EXAMPLES = (
        "progress", "download|progress", "download|progress;10", "download|progress;10/100",
        "download|progress(file_1|progress;20/100)(file_2|waiting;0/50)",
        "download|progress;20/150(file_1|progress)(file_2|waiting)",
        "op|progress(op1|progress(op11|progress)(op12|waiting))(op2|progress)",
    )  # fmt: skip

    @rows("7.1 grammar")
    @pytest.mark.parametrize("text", EXAMPLES)
    def test_the_examples(self, text: str) -> None:
        assert grammatical(text)
        assert format_progress(parse_progress(text)) == text

    @rows("7.1 grammar")
    def test_an_unknown_end_is_left_out(self) -> None:
        progress = OperationProgress("download")
        progress.advance(10)
        assert format_progress(progress.snapshot()) == "download|progress;10"
        progress.set_end(0)
        assert format_progress(progress.snapshot()) == "download|progress;10"


class TestLife:
    @rows("7.3 id")
    def test_ids_come_from_one_counter_and_go_on_after_a_restart(self, api: Api, busy: World) -> None:
        busy.device(id="d")
        numbers = [int(begin(api, path, body).rpartition("/")[2]) for path, body in (
            (UPDATE, {}), ("/dev_mgr/synchronize", {"id": "d"}), ("/pg_mgr/install/install", {"id": "newer-2.0"}),
        )]  # fmt: skip
        assert numbers == [1, 2, 3]
        busy.restart()
        assert begin(Api(busy)).endswith("/4")

    @rows("7.3 state only goes forward", "14 no. 2")
    def test_states_and_parts(self) -> None:
        seen: list[str] = []
        whole = OperationProgress("install", lambda: seen.append(format_progress(whole.snapshot())))
        one, two = whole.part("one", end=2), whole.part("two", started=False)
        one.advance(1)
        two.start()
        one.succeed()
        one.fail()
        whole.succeed()
        two.start()
        whole.fail()
        one.advance(5)
        late = whole.part("late")
        assert seen[-1] == "install|success(one|success;1/2)(two|success)(late|success)"
        assert late.state == "success"
        assert all(grammatical(text) for text in seen)
        rank = {"waiting": 0, "progress": 1, "success": 2, "fail": 2}
        former: list[str] = []
        for text in seen:
            states = re.findall(r"waiting|progress|success|fail", text)
            assert len(states) >= len(former)
            assert all(rank[new] >= rank[old] for old, new in zip(former, states, strict=False))
            if states[0] in ("success", "fail"):
                assert {*states[1:]} <= {"success", "fail"}
            former = states

    @rows("7.3 lifetime", "13 no. 10")
    def test_an_ended_operation_is_kept_for_an_hour(self, api: Api, world: World) -> None:
        location = begin(api)
        assert api.get(location).document["status"] == "update|success;187260"
        world.clock.advance(3599)
        assert api.get(location).status == 200
        world.clock.advance(2)
        assert api.get(location).status == 404

    @rows("7.3 lifetime", "13 no. 10")
    def test_a_restart_loses_none(self, api: Api, world: World) -> None:
        location = begin(api)
        world.restart()
        assert Api(world).get(location).document["status"] == "update|success;187260"

    @rows("7.3 lifetime")
    def test_a_running_one_is_never_forgotten(self, api: Api, busy: World) -> None:
        location = begin(api)
        busy.clock.advance(100_000)
        assert api.get(location).document["status"] == "update|progress;0"
        busy.archives.gate.open()
        assert api.get(location).document["status"] == "update|success;187260"

    @rows("7.3 state only goes forward")
    def test_it_goes_on_when_the_client_goes_away(self, api: Api, busy: World) -> None:
        connection = api.begin("POST", UPDATE, {})
        connection.close()
        busy.clock.advance(0)
        busy.archives.gate.open()
        assert busy.archives.updates == 1
        assert api.get(f"{UPDATE}/1").document["status"] == "update|success;187260"

    @rows("7.3 long work never blocks another")
    def test_long_work_does_not_hold_up_another(self, api: Api, busy: World) -> None:
        held = begin(api, "/pg_mgr/install/install", {"id": "newer-2.0"})
        done: Deferred[None] = Deferred()

        async def work(progress: OperationProgress) -> None:
            await done

        other = run(busy.house.operations.start(UPDATE, work, "update"))
        done.callback(None)
        assert api.get(f"{UPDATE}/{other.id}").document["status"] == "update|success"
        assert api.get(held).document["ended"] is None
        assert api.get("/status").status == 200
        assert busy.clock.seconds() >= NOW
        busy.archives.gate.open()
