"""The page that shows the API, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from tests.support.servers import Running, running

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 30_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("server")
    with running(directory / "server", directory) as server:
        yield server


@pytest.fixture
def page(house: Running) -> Iterator[Page]:
    """The page, opened; at the end, nothing was asked of another host and nothing was complained of."""
    assert BROWSER is not None, "install chromium; scripts/need-programs names what the tests need"
    complaints: list[str] = []
    asked: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            opened = browser.new_page()
            opened.set_default_timeout(PATIENCE)
            opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            opened.on("pageerror", lambda error: complaints.append(str(error)))
            opened.on("request", lambda request: asked.append(request.url))
            opened.goto(f"http://127.0.0.1:{house.rest_port}/api/browser.html")
            yield opened
        finally:
            browser.close()
    # A refused request is told by the browser itself; scripts and the policy must give no cause.
    assert [each for each in complaints if "Failed to load resource" not in each] == []
    assert all(each.startswith((f"http://127.0.0.1:{house.rest_port}/", "data:")) for each in asked), asked


def token_of(house: Running) -> str:
    return (house.server.state / "admin-token").read_text().strip()


def test_it_lists_filters_and_explains_every_operation(page: Page, house: Running) -> None:
    document = house.rest.get("/api/api.json")
    count = sum(len(set(entry) - {"servers"}) for entry in document["paths"].values())
    expect(page.locator("nav a")).to_have_count(count, timeout=PATIENCE)
    page.fill("#filter", "post configs")
    expect(page.locator("nav a").first).to_contain_text("/cfg_mgr/configs")
    page.click("nav a >> text='/cfg_mgr/configs'")
    expect(page.locator("main h2")).to_contain_text("/0.2/cfg_mgr/configs")
    expect(page.locator("main")).to_contain_text("provd.cfg_mgr.configs.create")
    page.click("summary >> text=What it may hold")
    expect(page.locator("details pre").first).to_contain_text("sip_lines")


def test_it_creates_a_config_with_the_example_and_reads_it(page: Page, house: Running) -> None:
    page.fill("#token", token_of(house))
    page.goto(page.url.partition("#")[0] + "#post_cfg_mgr_configs")
    sent = json.loads(page.input_value("#body"))
    page.click("#send")
    expect(page.locator("#state")).to_contain_text("201", timeout=PATIENCE)
    expect(page.locator("#state")).to_contain_text(f"Location: /0.2/cfg_mgr/configs/{sent['config']['id']}")
    page.goto(page.url.partition("#")[0] + "#get_cfg_mgr_configs_config_id")
    page.fill("[data-name=config_id]", sent["config"]["id"])
    page.click("#send")
    expect(page.locator("#state")).to_contain_text("200", timeout=PATIENCE)
    shown = json.loads(page.inner_text("#answer"))
    assert shown["config"]["raw_config"] == sent["config"]["raw_config"]
    page.click("summary >> text=The same with curl")
    command = page.inner_text("#result details pre")
    assert token_of(house) not in command
    assert '-H "X-Auth-Token: $TOKEN"' in command


def test_it_shows_refusals_and_streams_and_puts_text_in_as_text(page: Page, house: Running) -> None:
    page.goto(page.url + "#get_dev_mgr_devices_device_id")
    page.fill("[data-name=device_id]", "<img src=x onerror=alert(1)>")
    page.click("#send")
    expect(page.locator("#state")).to_contain_text("401", timeout=PATIENCE)
    page.fill("#token", token_of(house))
    page.click("#send")
    expect(page.locator("#state")).to_contain_text("404", timeout=PATIENCE)
    expect(page.locator("#answer")).to_contain_text("<img src=x")
    assert page.locator("main img").count() == 0
    page.goto(page.url.partition("#")[0] + "#get_events")
    page.click("#send")
    expect(page.locator("#answer")).to_contain_text("event: begin", timeout=PATIENCE)
    page.click("#stop")
    expect(page.locator("#state")).to_contain_text("stopped", timeout=PATIENCE)


def test_it_works_where_the_prefix_is_published(page: Page, house: Running) -> None:
    page.goto(f"http://127.0.0.1:{house.rest_port}/provd/api/browser.html#get_status")
    page.fill("#token", token_of(house))
    page.click("#send")
    expect(page.locator("#answer")).to_contain_text("rest_api", timeout=PATIENCE)
    expect(page.locator("main h2")).to_contain_text("/provd/status")


def test_a_server_that_is_gone_is_told_and_can_be_asked_again(page: Page, house: Running) -> None:
    page.fill("#token", token_of(house))
    page.goto(page.url + "#get_status")
    page.route("**/0.2/status", lambda route: route.abort("connectionrefused"))
    page.click("#send")
    expect(page.locator("#state.bad")).to_have_text(re.compile("^The server gave no answer"), timeout=PATIENCE)
    page.unroute("**/0.2/status")
    page.click("#send")
    expect(page.locator("#state.good")).to_contain_text("200", timeout=PATIENCE)
