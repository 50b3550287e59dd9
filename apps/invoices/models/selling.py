"""Who sells, with what words in which language, and where the numbers come from."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

_PREFIX = RegexValidator(r"^[A-Z][A-Z0-9]{0,9}\Z", "Up to ten capital letters and digits.")
_VAT_NUMBER = RegexValidator(r"^[A-Z]{2}[A-Z0-9+*]{2,18}\Z", "A country's code, then the number.")
_COUNTRY = RegexValidator(r"^[A-Z]{2}\Z", "Two capital letters.")
_BIC = RegexValidator(r"^[A-Z0-9]{8}(?:[A-Z0-9]{3})?\Z", "Eight or eleven letters and digits.")


class Language(models.TextChoices):
    """What documents are written in."""

    ENGLISH = "en", "English"
    GERMAN = "de", "German"
    FRENCH = "fr", "French"

    @classmethod
    def of(cls, locale: str) -> Language:
        """Return a locale's language, or English if documents don't speak it."""
        spoken = locale.replace("_", "-").split("-")[0].lower()
        return cls(spoken) if spoken in cls.values else cls.ENGLISH


def demand_iban(value: str) -> None:
    """
    Let an account's number through if its check digits are right (ISO 13616).

    :raises ValidationError: if they are not.
    """
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", value):
        raise ValidationError("Capital letters and digits, without blanks.")
    digits = "".join(str(int(each, 36)) for each in value[4:] + value[:4])
    if int(digits) % 97 != 1:
        raise ValidationError("This is no account's number: it has a slip.")


class Logo(models.Model):
    """A picture for the head of documents; kept by its hash, since what is issued names it."""

    sha256 = models.CharField("SHA-256", max_length=64, primary_key=True)
    content = models.BinaryField()
    is_svg = models.BooleanField()
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{'SVG' if self.is_svg else 'PNG'} {self.sha256[:12]}"

    @classmethod
    def keep(cls, content: bytes, *, is_svg: bool, at: dt.datetime) -> Logo:
        """Return the logo of this content, which is kept once."""
        digest = hashlib.sha256(content).hexdigest()
        made = {"content": content, "is_svg": is_svg, "added_at": at}
        return cls.objects.get_or_create(sha256=digest, defaults=made)[0]


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
        "tax_number",
        "register_number",
        "email",
        "iban",
        "bic",
    )

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    name = models.CharField(max_length=200, default="The Shop AB")
    street_address = models.CharField(max_length=200, default="Drottninggatan 1")
    post_code = models.CharField(max_length=20, blank=True, default="111 51")
    city = models.CharField(max_length=200, default="Stockholm")
    country = models.CharField(
        max_length=2, default="SE", help_text="ISO 3166-1 alpha-2.", validators=[_COUNTRY]
    )
    vat_number = models.CharField(
        "VAT number", max_length=20, default="SE123456789701", blank=True, validators=[_VAT_NUMBER]
    )
    tax_number = models.CharField(
        max_length=35, blank=True, default="", help_text="The local tax office's, if there is one."
    )
    register_number = models.CharField(
        max_length=100, blank=True, default="", help_text="Of the register of companies."
    )
    email = models.EmailField(max_length=254, blank=True, default="billing@shop.example")
    iban = models.CharField("IBAN", max_length=34, blank=True, default="", validators=[demand_iban])
    bic = models.CharField("BIC", max_length=11, blank=True, default="", validators=[_BIC])
    logo = models.ForeignKey(Logo, on_delete=models.PROTECT, null=True, blank=True, editable=False)
    invoice_prefix = models.CharField(
        max_length=10,
        default="INV",
        validators=[_PREFIX],
        help_text="The series of a year begins with it: INV-2026-000001. A new one begins anew.",
    )
    credit_note_prefix = models.CharField(max_length=10, default="CN", validators=[_PREFIX])

    class Meta:
        verbose_name_plural = "seller"
        constraints = (
            models.CheckConstraint(condition=models.Q(id=1), name="invoices_seller_only_one"),
            models.CheckConstraint(
                condition=~models.Q(invoice_prefix=models.F("credit_note_prefix")),
                name="invoices_seller_two_series",
                violation_error_message="Invoices and credit notes need a series each.",
            ),
            models.CheckConstraint(
                condition=~models.Q(vat_number="", tax_number=""),
                name="invoices_seller_registered",
                violation_error_message="Give a VAT number or a tax number: invoices need one.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def current(cls) -> Seller:
        """Return who sells today."""
        return cls.objects.select_related("logo").first() or cls()

    def printed(self, locale: str) -> dict[str, Any]:
        """Return what a document for this locale says of the seller from now on."""
        text = SellerText.of(Language.of(locale))
        return {
            **{name: getattr(self, name) for name in self.PRINTED},
            "closing_words": text.closing_words,
            "untaxed_reason": text.untaxed_reason,
            "logo": self.logo_id,
        }


class SellerText(models.Model):
    """What the seller says on documents of one language; English stands in for what is missing."""

    language = models.CharField(max_length=2, primary_key=True, choices=Language)
    closing_words = models.CharField(
        max_length=300, blank=True, default="Thank you for your order."
    )
    untaxed_reason = models.CharField(
        max_length=200,
        default="No tax is charged.",
        help_text="Why something bears no tax, where it doesn't.",
    )

    class Meta:
        verbose_name = "seller's text"

    def __str__(self) -> str:
        return self.get_language_display()

    @classmethod
    def of(cls, language: Language) -> SellerText:
        """Return the texts in a language."""
        texts = cls.objects.in_bulk([language, Language.ENGLISH])
        return texts.get(language) or texts.get(Language.ENGLISH) or cls()


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
    def take(cls, prefix: str, *, on: dt.date) -> Series:
        """
        Take the next number with this prefix in the year of `on`.

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
            {"code": f"{prefix}-{on.year}", "on": on},
        )
        return series

    @property
    def last_number(self) -> str:
        """The number that was taken last, as it is printed."""
        return f"{self.code}-{self.last_position:06d}"
