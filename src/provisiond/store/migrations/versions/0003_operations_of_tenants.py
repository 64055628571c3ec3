"""Operations about devices belong to the tenant of the device: others see nothing of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operation", sa.Column("tenant_uuid", sa.String, nullable=True))
