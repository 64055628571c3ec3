"""The tables."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    literal_column,
)

METADATA: Final = MetaData()
_SEQUENCE: Final = BigInteger().with_variant(Integer, "sqlite")
# Texts compare by their characters everywhere, as Python and SQLite do, and not by the language of the database.
ORDERED: Final = Text().with_variant(Text(collation="C"), "postgresql")
DEVICE_TEXTS: Final = ("mac", "ip", "sn", "uuid", "vendor", "model", "version", "plugin", "config", "tenant_uuid")
LOOKED_UP: Final = ("mac", "ip", "sn", "uuid", "vendor", "model", "plugin", "config")
PAGED_BY: Final = ("mac", "ip", "vendor", "model", "plugin", "config")
SORTED_COLUMNS: Final = {"device": frozenset({"id", *DEVICE_TEXTS}), "config": frozenset({"id", "role"})}

devices: Final = Table(
    "device",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", ORDERED, nullable=False, unique=True),
    Column("document", Text, nullable=False),
    *(Column(name, ORDERED, nullable=True) for name in DEVICE_TEXTS),
    Column("configured", Boolean, nullable=False),
    Column("is_new", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
for _name in LOOKED_UP:
    Index(f"ix_device_{_name}", devices.c[_name])
for _name in PAGED_BY:
    _key = func.coalesce(devices.c[_name], literal_column("''"))
    Index(f"ix_device_by_{_name}", devices.c.tenant_uuid, _key, devices.c.seq)
Index("ix_device_of_tenant", devices.c.tenant_uuid, devices.c.seq)
Index("ix_device_configured", devices.c.configured, devices.c.seq)

configs: Final = Table(
    "config",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", ORDERED, nullable=False, unique=True),
    Column("document", Text, nullable=False),
    Column("role", ORDERED, nullable=True, index=True),
    Column("x_type", ORDERED, nullable=True, index=True),
    sqlite_autoincrement=True,
)
config_parents: Final = Table(
    "config_parent",
    METADATA,
    Column("config_id", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("parent_id", String, nullable=False, index=True),
)

parameters: Final = Table(
    "parameter",
    METADATA,
    Column("tenant_uuid", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)
facts: Final = Table("fact", METADATA, Column("name", String, primary_key=True), Column("value", Text, nullable=False))
tenants: Final = Table(
    "tenant",
    METADATA,
    Column("uuid", String, primary_key=True),
    Column("parent_uuid", String, nullable=True),
    Column("name", Text, nullable=True),
)
tokens: Final = Table(
    "token",
    METADATA,
    Column("id", String, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("acl", Text, nullable=False),
    Column("tenant_uuid", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=True),
    Column("last_used", Float, nullable=True),
)
operations: Final = Table(
    "operation",
    METADATA,
    Column("id", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("resource", Text, nullable=False),
    Column("progress", Text, nullable=False),
    Column("error", Text, nullable=True),
    Column("created", Float, nullable=False),
    Column("ended", Float, nullable=True, index=True),
    Column("tenant_uuid", String, nullable=True),
    sqlite_autoincrement=True,
)
changes: Final = Table(
    "change",
    METADATA,
    Column("number", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("id", String, nullable=False),
    Column("action", String, nullable=False),
    sqlite_autoincrement=True,
)
