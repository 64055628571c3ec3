"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_DEVICE_TEXTS = ("mac", "ip", "sn", "uuid", "vendor", "model", "version", "plugin", "config", "tenant_uuid")


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("document", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text, nullable=True) for name in _DEVICE_TEXTS),
        sa.Column("configured", sa.Boolean, nullable=False),
        sa.Column("is_new", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    for name in _DEVICE_TEXTS:
        if name != "version":
            op.create_index(f"ix_device_{name}", "device", [name])
    op.create_table(
        "config",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=True, index=True),
        sa.Column("x_type", sa.Text, nullable=True, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "config_parent",
        sa.Column("config_id", sa.String, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("parent_id", sa.String, nullable=False, index=True),
    )
    op.create_table(
        "parameter",
        sa.Column("tenant_uuid", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table("fact", sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.Text, nullable=False))
    op.create_table(
        "tenant",
        sa.Column("uuid", sa.String, primary_key=True),
        sa.Column("parent_uuid", sa.String, nullable=True),
        sa.Column("name", sa.Text, nullable=True),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("acl", sa.Text, nullable=False),
        sa.Column("tenant_uuid", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=True),
        sa.Column("last_used", sa.Float, nullable=True),
    )
    op.create_table(
        "operation",
        sa.Column("id", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=True),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, nullable=True, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "change",
        sa.Column("number", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
