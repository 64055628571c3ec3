"""What answers beyond the contract look like: models for the description of the API, and for nothing else."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from provisiond.rest.documents import Document, Moment, OperationState


class ServerProblems(Document):
    """What is wrong with the server, what matters most first."""

    class ServerProblemRow(Document):
        """One thing that is wrong."""

        code: str
        severity: Literal["error", "warning", "notice"]
        about: str | None = Field(description="Which of several things of its kind, e.g. the name of a repository.")
        sentence: str
        cure: str = Field(description="What to do about it.")
        since: str = Moment

    problems: list[ServerProblemRow]


class LogLevels(Document):
    """Which log lines are written: of these levels and above."""

    level: Literal["debug", "info", "warn", "error"]
    levels: dict[str, Literal["debug", "info", "warn", "error"]] = Field(description="Of single subsystems.")


class Readiness(Document):
    """Whether requests may be sent here."""

    status: Literal["live", "ready", "not ready"]
    reasons: list[str] = Field(description="Codes of the problems that keep the server from being ready.")


class Currency(Document):
    """Whether a phone runs its present configuration."""

    current: bool | Literal["unknown"]
    behind: list[str] = Field(description="Files that are different now.")
    last_fetched: str | None = Moment
    problem: str | None


class DeviceState(Currency):
    """State of a phone."""

    configured: bool


class ServedFiles(Currency):
    """What a device is served."""

    class ServedFileRow(Document):
        """One file."""

        name: str
        size: int
        content_type: str
        sensitive: bool
        trigger: bool
        etag: str
        revision: str
        rendered: str | None = Moment
        fetched: str | None = Moment
        fetched_is_current: bool
        protocols: list[str]

    files: list[ServedFileRow]


class JournalAnswer(Document):
    """The last requests of a phone, newest first."""

    class PhoneRequestRow(Document):
        """One request."""

        time: str = Moment
        protocol: str
        method: str
        peer: str
        path: str
        outcome: Literal["served", "not-found", "refused", "error", "upload"]
        reason: str
        bytes: int
        seconds: float

    journal: list[PhoneRequestRow]


class Surveyed(Document):
    """What was found by looking at one device after another."""

    total: int = Field(description="Devices to look at.")
    looked: int = Field(description="How many were; where the next call goes on with skip.")
    found: int
    partial: bool


class DryRun(Surveyed):
    """What a changed config would do."""

    class EffectRow(Document):
        """Effects on one device: names of its files."""

        id: str
        changed: list[str]
        added: list[str]
        removed: list[str]
        problem: str | None
        diffs: dict[str, str] | None = None

    devices: list[EffectRow]


class Behind(Surveyed):
    """Devices whose phone fetched other files than it would get now."""

    class BehindRow(Currency):
        """One device."""

        id: str

    devices: list[BehindRow]


class StoredTokenRow(Document):
    """What is known of a token."""

    id: str
    name: str
    acl: list[str]
    tenant_uuid: str
    created: str = Moment
    expires: str | None = Moment
    last_used: str | None = Moment


class TokenList(Document):
    """Tokens."""

    tokens: list[StoredTokenRow]


class TokenAnswer(Document):
    """A token."""

    token: StoredTokenRow


class CreatedToken(Document):
    """A new token, told this once."""

    id: str
    token: str


class TenantRow(Document):
    """A tenant."""

    uuid: str
    parent_uuid: str | None
    name: str | None


class TenantList(Document):
    """Tenants."""

    tenants: list[TenantRow]


class TenantAnswer(Document):
    """A tenant."""

    tenant: TenantRow


class CreatedTenant(Document):
    """Uuid of the new tenant."""

    uuid: str


class ImportedRows(Document):
    """What an import did, or would do."""

    rows: int
    created: int
    replaced: int
    unchanged: int
    dry_run: bool


class RepositoryList(Document):
    """Repositories of plugins, the one that counts most first."""

    class RepositoryRow(Document):
        """One repository."""

        name: str
        url: str | None
        priority: int
        state: str
        updated: str | None = Moment
        problem: str | None

    repositories: list[RepositoryRow]


class VersionList(Document):
    """Plugins by id with the versions that can be had."""

    class PluginVersionRow(Document):
        """Versions of one plugin, the one that counts first."""

        installed: str | None
        versions: list[dict[str, Any]]

    pkgs: dict[str, PluginVersionRow]


class PackageDetails(Document):
    """Packages of a plugin by id, with their files, digests and problems."""

    pkgs: dict[str, dict[str, Any]]


class LinkCheck(Document):
    """What the last check of a plugin's links found."""

    class LinkRow(Document):
        """One file."""

        file: str
        name: str
        url: str
        state: str = Field(description="ok, dead, unreachable, differs or manual.")
        sentence: str

    ended: str | None = Moment
    whole: bool
    files: list[LinkRow]


class OperationList(Document):
    """Operations of the last hour, newest first."""

    class OperationRow(OperationState):
        """One operation."""

        href: str

    operations: list[OperationRow]


class ReceivedSize(Document):
    """How much of an upload has come."""

    size: int = Field(description="Bytes; where the next piece begins.")


class LastRestore(Document):
    """Which backup the present state came from."""

    restored: dict[str, Any] | None


class LastMigration(Document):
    """What was taken over of another server, and what not."""

    report: dict[str, Any] | None


class SynchronizationSteps(Document):
    """How far a device's last synchronization got."""

    steps: list[dict[str, Any]]
