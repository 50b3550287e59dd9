"""Invoices and credit notes, their files, and the refunds that credit notes tell of."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Lower

from apps.invoices.models.selling import Series
from apps.invoices.models.shares import TaxLines, part_of, taxed
from kernel.ids import new_id

ISSUED_ORDER = ("issued_on", "series", "position")  # in which months are read


class Refund(models.Model):
    """Money that went back to a customer; without a credit note it waits for the invoice."""

    id = models.UUIDField(primary_key=True)
    order_id = models.UUIDField(db_index=True)
    amount = models.BigIntegerField(help_text="In minor units.")
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=500, blank=True)
    refunded_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(amount__gt=0), name="invoices_refund_amount_positive"
            ),
        )

    def __str__(self) -> str:
        return str(self.id)


class Issued(models.Model):
    """What invoices and credit notes have in common; nothing of it changes after issue."""

    id = models.UUIDField(primary_key=True, default=new_id)
    series = models.ForeignKey(Series, on_delete=models.PROTECT, db_index=False)
    position = models.PositiveIntegerField()
    number = models.CharField(max_length=30, unique=True)  # "INV-2026-000001"
    issued_on = models.DateField()
    issued_at = models.DateTimeField()
    locale = models.CharField(max_length=35)
    currency = models.CharField(max_length=3)
    seller = models.JSONField()
    buyer = models.JSONField()
    sha256 = models.CharField("SHA-256 of the PDF", max_length=64)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.number

    def take_number(self, series: Series) -> None:
        """Bear the number that was taken last."""
        self.series, self.position = series, series.last_position
        self.number, self.issued_on = series.last_number, series.last_issued_on


class CreditExceedsInvoice(Exception):
    """More would be credited of an invoice than it says, or in another currency."""


class Invoice(Issued):
    """What a customer bought and paid, as the law wants it kept."""

    order_id = models.UUIDField(unique=True)
    order_number = models.CharField(max_length=30)
    customer_id = models.UUIDField(null=True, help_text="Empty for a guest.")
    paid_on = models.DateField()
    delivered_on = models.DateField(null=True, help_text="Empty where nobody noted it.")
    terms = models.JSONField(help_text="Lines, delivery, discounts, taxes and total.")
    total = models.BigIntegerField(help_text="In minor units.")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["series", "position"], name="invoices_invoice_place"),
            models.CheckConstraint(
                condition=models.Q(total__gte=0), name="invoices_invoice_total_not_negative"
            ),
        )
        indexes = (
            models.Index(fields=["customer_id", "-id"], name="invoices_invoice_customer"),
            models.Index(Lower(KT("buyer__email")), name="invoices_invoice_email"),
            models.Index(fields=ISSUED_ORDER, name="invoices_invoice_issued"),
        )

    def taxed(self) -> TaxLines:
        """Return net and tax by rate, which make up the total."""
        return taxed(self.terms, self.total)

    def credit(self, amount: int, currency: str, *, earlier: Iterable[CreditNote]) -> TaxLines:
        """
        Return what an amount to be credited consists of: net and tax by rate.

        :raises CreditExceedsInvoice: if it is more than the earlier credit notes left over.
        """
        notes = list(earlier)
        left = self.total - sum(note.amount for note in notes)
        if amount > left or currency != self.currency:
            raise CreditExceedsInvoice(
                f"{self.number}: {amount} {currency} of {left} {self.currency} that are left."
            )
        return part_of(self.taxed(), amount, less=[note.tax_lines for note in notes])


class CreditNote(Issued):
    """What was given back of an invoice; a trigger holds their sum within its total."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    refund = models.OneToOneField(Refund, on_delete=models.PROTECT, related_name="credit_note")
    amount = models.BigIntegerField(help_text="In minor units.")
    tax_lines = models.JSONField(default=list, help_text="The amount's net and tax by rate.")
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["series", "position"], name="invoices_creditnote_place"
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0), name="invoices_creditnote_amount_positive"
            ),
        )
        indexes = (models.Index(fields=ISSUED_ORDER, name="invoices_creditnote_issued"),)


class Document(models.Model):
    """A PDF: the wish to store it, with its bytes, until the storage has them."""

    id = models.UUIDField(primary_key=True, default=new_id)
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, null=True)
    credit_note = models.OneToOneField(CreditNote, on_delete=models.PROTECT, null=True)
    key = models.CharField(max_length=200, unique=True, help_text="Its name in the storage.")
    content = models.BinaryField(null=True)
    stored_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(invoice=None) ^ models.Q(credit_note=None),
                name="invoices_document_of_one",
            ),
            models.CheckConstraint(
                condition=models.Q(content=None) ^ models.Q(stored_at=None),
                name="invoices_document_here_or_there",
            ),
        )

    def __str__(self) -> str:
        return self.key
