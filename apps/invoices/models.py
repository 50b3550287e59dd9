"""Invoices and credit notes, their numbers, and what is remembered until they are due."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import connection, models

from kernel.ids import new_id


class Seller(models.Model):
    """Who sells: one row, printed on every document and frozen into it."""

    ONLY: ClassVar[int] = 1
    PRINTED: ClassVar[tuple[str, ...]] = (
        "name",
        "street_address",
        "post_code",
        "city",
        "country",
        "vat_number",
        "email",
        "closing_words",
    )

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    name = models.CharField(max_length=200, default="The Shop AB")
    street_address = models.CharField(max_length=200, default="Drottninggatan 1")
    post_code = models.CharField(max_length=20, blank=True, default="111 51")
    city = models.CharField(max_length=200, default="Stockholm")
    country = models.CharField(max_length=2, default="SE", help_text="ISO 3166-1 alpha-2.")
    vat_number = models.CharField("VAT number", max_length=20, default="SE123456789701")
    email = models.EmailField(max_length=254, blank=True, default="billing@shop.example")
    closing_words = models.CharField(
        max_length=300, blank=True, default="Thank you for your order."
    )

    class Meta:
        verbose_name_plural = "seller"
        constraints = (
            models.CheckConstraint(condition=models.Q(id=1), name="invoices_seller_only_one"),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def printed(cls) -> dict[str, str]:
        """Return what a document says of the seller today."""
        seller = cls.objects.first() or cls()
        return {name: getattr(seller, name) for name in cls.PRINTED}


class Series(models.Model):
    """Numbers without a gap: one series for each kind of document and year."""

    code = models.CharField(max_length=20, primary_key=True)  # "INV-2026"
    last_position = models.PositiveIntegerField()
    last_issued_on = models.DateField()

    class Meta:
        verbose_name_plural = "series"

    def __str__(self) -> str:
        return self.code

    @classmethod
    def take(cls, kind: str, *, on: dt.date) -> Series:
        """
        Take the next number of this kind of document (`INV`, `CN`) in the year of `on`.

        The series stays locked until the transaction ends, which gives the number back if it
        fails: take it last. Dates grow with the numbers, whoever's clock is behind.
        """
        [series] = cls.objects.raw(
            """
            INSERT INTO invoices_series (code, last_position, last_issued_on)
            VALUES (%(code)s, 1, %(on)s)
            ON CONFLICT (code) DO UPDATE SET last_position = invoices_series.last_position + 1,
                last_issued_on = greatest(invoices_series.last_issued_on, excluded.last_issued_on)
            RETURNING *
            """,
            {"code": f"{kind}-{on.year}", "on": on},
        )
        return series

    @property
    def last_number(self) -> str:
        """The number that was taken last, as it is printed."""
        return f"{self.code}-{self.last_position:06d}"


class Billing(models.Model):
    """
    What is known of an order until its invoice is issued.

    The goods' arrival and the money come in any order; whichever is second makes it due.
    """

    order_id = models.UUIDField(primary_key=True)
    fulfilment = models.JSONField(null=True, help_text="Emptied at issue: the invoice has it.")
    captured_at = models.DateTimeField(null=True)
    issued_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.order_id)

    @classmethod
    def lock(cls, order_id: uuid.UUID) -> Billing:
        """Return the order's row, made at need, held until the transaction ends."""
        Billing.objects.bulk_create([Billing(order_id=order_id)], ignore_conflicts=True)
        return Billing.objects.select_for_update().get(order_id=order_id)

    @property
    def is_due(self) -> bool:
        """Whether goods and money have both arrived, and no invoice tells it yet."""
        return bool(self.fulfilment and self.captured_at and not self.issued_at)

    def note_fulfilment(self, fulfilment: Mapping[str, Any]) -> None:
        """Remember the final terms and the buyer, unless they are on the invoice already."""
        if not self.issued_at:
            self.fulfilment = dict(fulfilment)
            self.save(update_fields=["fulfilment"])

    def note_capture(self, at: dt.datetime) -> None:
        """Remember when the money came."""
        self.captured_at = at
        self.save(update_fields=["captured_at"])

    def close(self, at: dt.datetime) -> None:
        """Note that the invoice is issued; the buyer's data is kept there alone."""
        self.issued_at, self.fulfilment = at, None
        self.save(update_fields=["issued_at", "fulfilment"])


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


class Invoice(Issued):
    """What a customer bought and paid, as the law wants it kept."""

    order_id = models.UUIDField(unique=True)
    order_number = models.CharField(max_length=30)
    customer_id = models.UUIDField(null=True, help_text="Empty for a guest.")
    paid_on = models.DateField()
    terms = models.JSONField(help_text="Lines, delivery, discounts, taxes and total.")
    total = models.BigIntegerField(help_text="In minor units.")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["series", "position"], name="invoices_invoice_place"),
            models.CheckConstraint(
                condition=models.Q(total__gte=0), name="invoices_invoice_total_not_negative"
            ),
        )
        indexes = (models.Index(fields=["customer_id", "-id"], name="invoices_invoice_customer"),)


class CreditNote(Issued):
    """What was given back of an invoice."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    refund = models.OneToOneField(Refund, on_delete=models.PROTECT, related_name="credit_note")
    amount = models.BigIntegerField(help_text="In minor units.")
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


class KnownUser(models.Model):
    """Who has which e-mail address, as users said; an erased user keeps no address."""

    id = models.UUIDField(primary_key=True)
    version = models.PositiveIntegerField()
    email = models.EmailField(max_length=254, blank=True, db_index=True)
    is_erased = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.email or str(self.id)

    @classmethod
    def learn(cls, *, user_id: uuid.UUID, version: int, email: str, is_erased: bool) -> None:
        """Take over what a newer version says; an older one that comes late changes nothing."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO invoices_knownuser (id, version, email, is_erased)
                VALUES (%s, %s, %s, %s)
                ON CONFLICT (id) DO UPDATE SET version = excluded.version,
                    email = excluded.email, is_erased = excluded.is_erased
                WHERE invoices_knownuser.version < excluded.version
                """,
                [user_id, version, email, is_erased],
            )
