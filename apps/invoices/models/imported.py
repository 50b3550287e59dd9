"""What imports have brought: a row for each line of a file, and one for each invoice."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Collection, Sequence

from django.db import connection, models
from django.db.models import Q

from apps.invoices.models.imports import Import, Outcome

MAX_NUMBER = 100


@dataclasses.dataclass(frozen=True)
class NewInvoice:
    """An invoice of the legacy system, on its line; its products are JSON."""

    line: int
    number: str
    customer_email: str
    total: int
    products: str


class ImportedInvoice(models.Model):
    """An invoice that another system issued: no number of ours, and no order."""

    number = models.CharField(max_length=MAX_NUMBER, primary_key=True)
    source = models.ForeignKey(Import, on_delete=models.PROTECT, db_index=False)
    line = models.PositiveIntegerField()
    customer_email = models.EmailField(max_length=254, db_index=True)
    total = models.BigIntegerField(help_text="In minor units.")
    currency = models.CharField(max_length=3)
    products = models.JSONField(help_text="The other system's ids, and quantities.")
    imported_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["source", "line"], name="invoices_importedinvoice_line"
            ),
            models.CheckConstraint(
                condition=Q(total__gte=0), name="invoices_importedinvoice_not_negative"
            ),
        )

    def __str__(self) -> str:
        return self.number

    @classmethod
    def add(
        cls, source: Import, invoices: Sequence[NewInvoice], *, currency: str, at: dt.datetime
    ) -> set[int]:
        """
        Keep invoices whose number is new, of two with one number the first.

        Return the lines of those that were kept. Numbers are taken in their order, lest two
        imports wait for each other.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO invoices_importedinvoice (number, source_id, line, customer_email,
                    total, currency, products, imported_at)
                SELECT number, %(source)s, line, email, total, %(currency)s, products::jsonb, %(at)s
                FROM unnest(%(numbers)s::text[], %(lines)s::int[], %(emails)s::text[],
                    %(totals)s::bigint[], %(products)s::text[])
                    AS invoice (number, line, email, total, products)
                ORDER BY number, line
                ON CONFLICT (number) DO NOTHING RETURNING line
                """,
                {
                    "source": source.id,
                    "currency": currency,
                    "at": at,
                    "numbers": [each.number for each in invoices],
                    "lines": [each.line for each in invoices],
                    "emails": [each.customer_email for each in invoices],
                    "totals": [each.total for each in invoices],
                    "products": [each.products for each in invoices],
                },
            )
            return {line for (line,) in cursor.fetchall()}


@dataclasses.dataclass(frozen=True)
class EndedLine:
    """What became of a line; a reason if it is invalid."""

    number: int
    outcome: Outcome
    invoice_number: str = ""
    reason: str = ""


class ImportLine(models.Model):
    """A line of a file, and what became of it. Blank lines have no row."""

    source = models.ForeignKey(
        Import, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    number = models.PositiveIntegerField("line", help_text="From 1.")
    outcome = models.CharField(max_length=19, choices=Outcome)
    invoice_number = models.CharField(max_length=MAX_NUMBER, blank=True)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it is no invoice.")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["source", "number"], name="invoices_importline_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="invoices_importline_outcome"
            ),
            models.CheckConstraint(
                condition=Q(outcome="INVALID") ^ Q(reason=""), name="invoices_importline_reason"
            ),
        )
        indexes = (
            models.Index(fields=["source", "outcome", "number"], name="invoices_importline_ended"),
        )

    def __str__(self) -> str:
        return f"{self.number}: {self.outcome}"

    @classmethod
    def add(cls, source_id: uuid.UUID, lines: Collection[EndedLine]) -> None:
        """Keep lines; one that is there already is a fault, and refused by the database."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO invoices_importline (source_id, number, outcome, invoice_number, reason)
                SELECT %s, * FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[])
                """,
                [
                    source_id,
                    [line.number for line in lines],
                    [line.outcome.value for line in lines],
                    [line.invoice_number for line in lines],
                    [line.reason for line in lines],
                ],
            )
