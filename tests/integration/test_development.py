"""The author's short loop with a real daemon: edit, and the phone gets it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from bench.phones import fetch_http
from tests.support.guide import write_examples
from tests.support.legacy_plugins import write_acme
from tests.support.servers import Running, build_repository, prepared

ID = "demo-1.0"
AGENT = "DemoPhone D10 1.0 001122334455"
T = TypeVar("T")


def until(found: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """Ask again and again until the answer is the wanted one; return it."""
    deadline = time.monotonic() + 60
    while not wanted(answer := found()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("development")
    write_examples(directory / "plugins")
    server = prepared(directory / "server", build_repository(directory, directory / "plugins"))
    (directory / "server/conf.d").mkdir()
    (directory / "server/conf.d/author.yml").write_text("general: {development: true}\n")
    server.server.start()
    try:
        server.install(ID)
        yield server
    finally:
        server.server.stop()


@pytest.fixture
def plugin(house: Running) -> Path:
    return house.server.state / "plugins" / ID


def phone_file(house: Running) -> bytes:
    content = fetch_http(house.http, "/001122334455.xml", address="127.0.4.1", user_agent=AGENT)
    assert content is not None
    return content


def problem(house: Running) -> str:
    return str(house.rest.get("/pg_mgr/install/installed")["pkgs"][ID].get("problem", ""))


def workers(house: Running) -> list[int]:
    children = Path(f"/proc/{house.server.pid}/task/{house.server.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def test_an_edited_template_reaches_the_phone_by_itself(house: Running, plugin: Path) -> None:
    assert b'<phone codec="alaw">' in phone_file(house)
    template = plugin / "templates/base.xml.tpl"
    template.write_text(template.read_text().replace("<phone ", "<phone edited='1' "))
    until(lambda: phone_file(house), lambda content: b"<phone edited='1' codec=\"alaw\">" in content)
    assert problem(house) == ""


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("entry.py", "class Demo", "clas Demo", "entry.py"),
        ("templates/base.xml.tpl", "{% endfor %}", "{% endfro %}", "base.xml.tpl"),
        ("templates/base.xml.tpl", "{{ codec }}", "{{ kodek }}", "kodek"),
        ("plugin-info", '"api": 1,', '"api": 1', "plugin-info"),
    ],
)
def test_a_broken_edit_leaves_the_old_plugin_at_work(
    house: Running, plugin: Path, name: str, old: str, new: str, said: str
) -> None:
    good = phone_file(house)
    text = (plugin / name).read_text()
    (plugin / name).write_text(text.replace(old, new))
    try:
        assert said in until(lambda: problem(house), bool)
        assert phone_file(house) == good
        # the old code works for what is new, too, in a process that never saw the good files
        for pid in workers(house):
            os.kill(pid, signal.SIGKILL)
        device = house.rest.get("/dev_mgr/devices?q={%22mac%22:%2200:11:22:33:44:55%22}")["devices"][0]
        wide = {**device, "options": {"wideband": True}}
        house.rest.call("PUT", f"/dev_mgr/devices/{device['id']}", {"device": wide})
        assert phone_file(house) == good.replace(b"alaw", b"opus")
        house.rest.call("PUT", f"/dev_mgr/devices/{device['id']}", {"device": {**wide, "options": {}}})
    finally:
        (plugin / name).write_text(text)
    until(lambda: problem(house), lambda sentence: not sentence)
    assert phone_file(house) == good


def test_a_plugin_that_is_laid_there_by_hand_is_taken_in_and_leaves_with_its_directory(
    house: Running, plugin: Path
) -> None:
    other = plugin.with_name("demo-2.0")
    staging = plugin.with_name(".coming")
    write_tree(plugin, staging)
    staging.rename(other)
    until(lambda: house.rest.get("/pg_mgr/install/installed")["pkgs"], lambda found: "demo-2.0" in found)
    other.rename(staging)
    until(lambda: house.rest.get("/pg_mgr/install/installed")["pkgs"], lambda found: "demo-2.0" not in found)


def write_tree(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(source)).write_bytes(path.read_bytes())


LEGACY = "wazo-acme-1.0"


def legacy_file(house: Running) -> bytes:
    agent = "Acme A1 1.0 0011223344aa"
    return fetch_http(house.http, "/Acme/0011223344AA.cfg", address="127.0.4.2", user_agent=agent) or b""


def legacy_problem(house: Running) -> str:
    return str(house.rest.get("/pg_mgr/install/installed")["pkgs"][LEGACY].get("problem", ""))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("common.py", "class BaseAcmeAssociator", "clas BaseAcmeAssociator", "common.py"),
        ("templates/base.tpl", "{% endfor %}", "{% endfro %}", "base.tpl"),
        ("common.py", "common/acme.cfg.tpl", "common/other.tpl", "common/other.tpl"),
    ],
)
def test_a_broken_edit_of_a_plugin_of_the_older_interface_leaves_it_at_work(
    house: Running, plugin: Path, name: str, old: str, new: str, said: str
) -> None:
    legacy = plugin.with_name(LEGACY)
    if not legacy.exists():
        staging = write_acme(plugin.parent, ".coming-acme")
        staging.rename(legacy)
        until(lambda: house.rest.get("/pg_mgr/plugins")["plugins"], lambda found: LEGACY in found)
    good = legacy_file(house)
    assert good.startswith(b"model=A1")
    text = (legacy / name).read_text()
    (legacy / name).write_text(text.replace(old, new))
    try:
        until(lambda: legacy_problem(house), lambda sentence: said in sentence)
        ended = workers(house)
        for pid in ended:
            os.kill(pid, signal.SIGKILL)
        until(lambda: set(workers(house)) & set(ended), lambda alive: not alive)
        device = house.rest.get("/dev_mgr/devices?q={%22mac%22:%2200:11:22:33:44:aa%22}")["devices"][0]
        house.rest.call("POST", "/dev_mgr/reconfigure", {"id": device["id"]})
        assert legacy_file(house) == good
    finally:
        (legacy / name).write_text(text)
    until(lambda: legacy_problem(house), lambda sentence: not sentence)
    template = legacy / "templates/A1.tpl"
    template.write_text(template.read_text().replace("A1{", "A1 again{"))
    until(lambda: legacy_file(house), lambda content: content.startswith(b"model=A1 again"))
    template.write_text(template.read_text().replace("A1 again{", "A1{"))
    until(lambda: legacy_file(house), lambda content: content == good)
