"""What the daemon reads at start: strict, frozen settings; every problem is told at once, with file and key."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from provisiond.errors import SettingsProblem
from provisiond.settings_files import merged_documents
from provisiond.settings_sentences import sentence_of

MEBIBYTE = 1024 * 1024
DEFAULT_REPOSITORY = "default"
DEFAULT_PLUGIN_SERVER = "http://provd.wazo.community/plugins/2/stable/"
ENDPOINT_KINDS = ("tcp", "tcp6", "ssl", "tls", "unix", "systemd", "fd")


def _endpoint(value: str) -> str:
    kind, _, rest = value.partition(":")
    if kind not in ENDPOINT_KINDS or not rest:
        raise ValueError(f"{value!r} is not an endpoint such as tcp:8667 or tcp:8666:interface=127.0.0.1")
    if kind in ("tcp", "tcp6", "ssl"):
        _port(rest.split(":")[0])
    return _socket_name(value) if kind == "systemd" else value


def _socket_name(value: str) -> str:
    if not re.fullmatch(r"systemd:[A-Za-z0-9_.@-]+", value):
        raise ValueError(f"{value!r} does not name a socket as FileDescriptorName does, such as systemd:http")
    return value


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ValueError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _mirror(value: str) -> str:
    prefix = value.removeprefix("only:")
    if not prefix.startswith(("/", "http://", "https://", "file://")):
        raise ValueError("must be an absolute directory or an http, https or file URL, with only: before it or not")
    return value


def _port_range(value: str) -> str:
    first, dash, last = value.partition("-")
    if not dash or not 1024 <= _port(first) <= _port(last):
        raise ValueError(f"{value!r} is not a range of ports such as 50000-50999")
    return value


def _udp_address(value: str) -> str:
    if value.startswith("systemd:"):
        return _socket_name(value)
    address, _, port = value.rpartition(":")
    _port(port)
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    if ip_address(bare).version == 6 and bare == address:
        raise ValueError(f"write an IPv6 address in brackets: [{bare}]:{port}")
    return value


def _network(value: str) -> str:
    ip_network(value, strict=False)
    return value


def _uuid(value: str) -> str:
    try:
        if str(UUID(value)) == value.lower():
            return value.lower()
    except ValueError:
        pass
    raise ValueError(f"{value!r} is not a UUID")


def _workers(value: object) -> object:
    if value != "auto" and (type(value) is not int or not 1 <= value <= 64):
        raise ValueError("must be a whole number from 1 to 64, or auto for one for each processor")
    return value


def _ipv4(value: str) -> str:
    if ip_address(value).version != 4:
        raise ValueError(f"{value!r} is not an IPv4 address")
    return value


def _url_with(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.netloc or parts.scheme == "file"):
            raise ValueError(f"must be a URL that begins with {', '.join(scheme + '://' for scheme in schemes)}")
        return value

    return AfterValidator(check)


def _to_path(value: object) -> object:
    return Path(value) if isinstance(value, str) and value else value


Directory = Annotated[Path, BeforeValidator(_to_path)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
UdpAddress = Annotated[str, AfterValidator(_udp_address)]
Network = Annotated[str, AfterValidator(_network)]
RepositoryUrl = Annotated[str, _url_with("http", "https", "file", "ftp")]
HttpUrl = Annotated[str, _url_with("http", "https")]


LogLevel = Literal["debug", "info", "warn", "error"]


class Section(BaseModel):
    """A section of the settings: unknown keys and loose types are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


def _public_key(value: str) -> str:
    try:
        if len(b64decode(value, validate=True)) == 32:
            return value
    except ValueError:
        pass
    raise ValueError("must be an Ed25519 public key: 32 bytes in base64")


class RepositorySettings(Section):
    """One plugin repository besides ``general.plugin_server``."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    url: RepositoryUrl
    priority: Annotated[int, Field(ge=0, le=1000)] = 500


class GeneralSettings(Section):
    """Section ``general``."""

    state_dir: Directory = Path("/var/lib/provisiond")
    cache_dir: Directory = Path("/var/cache/provisiond")
    plugin_server: RepositoryUrl | None = DEFAULT_PLUGIN_SERVER
    repositories: list[RepositorySettings] = []
    plugin_pins: dict[str, str] = {}
    repository_keys: list[Annotated[str, AfterValidator(_public_key)]] = []
    cache_plugin: bool = True
    firmware_mirror: Annotated[str, AfterValidator(_mirror)] | None = None
    sync: Literal["sip", "asterisk_ami", "none"] = "sip"
    base_raw_config: dict[str, Any] = {}
    advertised_ip: Annotated[str, AfterValidator(_ipv4)] | None = None
    advertised_http_url: HttpUrl | None = None
    provisioning_key_in_urls: bool = False
    workers: Annotated[int | Literal["auto"], BeforeValidator(_workers)] = 1
    development: bool = False

    @model_validator(mode="after")
    def _check_repositories(self) -> GeneralSettings:
        names = [DEFAULT_REPOSITORY, *(repository.name for repository in self.repositories)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"several repositories are named {twice[0]}; the one of plugin_server is named default")
        for plugin, name in self.plugin_pins.items():
            if name not in names:
                raise ValueError(f"plugin_pins: {plugin} is pinned to {name}, which is no repository")
        return self

    @property
    def processes(self) -> int:
        """Processes that serve phones: ``workers``, or one for each processor."""
        return len(os.sched_getaffinity(0)) if self.workers == "auto" else self.workers


class AuthSettings(Section):
    """Section ``rest_api.auth``: an authentication service besides the server's own tokens."""

    url: HttpUrl | None = None
    timeout: Annotated[float, Field(ge=0.1, le=30)] = 3.0
    cache_seconds: Annotated[float, Field(ge=0, le=300)] = 10.0
    ca_file: Directory | None = None
    master_tenant: Annotated[str, AfterValidator(_uuid)] | None = None


class RestApiSettings(Section):
    """Section ``rest_api``."""

    listen: Endpoint = "tcp:8666:interface=127.0.0.1"
    max_body: Annotated[int, Field(ge=1024, le=1024 * MEBIBYTE)] = 16 * MEBIBYTE
    auth: AuthSettings = AuthSettings()


class HttpSettings(Section):
    """Section ``http``: files for phones over HTTP."""

    listen: Endpoint = "tcp:8667"
    trusted_proxies: Annotated[int, Field(ge=0, le=16)] = 0
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    allow: list[Network] = []


class TftpSettings(Section):
    """Section ``tftp``: files for phones over TFTP."""

    listen: list[UdpAddress] = ["0.0.0.0:69"]
    allow: list[Network] = []
    max_block_size: Annotated[int, Field(ge=8, le=65464)] = 1428
    max_window_size: Annotated[int, Field(ge=1, le=64)] = 64
    max_transfers: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    max_transfers_per_peer: Annotated[int, Field(ge=1, le=100_000)] = 100
    requests_per_peer: Annotated[int, Field(ge=0, le=1_000_000)] = 200
    source_ports: Annotated[str, AfterValidator(_port_range)] | None = None
    single_port: bool = False
    image_memory: Annotated[int, Field(ge=1, le=65_536)] = 128

    @property
    def port_range(self) -> tuple[int, int] | None:
        """First and last port of ``source_ports``."""
        if self.source_ports is None:
            return None
        first, _, last = self.source_ports.partition("-")
        return int(first), int(last)


class DatabaseSettings(Section):
    """Section ``database``."""

    url: str | None = None


class PluginSettings(Section):
    """Section ``plugins``: the child processes that run plugin code."""

    workers: Annotated[int, Field(ge=1, le=32)] = 2
    load_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    render_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    legacy_workers: Annotated[int, Field(ge=1, le=32)] = 2
    legacy_seconds: Annotated[int, Field(ge=1, le=300)] = 30
    check_compat_min: bool = True
    check_compat_max: bool = True
    conflict_rule: Literal["natural", "string"] = "natural"
    unknown_devices: Literal["ignore", "create"] = "ignore"


def _command(value: str) -> str:
    try:
        value.format(name="name", version="1")
    except (LookupError, ValueError):
        raise ValueError("may hold {name} and {version}, and no other braces") from None
    return value


class SipSyncSettings(Section):
    """Section ``sip_sync``: the NOTIFY that provisiond sends itself."""

    transport: Literal["udp", "tcp", "tls"] = "udp"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    proxy: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$")] | None = None
    username: str | None = None
    password: str | None = None
    verify_certificates: bool = False

    @property
    def effective_port(self) -> int:
        """Where phones, or the proxy, listen."""
        return self.port or (5061 if self.transport == "tls" else 5060)


class AsteriskAmiSettings(Section):
    """Section ``asterisk_ami``: the manager interface that notifies phones when ``general.sync`` says so."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 5038
    username: str = ""
    password: str = ""
    tls: bool = False
    login: Literal["md5", "plain"] = "md5"
    channel: Literal["pjsip", "sip"] = "pjsip"


def _group(value: str) -> str:
    if not ip_address(value).is_multicast:
        raise ValueError(f"{value!r} is not a multicast address such as 224.0.1.75")
    return value


class PnpSettings(Section):
    """Section ``pnp``: SIP plug-and-play."""

    enabled: bool = False
    groups: Annotated[list[Annotated[str, AfterValidator(_group)]], Field(min_length=1, max_length=8)] = ["224.0.1.75"]
    port: Annotated[int, Field(ge=1, le=65535)] = 5060
    interface: Annotated[str, AfterValidator(_ipv4)] | None = None
    allow: list[Network] = []


class PackageSettings(Section):
    """Section ``packages``: limits on downloads, and the package repositories."""

    max_download_size: Annotated[int, Field(ge=MEBIBYTE)] = 4096 * MEBIBYTE
    max_unpacked_size: Annotated[int, Field(ge=MEBIBYTE)] = 8192 * MEBIBYTE
    path: Directory | None = Path("packages")
    sources_list: Directory | None = None
    wait: Annotated[int, Field(ge=0, le=3600)] = 60
    error_code: Literal[0, 999] = 0
    max_upload: Annotated[int, Field(ge=1024, le=1024 * MEBIBYTE)] = 64 * MEBIBYTE
    require_checksum: bool = False
    python_index: HttpUrl | None = None
    python_command: Annotated[str, AfterValidator(_command)] = "sudo pip install {name}=={version}"
    plugin_command: str = "Install from Domogik Administration"


ExtensionSource = Literal["directory", "tarball", "git", "market", "upload"]


class ExtensionSettings(Section):
    """Section ``extensions``: additions to the host itself, that run commands."""

    enabled: bool = False
    allow_root: bool = False
    sources: list[ExtensionSource] = ["directory", "tarball", "git", "market", "upload"]
    directories: list[Directory] = []
    git_urls: list[str] = []
    market_url: HttpUrl | None = None
    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    step_timeout: Annotated[int, Field(ge=1, le=86_400)] = 600
    platform_version: str | None = None
    listen: Endpoint | None = None


class LogSettings(Section):
    """Section ``log``."""

    level: LogLevel = "info"
    levels: dict[Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)*$")], LogLevel] = {}
    format: Literal["text", "json", "journal"] = "text"


class Settings(Section):
    """All settings of the daemon."""

    general: GeneralSettings = GeneralSettings()
    rest_api: RestApiSettings = RestApiSettings()
    http: HttpSettings = HttpSettings()
    tftp: TftpSettings = TftpSettings()
    database: DatabaseSettings = DatabaseSettings()
    plugins: PluginSettings = PluginSettings()
    plugin_config: dict[str, dict[str, Any]] = {}
    packages: PackageSettings = PackageSettings()
    sip_sync: SipSyncSettings = SipSyncSettings()
    asterisk_ami: AsteriskAmiSettings = AsteriskAmiSettings()
    pnp: PnpSettings = PnpSettings()
    extensions: ExtensionSettings = ExtensionSettings()
    log: LogSettings = LogSettings()

    @property
    def database_url(self) -> str:
        """The database to open; by default SQLite in the state directory."""
        return self.database.url or f"sqlite:///{self.general.state_dir / 'provisiond.db'}"


def _names(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, member in model.model_fields.items():
        yield f"{above}{name}"
        if isinstance(member.default, Section):
            yield from _names(type(member.default), f"{above}{name}.")


def load_settings(file: Path) -> Settings:
    """Return the settings of ``file`` and of ``conf.d/*.yml`` beside it, later files winning.

    :param file: a YAML file; everything in it is optional.
    :raises SettingsProblem: naming every problem of every file at once, with file and key.
    """
    document, origins, problems = merged_documents(file)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        known = [*_names(Settings)]
        problems.extend(
            f"{origins.file_of(tuple(item['loc']))}: {sentence_of(item, known)}"
            for item in error.errors(include_url=False)
        )
    if problems or settings is None:
        raise SettingsProblem(problems)
    return settings
