"""Lists of a hundred thousand devices: compact documents, texts in one order everywhere, indexes for pages."""

import json

import sqlalchemy as sa
from alembic import op

from provisiond.store.texts import column_value, document_text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DEVICE_TEXTS = ("mac", "ip", "sn", "uuid", "vendor", "model", "version", "plugin", "config", "tenant_uuid")
_PAGED_BY = ("mac", "ip", "vendor", "model", "plugin", "config")
_BATCH = 500
_DEVICES = sa.table("device", sa.column("seq"), sa.column("document"), *(sa.column(name) for name in _DEVICE_TEXTS))
_CONFIGS = sa.table("config", sa.column("seq"), sa.column("document"), sa.column("role"), sa.column("x_type"))


def _rewrite(table: sa.TableClause, members: dict[str, str]) -> None:
    connection, after = op.get_bind(), 0
    change = sa.update(table).where(table.c.seq == sa.bindparam("number"))
    change = change.values(document=sa.bindparam("text"), **{name: sa.bindparam(f"new_{name}") for name in members})
    while True:
        statement = sa.select(table.c.seq, table.c.document).where(table.c.seq > after)
        rows = connection.execute(statement.order_by(table.c.seq).limit(_BATCH)).all()
        if not rows:
            return
        after = rows[-1].seq
        documents = [(row.seq, json.loads(row.document)) for row in rows]
        connection.execute(
            change,
            [
                {
                    "number": seq,
                    "text": document_text(document),
                    **{f"new_{name}": column_value(document.get(member)) for name, member in members.items()},
                }
                for seq, document in documents
            ],
        )


def _compare_by_characters() -> None:
    for table, names in (("device", ("id", *_DEVICE_TEXTS)), ("config", ("id", "role", "x_type"))):
        changes = ", ".join(f'ALTER COLUMN "{name}" TYPE TEXT COLLATE "C"' for name in names)
        op.execute(f'ALTER TABLE "{table}" {changes}')


def _tell_how_tenants_are_spread() -> None:
    # Without these PostgreSQL takes the devices of a few tenants for a handful, and sorts all of them for each batch.
    if op.get_bind().exec_driver_sql("SHOW server_version_num").scalar_one() >= "140000":
        op.execute("CREATE STATISTICS IF NOT EXISTS st_device_tenant ON (coalesce(tenant_uuid, '')) FROM device")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _compare_by_characters()
    _rewrite(_DEVICES, {name: name for name in _DEVICE_TEXTS})
    _rewrite(_CONFIGS, {"role": "role", "x_type": "X_type"})
    op.drop_index("ix_device_tenant_uuid", "device")
    for name in _PAGED_BY:
        op.create_index(f"ix_device_by_{name}", "device", ["tenant_uuid", sa.text(f"coalesce({name}, '')"), "seq"])
    op.create_index("ix_device_of_tenant", "device", ["tenant_uuid", "seq"])
    op.create_index("ix_device_configured", "device", ["configured", "seq"])
    if op.get_bind().dialect.name == "postgresql":
        _tell_how_tenants_are_spread()
