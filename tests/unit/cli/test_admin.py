"""``provisiond-admin`` on a database of its own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from attrs import frozen
from click.testing import CliRunner, Result
from tests.support.provisioning import InlineThreads, run
from twisted.internet.task import Clock

from provisiond.cli.admin import main
from provisiond.cli.times import moment_from, moment_shown
from provisiond.errors import InvalidInput
from provisiond.model.device import Device
from provisiond.provisioning.tokens import Tokens
from provisiond.store.database import Database, open_database
from provisiond.store.devices import DeviceStore
from provisiond.store.feed import ChangeFeed
from provisiond.store.tokens import TokenStore


@frozen
class Host:
    """A host with a database."""

    config: Path
    database: Database

    def command(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.config), *arguments], catch_exceptions=False)

    def told(self, *arguments: str) -> str:
        """Return what a command prints that must succeed."""
        result = self.command(*arguments)
        assert result.exit_code == 0, result.stderr
        return result.stdout.strip()

    def refused(self, *arguments: str, status: int = 1) -> str:
        """Return the sentence of a command that must fail."""
        result = self.command(*arguments)
        assert result.exit_code == status
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr

    def rows(self, *arguments: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.told(*arguments, "--json").splitlines()]

    def tokens(self) -> Tokens:
        """Return the tokens as a daemon reads them."""
        clock = Clock()
        clock.rightNow = 2_000_000_000.0
        tokens = Tokens(TokenStore(self.database, ChangeFeed(self.database)), InlineThreads(), clock)
        run(tokens.load())
        return tokens


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    config = tmp_path / "config.yml"
    config.write_text(yaml.safe_dump({"general": {"state_dir": str(tmp_path)}}))
    database = open_database(f"sqlite:///{tmp_path / 'provisiond.db'}")
    yield Host(config, database)
    database.close()


class TestTokens:
    def test_a_token_is_printed_alone_and_lets_its_holder_in(self, host: Host) -> None:
        text = host.told("token", "create", "--acl", "provd.dev_mgr.#", "--acl", "!provd.dev_mgr.devices.create")
        holder = run(host.tokens().authenticate(text))
        assert holder.may("provd.dev_mgr.devices.read")
        assert not holder.may("provd.dev_mgr.devices.create")
        assert holder.expires is None

    def test_it_is_shown_only_once(self, host: Host) -> None:
        text = host.told("token", "create", "--acl", "#", "--description", "portal")
        for shown in (host.told("token", "list"), host.told("token", "list", "--json")):
            assert text.split("_", 2)[1] in shown
            assert text.split("_", 2)[2] not in shown
            assert "portal" in shown

    def test_the_list_tells_all_but_the_token(self, host: Host) -> None:
        tenant = host.told("tenant", "create", "acme")
        host.told(
            "token", "create", "--acl", "a.b", "--tenant", "acme", "--expires", "2099-12-31", "--description", "x"
        )
        (row,) = host.rows("token", "list")
        assert (row["acl"], row["tenant"], row["description"]) == (["a.b"], tenant, "x")
        assert (row["expires"], row["last_used"]) == ("2099-12-31T00:00:00Z", None)

    def test_the_list_of_a_tenant_holds_those_below_it(self, host: Host) -> None:
        host.told("tenant", "create", "acme")
        host.told("tenant", "create", "paris", "--parent", "acme")
        for tenant in ("acme", "paris", "master"):
            host.told("token", "create", "--acl", "#", "--tenant", tenant, "--description", tenant)
        assert [row["description"] for row in host.rows("token", "list", "--tenant", "acme")] == ["acme", "paris"]
        assert [row["description"] for row in host.rows("token", "list", "--tenant", "paris")] == ["paris"]
        assert len(host.rows("token", "list")) == 3

    def test_a_revoked_token_is_gone(self, host: Host) -> None:
        host.told("token", "create", "--acl", "#")
        (row,) = host.rows("token", "list")
        host.told("token", "revoke", str(row["id"]))
        assert host.rows("token", "list") == []
        again = host.refused("token", "revoke", str(row["id"]))
        assert again == f'provisiond-admin: there is no token "{row["id"]}"\n'

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--acl", ""],
            ["--acl", "a b"],
            ["--acl", "#", "--tenant", "nobody"],
            ["--acl", "#", "--expires", "yesterday"],
            ["--acl", "#", "--expires", "2001-01-01"],
            ["--acl", "#", "--description", "a\nb"],
        ],
    )
    def test_a_senseless_token_is_not_made(self, host: Host, arguments: list[str]) -> None:
        assert host.refused("token", "create", *arguments).startswith("provisiond-admin: ")
        assert host.rows("token", "list") == []

    def test_a_token_needs_a_right(self, host: Host) -> None:
        host.refused("token", "create", status=2)


class TestTenants:
    def test_a_tenant_is_created_renamed_moved_and_removed(self, host: Host) -> None:
        acme, other = host.told("tenant", "create", "acme"), host.told("tenant", "create", "other")
        host.told("tenant", "rename", "acme", "Acme Inc.")
        host.told("tenant", "move", "Acme Inc.", other)
        rows = {row["uuid"]: row for row in host.rows("tenant", "list")}
        assert (rows[acme]["name"], rows[acme]["parent"]) == ("Acme Inc.", other)
        assert "below" in host.refused("tenant", "remove", "other")
        host.told("tenant", "remove", acme)
        host.told("tenant", "remove", "other")
        assert [row["name"] for row in host.rows("tenant", "list")] == ["master"]

    def test_a_uuid_may_be_chosen_once(self, host: Host) -> None:
        chosen = str(uuid.uuid4())
        assert host.told("tenant", "create", "a", "--uuid", chosen.upper()) == chosen
        host.refused("tenant", "create", "b", "--uuid", chosen)
        host.refused("tenant", "create", "b", "--uuid", "no-uuid")

    def test_a_name_that_two_have_names_none(self, host: Host) -> None:
        host.told("tenant", "create", "twin")
        host.told("tenant", "create", "twin")
        assert "several" in host.refused("tenant", "remove", "twin")
        assert "no tenant" in host.refused("tenant", "remove", "other")

    def test_a_tenant_with_devices_stays(self, host: Host) -> None:
        acme = host.told("tenant", "create", "acme")
        devices = DeviceStore(host.database, ChangeFeed(host.database))
        document = {"id": "d", "tenant_uuid": acme, "configured": False, "is_new": False}
        run(devices.insert(Device(document)))
        assert "devices" in host.refused("tenant", "remove", acme)
        run(devices.delete("d"))
        host.told("tenant", "remove", acme)

    def test_its_tokens_go_with_it(self, host: Host) -> None:
        host.told("tenant", "create", "acme")
        text = host.told("token", "create", "--acl", "#", "--tenant", "acme")
        host.told("tenant", "remove", "acme")
        assert host.rows("token", "list") == []
        assert not host.tokens().is_known(text)

    @pytest.mark.parametrize("arguments", [["remove", "master"], ["move", "master", "acme"], ["move", "acme", "acme"]])
    def test_what_cannot_be_is_refused(self, host: Host, arguments: list[str]) -> None:
        host.told("tenant", "create", "acme")
        before = host.rows("tenant", "list")
        host.refused("tenant", *arguments)
        assert host.rows("tenant", "list") == before


class TestTheHost:
    def test_no_database_is_made(self, tmp_path: Path) -> None:
        config = tmp_path / "config.yml"
        config.write_text(yaml.safe_dump({"general": {"state_dir": str(tmp_path)}}))
        result = CliRunner().invoke(main, ["--config", str(config), "token", "list"], catch_exceptions=False)
        assert result.exit_code == 1
        assert "start provisiond once" in result.stderr
        assert not (tmp_path / "provisiond.db").exists()

    def test_wrong_settings_are_told_like_the_daemon_tells_them(self, tmp_path: Path) -> None:
        config = tmp_path / "config.yml"
        config.write_text("general: {nonsense: 1}\nrest_api: {max_body: 1}\n")
        result = CliRunner().invoke(main, ["--config", str(config), "token", "list"], catch_exceptions=False)
        assert result.exit_code == 2
        assert "general.nonsense" in result.stderr
        assert "rest_api.max_body" in result.stderr

    def test_help_needs_no_settings(self) -> None:
        assert CliRunner().invoke(main, ["token", "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 1090),
        ("2m", 1120),
        ("1h", 4600),
        ("1d", 87_400),
        ("1w", 605_800),
        ("1y", 31_537_000),
        ("1970-01-02", 86_400),
        ("1970-01-02T00:00:00", 86_400),
        ("1970-01-02T00:00:00+01:00", 82_800),
        ("1970-01-02T00:00:00Z", 86_400),
    ],
)
def test_times(text: str, expected: float) -> None:
    assert moment_from(text, 1000) == expected


@pytest.mark.parametrize("text", ["", "0d", "1", "d", "-1d", "1.5h", "tomorrow", "2030-13-01"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidInput):
        moment_from(text, 1000)


def test_times_are_shown_in_utc() -> None:
    assert moment_shown(86_400.9) == "1970-01-02T00:00:00Z"
    assert moment_shown(None) is None
