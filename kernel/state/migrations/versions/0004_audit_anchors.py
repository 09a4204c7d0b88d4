"""Anchors of the audit, where its chains end, and triggers that refuse to change or delete what was recorded.

A migration that was released is never edited. Instants are microseconds since 1970.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, String, Text, text

revision = "0004"
down_revision = "0003"

ENDS = """
INSERT INTO audit_chains (tenant, chain, number, hash, anchored, grown)
SELECT tenant, chain, number, hash, 0, 1 FROM audit_entries AS newest
WHERE number = (
    SELECT max(number) FROM audit_entries AS one WHERE one.tenant = newest.tenant AND one.chain = newest.chain
)
"""

SAID = "the audit is only ever added to"
# INSERT OR REPLACE deletes without asking the trigger for deletions, hence the one for insertions.
ON_SQLITE = (
    "CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{said}'); END",
    "CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{said}'); END",
    "CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
    "WHEN EXISTS (SELECT 1 FROM {table} AS kept WHERE {same}) BEGIN SELECT RAISE(ABORT, '{said}'); END",
)
FUNCTION = (
    "CREATE FUNCTION audit_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '{said}'; END $$"
)
ON_POSTGRESQL = (
    "CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION audit_is_only_added_to()",
    "CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_added_to()",
)
KEYS = {"audit_entries": ("tenant", "chain", "number"), "audit_anchors": ("tenant", "number")}


def upgrade() -> None:
    op.create_table(
        "audit_chains",
        Column("tenant", String(63), nullable=False),
        Column("chain", String(128), nullable=False),
        Column("number", Integer, nullable=False),
        Column("hash", String(64), nullable=False),
        Column("anchored", Integer, nullable=False),
        Column("grown", Integer, nullable=False),
        PrimaryKeyConstraint("tenant", "chain", name="pk_audit_chains"),
    )
    grown = text("grown = 1")
    op.create_index(
        "ix_audit_chains_grown", "audit_chains", ["tenant", "chain"], sqlite_where=grown, postgresql_where=grown
    )
    op.create_table(
        "audit_anchors",
        Column("tenant", String(63), nullable=False),
        Column("number", Integer, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
        Column("content", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "number", name="pk_audit_anchors"),
    )
    op.execute(ENDS)
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if not on_sqlite:
        op.execute(FUNCTION.format(said=SAID))
    for table, key in KEYS.items():
        same = " AND ".join(f"kept.{column} = NEW.{column}" for column in key)
        for trigger in ON_SQLITE if on_sqlite else ON_POSTGRESQL:
            op.execute(trigger.format(table=table, same=same, said=SAID))
