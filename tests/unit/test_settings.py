"""Settings: merged from files, strict, all problems at once."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import yaml

from provisiond.errors import SettingsProblem
from provisiond.settings import Settings, load_settings

SHIPPED = Path(__file__).parents[2] / "etc" / "provisiond" / "config.yml"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def problems(file: Path) -> list[str]:
    with pytest.raises(SettingsProblem) as raised:
        load_settings(file)
    return list(raised.value.problems)


def test_an_empty_file_gives_the_defaults(config: Path) -> None:
    config.write_text("")
    settings = load_settings(config)
    assert settings == Settings()
    assert settings.rest_api.listen == "tcp:8666:interface=127.0.0.1"
    assert settings.http.listen == "tcp:8667"
    assert settings.tftp.listen == ["0.0.0.0:69"]
    assert settings.database_url == "sqlite:////var/lib/provisiond/provisiond.db"


def test_a_section_without_members_is_as_good_as_none(config: Path) -> None:
    config.write_text("general:\nhttp:\n  trusted_proxies: 2\n")
    assert load_settings(config).http.trusted_proxies == 2


def test_later_files_win_member_by_member(config: Path) -> None:
    config.write_text("general:\n  advertised_ip: 10.0.0.1\n  cache_plugin: false\n")
    (config.parent / "conf.d").mkdir()
    (config.parent / "conf.d" / "20-site.yml").write_text("general:\n  advertised_ip: 10.0.0.3\n")
    (config.parent / "conf.d" / "10-site.yml").write_text("general:\n  advertised_ip: 10.0.0.2\n")
    (config.parent / "conf.d" / "30-not-read.txt").write_text("general:\n  advertised_ip: x\n")
    general = load_settings(config).general
    assert (general.advertised_ip, general.cache_plugin) == ("10.0.0.3", False)


def test_every_problem_is_told_at_once_with_its_file_and_key(config: Path) -> None:
    config.write_text("general:\n  state_dirr: /x\nhttp:\n  trusted_proxies: many\n")
    (config.parent / "conf.d").mkdir()
    extra = config.parent / "conf.d" / "10.yml"
    extra.write_text("tftp:\n  listen: ['nowhere']\nnonsense: 1\n")
    told = problems(config)
    assert any(line.startswith(f"{config}: general.state_dirr: unknown key") for line in told)
    assert any(line.startswith(f"{config}: http.trusted_proxies:") for line in told)
    assert any(line.startswith(f"{extra}: tftp.listen.0:") for line in told)
    assert any(line.startswith(f"{extra}: nonsense: unknown key") for line in told)
    assert len(told) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("general: [1", "is not valid YAML: line"),
        ("- a\n- b\n", "must hold sections"),
        ("general:\n  cache_plugin: true\n  cache_plugin: false\n", "given twice"),
        ("1: x\n", "is not a text"),
        ("general: !!python/object/apply:os.system [true]\n", "is not valid YAML"),
        ("rest_api:\n  listen: nonsense\n", "is not an endpoint"),
        ("http:\n  listen: tcp:99999\n", "is not a port"),
        ("tftp:\n  listen: ['::1:69']\n", "in brackets"),
        ("tftp:\n  max_block_size: 4\n", "tftp.max_block_size: must be at least 8, not 4"),
        ("general:\n  cache_plugin: 'yes'\n", "general.cache_plugin: must be true or false, not 'yes'"),
        ("general:\n  plugin_server: nonsense\n", "must be a URL"),
        ("general:\n  advertised_ip: '::1'\n", "IPv4"),
        ("http:\n  allow: [10.0.0.0/99]\n", "does not appear to be"),
        ("http:\n  allow: 10.0.0.0/8\n", "http.allow: must be a list, as in [one, another]"),
        ("http:\n  allow:\n", "http.allow: has no value; give it one, or take the line away"),
        ("http: tcp:80\n", "http: must hold names with values of their own, as in {name: value}"),
        ("http:\n  max_connections: 2.5\n", "http.max_connections: must be a whole number, not 2.5"),
        ("tftp:\n  max_window_size: 65\n", "tftp.max_window_size: must be at most 64, not 65"),
        ("tftp:\n  single_port: 1\n", "tftp.single_port: must be true or false, not 1"),
        ("log:\n  level: off\n", "log.level: must be debug, info, warn or error, not false"),
        ("packages:\n  error_code: 1\n", "packages.error_code: must be 0 or 999, not 1"),
        ("general:\n  state_dir: 7\n", "general.state_dir: must be the path of a file or directory"),
        ("general:\n  workers: many\n", "general.workers: must be a whole number from 1 to 64, or auto for one"),
        ("general:\n  workers: true\n", "general.workers: must be a whole number from 1 to 64, or auto for one"),
        ("pnp:\n  groups: []\n", "pnp.groups: must hold 1 at least"),
        ("sip_sync:\n  proxy: a b\n", "sip_sync.proxy: must be of the form ^[A-Za-z0-9.:_-]+$"),
        ("rest_api:\n  auth:\n    master_tenant: x\n", "rest_api.auth.master_tenant: 'x' is not a UUID"),
        ("rest_api:\n  auth:\n    timeout: 31\n", "rest_api.auth.timeout: must be at most 30.0, not 31"),
        ("http:\n  trusted_proxy: 1\n", "http.trusted_proxy: unknown key; is http.trusted_proxies meant?"),
        ("htpp:\n  listen: tcp:80\n", "htpp: unknown key; is http meant?"),
        ("general:\n  colour: red\n", "general.colour: unknown key"),
    ],
)
def test_a_wrong_setting_is_refused(config: Path, text: str, expected: str) -> None:
    config.write_text(text)
    assert expected in "\n".join(problems(config))


def test_wrong_values_are_not_repeated_because_they_may_be_secrets(config: Path) -> None:
    config.write_text("database:\n  url: [postgresql://provisiond:hunter2@db/x]\nasterisk_ami:\n  password: 271828\n")
    told = problems(config)
    assert not any("hunter2" in line or "271828" in line for line in told)
    assert told[1] == f"{config}: asterisk_ami.password: must be a text; write it in quotes"


def test_a_missing_or_binary_file_is_one_clear_problem(config: Path) -> None:
    assert problems(config) == [f"{config}: cannot be read: No such file or directory"]
    config.write_bytes(b"\xff\xfe\x00")
    assert problems(config) == [f"{config}: is not UTF-8 text"]


def test_a_directory_of_settings_that_cannot_be_read_is_a_problem(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("")
    (config.parent / "conf.d").mkdir()

    def refused(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refused)
    assert problems(config) == [f"{config.parent / 'conf.d'}: cannot be read: Permission denied"]


def test_a_deeply_nested_file_does_not_crash(config: Path) -> None:
    config.write_text("[" * 5000)
    assert "not valid YAML" in problems(config)[0]


def _members(model: type, prefix: str = "") -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for name, member in model.model_fields.items():  # type: ignore[attr-defined]
        default = member.get_default(call_default_factory=True)
        if hasattr(type(default), "model_fields"):
            pairs.extend(_members(type(default), f"{prefix}{name}."))
        else:
            pairs.append((f"{prefix}{name}", default))
    return pairs


def test_the_shipped_file_shows_every_setting_with_its_default_commented() -> None:
    """Taking the comment sign away from every setting line gives exactly the defaults."""
    lines = SHIPPED.read_text().splitlines()
    uncommented = [line[1:] if line.startswith("#  ") else line for line in lines]
    document = yaml.safe_load("\n".join(uncommented))
    for key, default in _members(Settings):
        value = document
        for part in key.split("."):
            assert part in value, f"{key} is not shown in the shipped settings"
            value = value[part]
        expected = str(default) if isinstance(default, Path) else default
        assert value == expected, key


def test_the_shipped_file_changes_nothing() -> None:
    assert load_settings(SHIPPED) == Settings()


def test_every_setting_is_documented() -> None:
    text = (SHIPPED.parents[2] / "docs" / "settings.md").read_text()
    for key, _ in _members(Settings):
        assert f"`{key}`" in text, key


@pytest.mark.parametrize(
    ("general", "said"),
    [
        ({"repository_keys": ["c2hvcnQ="]}, "general.repository_keys.0: must be an Ed25519 public key"),
        ({"repository_keys": ["not base64!"]}, "general.repository_keys.0: must be an Ed25519 public key"),
        ({"repositories": [{"name": "default", "url": "http://x/"}]}, "several repositories are named default"),
        ({"repositories": [{"name": "a", "url": "http://x/"}, {"name": "a", "url": "http://y/"}]}, "are named a"),
        ({"repositories": [{"name": "A b", "url": "http://x/"}]}, "general.repositories.0.name"),
        ({"repositories": [{"name": "a", "url": "gopher://x/"}]}, "general.repositories.0.url: must be a URL"),
        ({"repositories": [{"name": "a", "url": "http://x/", "priority": 1001}]}, "general.repositories.0.priority"),
        ({"plugin_pins": {"snom-10": "testing"}}, "snom-10 is pinned to testing, which is no repository"),
        ({"firmware_mirror": "mirror"}, "general.firmware_mirror: must be an absolute directory"),
    ],
)
def test_wrong_repositories_are_told(config: Path, general: dict[str, object], said: str) -> None:
    config.write_text(yaml.safe_dump({"general": general}))
    [told] = problems(config)
    assert said in told


def test_repositories_pins_and_keys(config: Path) -> None:
    repositories = [{"name": "testing", "url": "file:///srv/testing/", "priority": 600}]
    pins = {"snom-10": "testing", "aastra": "default"}
    keys = ["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]
    general = {"repositories": repositories, "plugin_pins": pins, "repository_keys": keys}
    config.write_text(yaml.safe_dump({"general": general}))
    found = load_settings(config).general
    assert (found.repositories[0].priority, found.plugin_pins, found.repository_keys) == (600, pins, keys)
