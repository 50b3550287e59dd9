"""What a migration may tell PostgreSQL while the older release still runs, as squawk judges it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.migration_lint import Told, refuses

NULLABLE = 'ALTER TABLE "orders_order" ADD COLUMN "note" varchar(80) NULL'
NEW_TABLE = (
    'CREATE TABLE "orders_note" ("id" uuid NOT NULL PRIMARY KEY, "text" varchar(80) NOT NULL)'
)
CONCURRENT = 'CREATE INDEX CONCURRENTLY "notes" ON "orders_order" ("note")'
# Django's way to add a column that must be filled: whoever doesn't know it can insert no more.
DEFAULT_OF_DJANGO = [
    """ALTER TABLE "orders_order" ADD COLUMN "note" varchar(80) DEFAULT '' NOT NULL""",
    'ALTER TABLE "orders_order" ALTER COLUMN "note" DROP DEFAULT',
]


@pytest.mark.parametrize(
    "told",
    [
        Told(is_atomic=True, sql=[NULLABLE]),
        Told(is_atomic=True, sql=[NEW_TABLE]),
        Told(is_atomic=False, sql=[CONCURRENT]),
        Told(is_atomic=True, sql=["UPDATE orders_order SET note = 'a'"]),
    ],
)
def test_what_the_older_code_does_not_notice_is_let_through(told: Told, tmp_path: Path) -> None:
    assert not refuses("orders 0099_note", told, tmp_path)


@pytest.mark.parametrize(
    "told",
    [
        Told(is_atomic=True, sql=DEFAULT_OF_DJANGO),
        Told(is_atomic=True, sql=['ALTER TABLE "orders_order" DROP COLUMN "note"']),
        Told(is_atomic=True, sql=['ALTER TABLE "orders_order" RENAME COLUMN "note" TO "remark"']),
        Told(is_atomic=True, sql=['CREATE INDEX "notes" ON "orders_order" ("note")']),
        Told(is_atomic=True, sql=['ALTER TABLE "orders_order" ADD CHECK (total > 0)']),
    ],
)
def test_what_breaks_or_blocks_the_older_code_is_refused(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refuses("orders 0099_note", told, tmp_path)
    assert "orders.0099_note.sql" in capsys.readouterr().out
