"""The tables."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

METADATA: Final = MetaData()
_SEQUENCE: Final = BigInteger().with_variant(Integer, "sqlite")

devices: Final = Table(
    "device",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("document", Text, nullable=False),
    *(
        Column(name, Text, nullable=True)
        for name in ("mac", "ip", "sn", "uuid", "vendor", "model", "version", "plugin", "config", "tenant_uuid")
    ),
    Column("configured", Boolean, nullable=False),
    Column("is_new", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
for _name in ("mac", "ip", "sn", "uuid", "vendor", "model", "plugin", "config", "tenant_uuid"):
    Index(f"ix_device_{_name}", devices.c[_name])

configs: Final = Table(
    "config",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("document", Text, nullable=False),
    Column("role", Text, nullable=True, index=True),
    Column("x_type", Text, nullable=True, index=True),
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
