"""Extractors and associators (legacy plugin contract, section 15, checks 25 to 31)."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.support.provisioning import run
from twisted.internet import defer
from twisted.internet.task import Clock

from provisiond.errors import PluginProblem
from provisiond.identification.associate import best_plugin
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol
from provisiond.legacy.extracting import Extracted, extract, support
from provisiond.legacy.memory import ExtractorMemory
from provisiond.legacy.recognition import LegacyRecognition, counted
from provisiond.legacy.spelling import model_names, spellings
from provisiond.legacy.surface.devices.pgasso import BasePgAssociator, DeviceSupport
from provisiond.legacy.wire import SeenRequest
from provisiond.plugins.hosting import PluginPlace
from provisiond.plugins.values import LegacyFacts, LoadedPlugin, PluginInfo, ServedBy

HTTP = SeenRequest(
    protocol="http",
    path=b"/a\xe9/%41.cfg",
    query=b"a=&b=1&b=2&mac=%ff",
    headers={"user-agent": b"Acm\xe9 1"},
    peer="192.0.2.7",
)


class Extractor:
    def __init__(self, work: Any) -> None:
        self._work = work

    def extract(self, request: Any, request_type: Any) -> Any:
        return self._work(request)


def said(work: Any, seen: SeenRequest = HTTP) -> Extracted:
    return run(extract(Extractor(work), seen, Clock()))


def raising(error: Exception) -> Any:
    def work(request: Any) -> Any:
        raise error

    return work


@pytest.mark.parametrize("error", [UnicodeDecodeError("ascii", b"", 0, 1, "x"), ValueError("secret"), TypeError()])
def test_25_one_that_raises_says_nothing(error: Exception) -> None:
    answer = said(raising(error))
    assert (answer.info, answer.reads) == ({}, None)
    assert type(error).__name__ in (answer.problem or "")
    assert "secret" not in (answer.problem or "")


def test_26_everything_can_be_decoded_as_ascii() -> None:
    def work(request: Any) -> Any:
        texts = [request.getHeader(b"User-Agent"), request.path, request.args[b"mac"][0], request.uri]
        return {"sn": "|".join(text.decode("ascii") for text in texts[:3])}

    assert said(work).info == {"sn": "Acm? 1|/a?/%41.cfg|?"}


def test_26_names_over_tftp() -> None:
    seen = SeenRequest(protocol="tftp", path=b"/spa\xff.cfg", peer="192.0.2.7", port=1)
    assert said(lambda request: {"sn": request["packet"]["filename"].decode("ascii")}, seen).info == {"sn": "/spa?.cfg"}


def test_26_what_it_looked_at_of_a_request_over_tftp_decides_when_it_is_asked_again() -> None:
    seen = SeenRequest(protocol="tftp", path=b"/a", peer="192.0.2.7", mode=b"netascii", asked={b"tsize": b"0"})
    named = said(lambda request: {"sn": request["packet"]["filename"].decode()}, seen)
    assert (named.info, named.reads) == ({"sn": "/a"}, ("path",))

    def work(request: Any) -> Any:
        return {"model": request["packet"]["mode"].decode(), "sn": request["packet"]["options"][b"tsize"].decode()}

    looked = said(work, seen)
    assert (looked.info, looked.reads) == ({"model": "netascii", "sn": "0"}, ("mode", "asked"))
    memory = ExtractorMemory()
    memory.remember(seen, ["mode", "asked"], looked.info)
    assert memory.recall(evolve(seen, path=b"/b")) == looked.info
    assert memory.recall(evolve(seen, asked={b"tsize": b"1"})) is None


@pytest.mark.parametrize(
    ("result", "info"),
    [
        (None, {}),
        ({}, {}),
        ({"vendor": "A"}, {"vendor": "A"}),
        ({"vendor": b"A", "model": "M", "mac": "00:11:22:33:44:5"}, {"model": "M"}),
        ({"vendor": "A", "unknown": "x", "mac": "00:11:22:33:44:55"}, {"vendor": "A", "mac": "00:11:22:33:44:55"}),
        (["vendor"], {}),
        (5, {}),
    ],
)
def test_27_what_extractors_give(result: Any, info: dict[str, str]) -> None:
    assert said(lambda request: defer.succeed(result)).info == info
    assert said(lambda request: result).info == info


def test_27_failed_and_late_deferreds() -> None:
    assert "ValueError" in (said(lambda request: defer.fail(ValueError())).problem or "")
    clock, late = Clock(), defer.Deferred[Any]()
    waiting = defer.Deferred.fromCoroutine(extract(Extractor(lambda request: late), HTTP, clock))
    late.callback({"vendor": "A"})
    answer: Extracted = run(waiting)
    assert (answer.info, answer.reads) == ({"vendor": "A"}, None)
    waiting = defer.Deferred.fromCoroutine(extract(Extractor(lambda request: defer.Deferred()), HTTP, clock))
    clock.advance(1)
    assert "time" in (run(waiting).problem or "")


def test_28_votes() -> None:
    assert counted([{"vendor": "A"}, {"vendor": "B"}, {"vendor": "B"}]) == {"vendor": "B"}
    assert counted([{"vendor": "A", "model": "1"}, {"vendor": "B", "model": "1"}]) == {"vendor": "A", "model": "1"}
    assert counted([]) == {}


def test_29_headers_and_arguments() -> None:
    def work(request: Any) -> Any:
        assert request.getHeader(b"user-agent") == b"Acm? 1"
        assert request.getHeader("User-Agent") == "Acm? 1"
        assert request.getHeader(b"Nothing") is None
        assert request.args[b"a"] == [b""]
        assert request.args[b"b"] == [b"1", b"2"]
        assert b"c" not in request.args
        assert request.args.get(b"c") is None
        assert "b" in request.args
        assert request.args["b"][0] == "1"
        assert request.args["b"][0].decode("ascii") == "1"
        assert request.getClientIP() == "192.0.2.7"
        return {"sn": "good"}

    assert said(work).problem is None


def test_30_dhcp_options_are_texts() -> None:
    seen = SeenRequest(protocol="dhcp", mac="00:11:22:33:44:55", peer="192.0.2.7", options={60: "Acm\xe9\0"})

    def work(request: Any) -> Any:
        assert (request["ip"], request["mac"]) == ("192.0.2.7", "00:11:22:33:44:55")
        assert 61 not in request["options"]
        return {"model": request["options"][60]} if 60 in request["options"] else None

    assert said(work, seen).info == {"model": "Acm\xe9\0"}


class Associator(BasePgAssociator):
    def _do_associate(self, vendor: str, model: str | None, version: str | None) -> Any:
        return {"A": DeviceSupport.COMPLETE + 1, "B": None, "C": True, "D": 1 / 1}[vendor]


def test_31_scores() -> None:
    assert support(Associator(), {"vendor": "A"}) == 501
    assert support(Associator(), {}) == DeviceSupport.UNKNOWN
    for vendor in ("B", "C", "D", "E"):
        with pytest.raises(PluginProblem):
            support(Associator(), {"vendor": vendor})


def test_31_who_wins() -> None:
    assert best_plugin({"a": 299}) is None
    assert best_plugin({"a": 300}) == "a"
    assert best_plugin({"a": 500, "b": 501}) == "b"
    assert best_plugin({"x-9.2": 500, "x-10.1": 500}) == "x-10.1"
    assert best_plugin({"x-9.2": 500, "x-10.1": 500}, by_text=True) == "x-9.2"


def test_models_that_one_capability_names() -> None:
    assert set(model_names("T33(P)(G)")) == {"T33(P)(G)", "T33PG", "T33P", "T33G", "T33"}
    assert set(model_names("X3S/X3SP/G")) == {"X3S/X3SP/G", "X3S", "X3SP", "G"}


def test_plugins_are_told_of_phones_in_their_own_words() -> None:
    knowledge = Knowledge.shipped()
    native = DeviceInfo(vendor="Snom", model="D785", ip="192.0.2.7")
    assert spellings([], native, {"vendor": "snom", "model": "785"}) == [
        {"ip": "192.0.2.7", "vendor": "snom", "model": "785"}
    ]
    ways = spellings(["SNOM, d785, 10", "Other, D785, 1"], native, {}, knowledge)
    assert ways == [
        {"vendor": "Snom", "model": "D785", "ip": "192.0.2.7"},
        {"vendor": "SNOM", "model": "d785", "ip": "192.0.2.7"},
    ]


# Narrowing

AGENTS = (b"Acme A1", b"Acme A2", b"Other", b"")
PATHS = (b"/1", b"/2", b"/x")


def picky(request: Any) -> Any:
    """Look at the path only for phones of one kind, and at the query only for one path."""
    agent = request.getHeader(b"User-Agent")
    if not agent:
        return None
    if agent == b"Acme A1":
        if request.path == b"/2":
            return {"sn": request.args.get(b"q", [b"-"])[0].decode()}
        return {"vendor": "Acme", "model": request.path.decode()}
    return {"vendor": "Acme"} if agent.startswith(b"Acme") else None


requests = st.builds(
    lambda agent, path, query: SeenRequest(protocol="http", headers={"user-agent": agent}, path=path, query=query),
    st.sampled_from(AGENTS),
    st.sampled_from(PATHS),
    st.sampled_from((b"", b"q=1", b"q=2")),
)


@given(st.lists(requests, max_size=40))
def test_what_is_remembered_is_what_would_be_said(seen: list[SeenRequest]) -> None:
    memory = ExtractorMemory()
    for each in seen:
        fresh = said(picky, each)
        known = memory.recall(each)
        assert known is None or known == fresh.info
        if known is None:
            assert fresh.reads is not None
            memory.remember(each, fresh.reads, fresh.info)
        assert memory.recall(each) == fresh.info


def test_phones_of_others_are_known_by_their_agent_alone() -> None:
    memory = ExtractorMemory()
    other = SeenRequest(protocol="http", headers={"user-agent": b"Other"}, path=b"/1")
    answer = said(picky, other)
    memory.remember(other, answer.reads or (), answer.info)
    assert memory.recall(SeenRequest(protocol="http", headers={"user-agent": b"Other"}, path=b"/new")) == {}
    assert memory.recall(SeenRequest(protocol="http", headers={"user-agent": b"Acme A1"})) is None


class Host:
    """Plugins with extractors that run here."""

    def __init__(self, works: Mapping[str, Any]) -> None:
        self.works = works
        self.problems: list[str] = []
        self.batches: list[list[str]] = []
        info = PluginInfo(version="1", description="", capabilities={}, api=None, document={})
        facts = LegacyFacts(http=ServedBy(), tftp=ServedBy(), extractors=("http",))
        self.plugins = {
            name: LoadedPlugin(id=name, info=info, directory=Path("/x"), revision="1", legacy=facts) for name in works
        }

    def loaded(self) -> Mapping[str, LoadedPlugin]:
        return self.plugins

    def place(self, plugin: LoadedPlugin) -> PluginPlace:
        return PluginPlace(id=plugin.id, directory=plugin.directory, revision="1", year=2026)

    def note_problem(self, plugin_id: str, kind: str, sentence: str) -> None:
        self.problems.append(plugin_id)

    async def ask_all(self, kind: str, places: Sequence[PluginPlace], argument: Any) -> dict[str, dict[str, Any]]:
        self.batches.append([place.id for place in places])
        found = {}
        for place in places:
            row = (await extract(Extractor(self.works[place.id]), argument, Clock())).row()
            found[place.id] = {**row, "reads": None if row["reads"] is None else list(row["reads"])}
        return found


def request(agent: str, path: str) -> PhoneRequest:
    return PhoneRequest(protocol=Protocol.HTTP, path=path, headers={"User-Agent": agent}, peer="192.0.2.7")


def test_known_answers_are_not_asked_for_again() -> None:
    host = Host({"a": picky, "b": lambda request: None})
    eyes = LegacyRecognition(host, host)
    assert run(eyes.votes(request("Other", "/1"))) == {}
    assert run(eyes.votes(request("Other", "/2"))) == {}
    assert run(eyes.votes(request("Acme A1", "/1"))) == {"vendor": "Acme", "model": "/1"}
    assert host.batches == [["a", "b"], ["a"]]
    eyes.forget()
    assert run(eyes.votes(request("Acme A1", "/1"))) == {"vendor": "Acme", "model": "/1"}
    assert host.batches[2:] == [["a", "b"]]


def test_25_and_28_failures_are_counted_and_ties_do_not_depend_on_order() -> None:
    works = {f"p{number}": (lambda request, number=number: {"vendor": str(number)}) for number in range(5)}
    works["bad"] = raising(ValueError())
    names = list(works)
    generator = random.Random(1)
    for _ in range(20):
        generator.shuffle(names)
        host, failed = Host({name: works[name] for name in names}), list[str]()
        assert run(LegacyRecognition(host, host, failed.append).votes(request("x", "/"))) == {"vendor": "0"}
        assert (failed, host.problems) == (["bad"], ["bad"])
