"""Where provisionctl connects, and how a failure ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from provisiond.cli.provisionctl.failures import Failure, failure_of
from provisiond.cli.provisionctl.program import NOUNS, program, wanted_target
from provisiond.cli.provisionctl.targets import Target, from_profile, local_target
from provisiond.client import errors
from provisiond.client.values import WrongRow

PROFILES = """
default = "office"

[profiles.office]
url = "https://pbx.example/api/provd"
token_file = "/office-token"
tenant = "t1"

[profiles.lab]
url = "http://192.0.2.9:8666"
token = "lab"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "provisionctl.toml").write_text(PROFILES)
    return {"XDG_CONFIG_HOME": str(tmp_path)}


class TestOrder:
    def test_the_default_profile_counts_without_anything_else(self, environment: dict[str, str]) -> None:
        found = wanted_target(Target(), None, environment)
        assert (found.url, found.token_file, found.tenant) == (
            "https://pbx.example/api/provd",
            Path("/office-token"),
            "t1",
        )

    def test_options_win_over_environment_over_profile(self, environment: dict[str, str]) -> None:
        given = {**environment, "PROVISIONCTL_PROFILE": "lab", "PROVISIONCTL_TENANT": "t2", "PROVISIONCTL_TOKEN": "own"}
        found = wanted_target(Target(tenant="t3"), None, given)
        assert (found.url, found.secret(), found.tenant) == ("http://192.0.2.9:8666", "own", "t3")
        assert wanted_target(Target(), "office", given).tenant == "t2"

    def test_a_token_is_not_sent_to_another_address(self, environment: dict[str, str]) -> None:
        found = wanted_target(Target(url="http://evil.example"), None, environment)
        assert (found.token, found.token_file) == (None, None)
        with pytest.raises(Failure, match="--token-file"):
            found.secret()

    @pytest.mark.parametrize(
        "content", ["[", 'default = "x"', "[profiles.office]\nurl = 5", '[profiles.office]\nuser = "x"', "profiles = 1"]
    )
    def test_a_wrong_file_is_told(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "p.toml"
        file.write_text(content)
        with pytest.raises(Failure):
            from_profile(file, "office" if "default" not in content else None)


class TestThisHost:
    @pytest.mark.parametrize(
        ("listen", "url"),
        [
            ("tcp:1234:interface=127.0.0.1", "http://127.0.0.1:1234"),
            ("tcp:1234", "http://127.0.0.1:1234"),
            ("tcp:port=1234:interface=192.0.2.1", "http://192.0.2.1:1234"),
            ("tcp:1234:interface=0.0.0.0", "http://127.0.0.1:1234"),
            ("ssl:1234:privateKey=x", "http://127.0.0.1:8666"),
        ],
    )
    def test_the_daemons_settings_tell_address_and_token(self, tmp_path: Path, listen: str, url: str) -> None:
        settings = tmp_path / "config.yml"
        settings.write_text(f"general: {{state_dir: {tmp_path}}}\nrest_api: {{listen: '{listen}'}}\n")
        (tmp_path / "admin-token").write_text("secret\n")
        found = local_target(settings)
        assert (found.url, found.secret()) == (url, "secret")

    def test_without_settings_the_usual_places_count(self, tmp_path: Path) -> None:
        found = local_target(tmp_path / "none")
        assert found.url == "http://127.0.0.1:8666"
        with pytest.raises(Failure, match="as a user who may read it"):
            Target(token_file=tmp_path / "none").secret()


class TestEnds:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (errors.NotFound("x"), 3),
            (errors.Refused("x"), 4),
            (errors.Unauthorized("x"), 4),
            (errors.Protected("x"), 4),
            (errors.Unreachable("x"), 5),
            (errors.WrongRequest("x"), 2),
            (errors.ServerFailed("x"), 1),
            (errors.OperationFailed("x"), 1),
            (errors.RowsRefused("x", [WrongRow(row=2, id=None, sentence="wrong")], 9), 4),
        ],
    )
    def test_each_error_has_its_status_and_its_advice(self, error: errors.ClientError, status: int) -> None:
        failure = failure_of(error)
        assert failure.exit_code == status
        assert failure.message.startswith(f"x. {error.advice}")
        if isinstance(error, errors.RowsRefused):
            assert failure.message.endswith("row 2: wrong\n… and 8 more")

    def test_every_noun_has_help_that_shows_examples(self) -> None:
        for noun in NOUNS:
            result = CliRunner().invoke(program, [noun, "--help"], prog_name="provisionctl")
            assert result.exit_code == 0, noun
            examples = noun in ("status", "events") or "provisionctl " in result.stdout.partition("\n\n")[2]
            assert examples, noun
