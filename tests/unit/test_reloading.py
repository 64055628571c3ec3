"""Settings that a running server follows, and those that wait for its next start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.provisioning import Gate, begin, run

from provisiond.certificates import ServerCertificate
from provisiond.errors import CertificateProblem, SettingsProblem
from provisiond.reloading import LIVE, Reloading, changed_keys, with_live
from provisiond.settings import Section, Settings

ROOT = Path(__file__).parents[2]
OTHER: dict[str, Any] = {
    "general.state_dir": "/x",
    "general.plugin_server": None,
    "general.cache_plugin": False,
    "general.base_raw_config": {"locale": "fr_FR"},
    "general.advertised_ip": "192.0.2.1",
    "rest_api.listen": "tcp:1",
    "rest_api.max_body": 2048,
    "http.allow": ["192.0.2.0/24"],
    "http.trusted_proxies": 2,
    "tftp.single_port": True,
    "database.url": "sqlite://",
    "log.level": "debug",
    "log.format": "json",
}


def settings(*keys: str) -> Settings:
    document: dict[str, dict[str, Any]] = {}
    for key in keys:
        section, name = key.split(".")
        document.setdefault(section, {})[name] = OTHER[key]
    return Settings.model_validate(document)


@given(before=st.sets(st.sampled_from(sorted(OTHER))), after=st.sets(st.sampled_from(sorted(OTHER))))
def test_what_changed_is_told_and_only_live_settings_are_followed(before: set[str], after: set[str]) -> None:
    old, new = settings(*before), settings(*after)
    assert set(changed_keys(old, new)) == before ^ after
    followed = with_live(old, new)
    assert set(changed_keys(followed, new)) == (before ^ after) - LIVE
    assert set(changed_keys(old, followed)) == (before ^ after) & LIVE


def test_members_that_are_no_section_are_looked_at_as_a_whole() -> None:
    new = Settings.model_validate({"plugin_config": {"acme": {"x": 1}}})
    assert changed_keys(Settings(), new) == ("plugin_config",)
    assert with_live(Settings(), new) == Settings()


def test_live_settings_exist_and_are_documented() -> None:
    sections = [(name, section) for name, section in Settings() if isinstance(section, Section)]
    assert {f"{name}.{key}" for name, section in sections for key, _ in section} >= LIVE
    text = (ROOT / "docs/operations.md").read_text()
    table = text.partition("| followed at once |")[2].partition("\n\n")[0]
    for key in LIVE:
        assert f"`{key}`" in table or f"`{key.partition('.')[2]}`" in table, key


class Threads:
    def __init__(self) -> None:
        self.gate = Gate()

    async def run(self, work: Callable[..., Any], *args: Any) -> Any:
        await self.gate()
        return work(*args)


class Certificate(ServerCertificate):
    def __init__(self) -> None:
        super().__init__(())
        self.content: object = "first"
        self.used: object = None

    def read(self) -> Any:
        if isinstance(self.content, Exception):
            raise self.content
        return self.content

    def use(self, context: Any) -> None:
        self.used = context


class Bench:
    def __init__(self) -> None:
        self.file: Settings | Exception = settings()
        self.certificate = Certificate()
        self.threads = Threads()
        self.used: list[Settings] = []
        self.told: list[Sequence[str]] = []
        self.loads = 0
        self.reloading = Reloading(
            settings(), self.load, lambda: [self.certificate], self.threads, self.used.append, self.told.append
        )

    def load(self) -> Settings:
        self.loads += 1
        if isinstance(self.file, Exception):
            raise self.file
        return self.file


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_right_settings_and_certificates_are_used(bench: Bench) -> None:
    bench.file = settings("http.allow", "rest_api.listen")
    run(bench.reloading.again())
    assert bench.used == [settings("http.allow")]
    assert bench.certificate.used == "first"
    assert bench.told == [()]
    # what waits for the next start is not lost, and is not followed by the way
    bench.file = settings("log.level", "rest_api.listen")
    run(bench.reloading.again())
    assert bench.used[1:] == [settings("log.level")]


@pytest.mark.parametrize("wrong", ["settings", "certificate"])
def test_one_wrong_thing_keeps_all_of_it(bench: Bench, wrong: str) -> None:
    bench.file = settings("http.allow")
    if wrong == "settings":
        bench.file = SettingsProblem(["config.yml: http.allow: not a network", "config.yml: x: unknown key"])
    else:
        bench.certificate.content = CertificateProblem("key.pem cannot be read")
    run(bench.reloading.again())
    assert (bench.used, bench.certificate.used) == ([], None)
    assert [len(sentences) for sentences in bench.told] == [2 if wrong == "settings" else 1]
    bench.file, bench.certificate.content = settings("http.allow"), "second"
    run(bench.reloading.again())
    assert (bench.used, bench.certificate.used) == ([settings("http.allow")], "second")
    assert bench.told[1:] == [()]


def test_signals_while_it_reloads_give_one_more_reload(bench: Bench) -> None:
    bench.threads.gate.shut()
    first = begin(bench.reloading.again())
    assert not first.called
    bench.file = settings("http.allow")
    for _ in range(5):
        run(bench.reloading.again())
    bench.threads.gate.open()
    assert first.called
    assert bench.loads == 2
    assert bench.used[-1] == settings("http.allow")


def test_after_a_failure_that_nobody_foresaw_it_reloads_again(bench: Bench) -> None:
    bench.file = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        run(bench.reloading.again())
    bench.file = settings("http.allow")
    run(bench.reloading.again())
    assert bench.used == [settings("http.allow")]
