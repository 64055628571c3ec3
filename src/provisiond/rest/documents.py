"""What answers look like: models for the description of the API, and for nothing else."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Field(description="Seconds since the epoch.")
Moment = Field(description="UTC, as ISO 8601.")


class Document(BaseModel):
    """Members that are not named here may follow."""

    model_config = ConfigDict(extra="allow")


class Problem(Document):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    message: str


class Link(Document):
    """A link."""

    rel: str
    href: str = Field(description="An absolute path under the prefix of the request.")


class Links(Document):
    """Links of a resource."""

    links: list[Link]


class CreatedId(Document):
    """Id of what was created."""

    id: str


class Status(Document):
    """State of the server."""

    class BusState(Document):
        """State of the message bus; ok when there is none."""

        status: Literal["ok", "fail"]

    bus_consumer: BusState
    rest_api: Literal["ok"]


class DescribedParameter(Document):
    """A parameter of the server or of a plugin."""

    id: str
    description: str
    value: Any
    links: list[Link]


class ParameterList(Document):
    """Parameters."""

    params: list[DescribedParameter]


class ParameterAnswer(Document):
    """A parameter."""

    class ParameterValue(Document):
        """Its value; null when it is unset."""

        value: Any

    param: ParameterValue


class DeviceFields(Document):
    """Fields of a device; any other is kept as sent."""

    id: str | None = Field(default=None, description="By default 32 hex digits.", examples=["4a1f0c"])
    mac: str | None = Field(default=None, description="As in 00:04:13:92:2d:24; not unique.")
    ip: str | None = Field(default=None, description="IPv4 address; not unique.")
    sn: str | None = Field(default=None, description="Serial number.")
    uuid: str | None = None
    vendor: str | None = None
    model: str | None = None
    version: str | None = Field(default=None, description="Of the firmware.")
    plugin: str | None = Field(default=None, description="Id of a plugin, installed or not.")
    config: str | None = Field(default=None, description="Id of a config, existing or not.")
    description: str | None = None
    options: dict[str, Any] | None = Field(default=None, description="Of the plugin.", examples=[{"switchboard": True}])


class DeviceRequest(Document):
    """A device to be stored."""

    device: DeviceFields


class StoredDevice(DeviceFields):
    """A device."""

    id: str
    configured: bool = Field(description="True when the plugin made its files without an error.")
    is_new: bool = Field(description="True while it is in the master tenant.")
    tenant_uuid: str
    added: str | None = Field(default=None, description="auto when a phone's request or DHCP made it.")


class DeviceAnswer(Document):
    """A device."""

    device: StoredDevice


class ListedDevice(DeviceFields):
    """A device, or those of its fields that were asked for."""

    id: str


class DeviceList(Document):
    """Devices."""

    devices: list[ListedDevice]


class DhcpInfoRequest(Document):
    """A lease."""

    class Lease(Document):
        """What a DHCP server reports."""

        op: Literal["commit", "expiry", "release"]
        ip: str = Field(description="IPv4 address.", examples=["192.0.2.50"])
        mac: str | None = Field(default=None, description="Mandatory for commit.", examples=["00:11:22:33:44:55"])
        options: list[str] | None = Field(
            default=None,
            description="Mandatory for commit: three digits of the code, then bytes in hex with dots between them.",
            examples=[["06066.6f.6f.62.61.72"]],
        )

    dhcp_info: Lease


class FittingPlugins(Document):
    """Ids of plugins, the best first."""

    plugins: list[str]


class ConfigFields(Document):
    """Fields of a config; any other is kept as sent."""

    id: str | None = Field(default=None, description="By default 32 hex digits.", examples=["alice"])
    parent_ids: list[str] = Field(
        description="Ids of configs to inherit from; the later ones win.", examples=[["base"]]
    )
    raw_config: dict[str, Any]
    role: str | None = Field(default=None, description="autocreate: the model for configs of new phones.")
    transient: bool | None = Field(default=None, description="Deleted with the last device that uses it.")
    deletable: bool | None = Field(default=None, description="False protects it.")


class ConfigRequest(Document):
    """A config to be stored."""

    config: ConfigFields


class StoredConfig(ConfigFields):
    """A config."""

    id: str


class ConfigAnswer(Document):
    """A config."""

    config: StoredConfig


class ListedConfig(Document):
    """A config, or those of its fields that were asked for."""

    id: str


class ConfigList(Document):
    """Configs."""

    configs: list[ListedConfig]


class RawConfig(Document):
    """Parameters after inheritance."""

    raw_config: dict[str, Any]


class PluginLinks(Document):
    """Loaded plugins by id."""

    plugins: dict[str, Links]


class PluginInfoAnswer(Document):
    """What a plugin says of itself."""

    plugin_info: dict[str, Any]


class OfferedPackage(Document):
    """A plugin, or a package of a plugin."""

    version: str | None = None
    description: str | None = None
    dsize: int | None = Field(default=None, description="Bytes to download.")
    problem: str | None = None


class PackageList(Document):
    """Plugins or packages by id."""

    pkgs: dict[str, OfferedPackage]


class PluginProblems(Document):
    """What is wrong with plugins."""

    class PluginProblemRow(Document):
        """One problem."""

        plugin: str
        kind: str
        sentence: str
        device: str | None
        count: int
        first_seen: float = Seconds
        last_seen: float = Seconds

    problems: list[PluginProblemRow]


class OperationState(Document):
    """How far an operation is."""

    status: str = Field(
        description="[label|]state[;current[/end]], then each part in parentheses.",
        examples=["install|progress(download|progress;10/100)"],
        pattern=r"^(\w+\|)?(waiting|progress|success|fail)(;\d+(/\d+)?)?(\(.*\))?$",
    )
    error: str | None = Field(description="Why it failed.")
    created: str = Moment
    ended: str | None = Moment
