"""What the client gives and takes: documents with typed members, operations, events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import field, frozen

from provisiond.model.operation import FAIL, SUCCESS, Progress, parse_progress

D = TypeVar("D", bound="Document")


@frozen
class Document:
    """A document as the server keeps it; members that this client does not know are kept as they are.

    :param members: the whole document. A replacement stores exactly these.
    """

    members: Mapping[str, Any] = field(factory=dict)

    @property
    def id(self) -> str:
        """Its id; empty before the server gave it one."""
        return str(self.members.get("id") or "")

    def with_members(self: D, **members: Any) -> D:
        """Return a copy in which these members are set."""
        return type(self)({**self.members, **members})

    def without(self: D, *names: str) -> D:
        """Return a copy that lacks these members."""
        return type(self)({name: value for name, value in self.members.items() if name not in names})

    def _text(self, name: str) -> str | None:
        value = self.members.get(name)
        return value if isinstance(value, str) else None


@frozen
class Device(Document):
    """A phone."""

    @property
    def mac(self) -> str | None:
        """Address of its Ethernet port, six pairs of lower-case hex digits with colons."""
        return self._text("mac")

    @property
    def ip(self) -> str | None:
        """Its IPv4 address when it was last seen."""
        return self._text("ip")

    @property
    def vendor(self) -> str | None:
        """Who makes it."""
        return self._text("vendor")

    @property
    def model(self) -> str | None:
        """Name of its model."""
        return self._text("model")

    @property
    def version(self) -> str | None:
        """Version of its firmware."""
        return self._text("version")

    @property
    def plugin(self) -> str | None:
        """Id of the plugin that makes its files."""
        return self._text("plugin")

    @property
    def config(self) -> str | None:
        """Id of its config."""
        return self._text("config")

    @property
    def tenant_uuid(self) -> str | None:
        """The tenant it belongs to."""
        return self._text("tenant_uuid")

    @property
    def configured(self) -> bool:
        """True when its files are made from its plugin and config."""
        return self.members.get("configured") is True

    @property
    def is_new(self) -> bool:
        """True while it is in the master tenant."""
        return self.members.get("is_new") is True


@frozen
class Config(Document):
    """Parameters for devices."""

    @property
    def parent_ids(self) -> tuple[str, ...]:
        """Ids of the configs it inherits from; later ones win."""
        return tuple(self.members.get("parent_ids") or ())

    @property
    def raw_config(self) -> Mapping[str, Any]:
        """Its own parameters, without those it inherits."""
        found = self.members.get("raw_config")
        return found if isinstance(found, Mapping) else {}

    @property
    def deletable(self) -> bool:
        """False when the server refuses to delete it."""
        return self.members.get("deletable") is not False


@frozen(kw_only=True)
class Operation:
    """Long work of the server.

    :param path: its address below the prefix of the API.
    :param text: how far it is, in the words of the API.
    :param error: why it failed, or None.
    :param created: when it began, ISO 8601; empty when the server did not tell.
    :param ended: when it ended, ISO 8601, or None.
    """

    path: str
    text: str = "waiting"
    error: str | None = None
    created: str = ""
    ended: str | None = None

    @property
    def progress(self) -> Progress:
        """How far it is: label, state, numbers, parts.

        :raises InvalidInput: when the server's text is not one of an operation.
        """
        return parse_progress(self.text)

    @property
    def has_ended(self) -> bool:
        """True after success and after failure."""
        return self.progress.state in (SUCCESS, FAIL)


@frozen(kw_only=True)
class Parameter:
    """A parameter of the server."""

    name: str
    description: str
    value: Any


@frozen(kw_only=True)
class NewToken:
    """A token that was just made; its text is told this once."""

    id: str
    text: str


@frozen(kw_only=True)
class Imported:
    """What an import did, or would do."""

    rows: int
    created: int
    replaced: int
    unchanged: int
    dry_run: bool


@frozen(kw_only=True)
class WrongRow:
    """A row that was refused."""

    row: int
    id: str | None
    sentence: str


@frozen(kw_only=True)
class Event:
    """Something that happened.

    :param kind: see the table of kinds in docs/rest-api.md; ``begin`` and ``lost`` are about the stream itself.
    :param id: to go on from here later.
    """

    kind: str
    id: str
    data: Mapping[str, Any]
