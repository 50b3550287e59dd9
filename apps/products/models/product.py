"""What is for sale."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.products.events import Package, ProductState
from apps.products.models.category import Category
from apps.products.models.family import Family
from kernel.ids import new_id
from kernel.money import MAX_AMOUNT, Money

CODE = r"^[A-Z0-9][A-Z0-9._-]{0,39}$"
CURRENCY = r"^[A-Z]{3}$"
LANGUAGE = "english"  # whose endings and filling words the search knows
MAX_TAGS, MAX_TAG = 20, 40
TAG = r"^[^|]*$"  # a file of CSV parts them by it
MAX_ATTRIBUTES, MAX_VALUE = 20, 100
MAX_MILLIMETRES, MAX_GRAMS = 10_000, 1_000_000


def _up_to(most: int, least: int = 1) -> list[Callable[[int], None]]:
    return [MinValueValidator(least), MaxValueValidator(most)]


class TaxClass(models.TextChoices):
    """Which of a country's tax rates a product has."""

    STANDARD = "standard", "Standard"
    REDUCED = "reduced", "Reduced"
    ZERO = "zero", "Zero"


class Product(models.Model):
    """Something that can be put in a cart. Deleted ones stay, so that their version does."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(
        max_length=40, help_text="In upper case; unique among products that aren't deleted."
    )
    name = models.CharField(max_length=200)
    description = models.TextField(max_length=10_000, blank=True)
    model = models.CharField(max_length=100, blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    tags = ArrayField(models.CharField(max_length=MAX_TAG), size=MAX_TAGS, default=list, blank=True)
    family = models.ForeignKey(
        Family, on_delete=models.PROTECT, null=True, blank=True, related_name="products"
    )
    attributes = models.JSONField(
        default=dict, blank=True, help_text="Texts by name: colour, size, material."
    )
    options = models.JSONField(
        null=True, editable=False, help_text="Those that tell it apart in its family."
    )
    width = models.PositiveIntegerField(
        help_text="Millimetres, packed.", validators=_up_to(MAX_MILLIMETRES)
    )
    length = models.PositiveIntegerField(
        help_text="Millimetres, packed.", validators=_up_to(MAX_MILLIMETRES)
    )
    height = models.PositiveIntegerField(
        help_text="Millimetres, packed.", validators=_up_to(MAX_MILLIMETRES)
    )
    weight = models.PositiveIntegerField(help_text="Grams, packed.", validators=_up_to(MAX_GRAMS))
    price_amount = models.BigIntegerField(
        help_text="In minor units: 1250 is EUR 12.50.",
        validators=_up_to(MAX_AMOUNT, least=0),
    )
    price_currency = models.CharField(max_length=3, validators=[RegexValidator(CURRENCY)])
    tax_class = models.CharField(
        max_length=10,
        choices=TaxClass,
        default=TaxClass.STANDARD,
        db_default=TaxClass.STANDARD,
        help_text="Which of a country's rates applies.",
    )
    is_active = models.BooleanField(default=True, help_text="Seen and sold.")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)
    search = models.GeneratedField(
        expression=SearchVector("name", weight="A", config=LANGUAGE)
        + SearchVector("code", weight="A", config=LANGUAGE)
        + SearchVector("model", weight="B", config=LANGUAGE)
        + SearchVector("description", weight="C", config=LANGUAGE),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["code"], condition=Q(deleted_at=None), name="products_product_code"
            ),
            models.CheckConstraint(
                condition=Q(code__regex=CODE), name="products_product_code_form"
            ),
            models.CheckConstraint(
                condition=Q(price_amount__gte=0, price_amount__lte=MAX_AMOUNT)
                & Q(price_currency__regex=CURRENCY),
                name="products_product_price",
            ),
            models.CheckConstraint(
                condition=Q(width__gte=1, length__gte=1, height__gte=1, weight__gte=1),
                name="products_product_package",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(is_active=False), name="products_product_deleted"
            ),
            models.UniqueConstraint(
                fields=["family", "options"],
                condition=Q(deleted_at=None, family__isnull=False),
                name="products_product_options",
            ),
            models.CheckConstraint(
                condition=Q(family=None, options__isnull=True)
                | Q(family__isnull=False, options__isnull=False, attributes__contains=F("options")),
                name="products_product_family",
            ),
            models.CheckConstraint(
                condition=Q(attributes__contains={}), name="products_product_attributes"
            ),
            models.CheckConstraint(
                condition=Q(tax_class__in=TaxClass.values), name="products_product_tax_class"
            ),
        )
        indexes = (
            models.Index(fields=["id"], name="products_shown", condition=Q(is_active=True)),
            models.Index(
                fields=["name", "id"], name="products_shown_name", condition=Q(is_active=True)
            ),
            models.Index(
                fields=["price_amount", "id"],
                name="products_shown_price",
                condition=Q(is_active=True),
            ),
            models.Index(
                fields=["category", "id"],
                name="products_shown_category",
                condition=Q(is_active=True),
            ),
            GinIndex(fields=["tags"], name="products_tags"),
            GinIndex(
                fields=["attributes"], name="products_attributes", opclasses=["jsonb_path_ops"]
            ),
            GinIndex(fields=["search"], name="products_search"),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @property
    def state(self) -> ProductState:
        """The product as the others may need to know it."""
        return ProductState(
            code=self.code,
            name=self.name,
            description=self.description,
            model=self.model,
            category=self.category.slug,
            tags=tuple(self.tags),
            package=Package(
                width=self.width, length=self.length, height=self.height, weight=self.weight
            ),
            price=Money(amount=self.price_amount, currency=self.price_currency),
            is_active=self.is_active,
            family=self.family_id,
            attributes=dict(self.attributes),
            tax_class=self.tax_class,
        )

    def take(self, state: ProductState, category: Category, family: Family | None) -> None:
        """
        Take another state; `category` and `family` are those that it names.

        :raises KeyError: without a value for an option of the family.
        """
        for field in ("code", "name", "description", "model", "is_active", "tax_class"):
            setattr(self, field, getattr(state, field))
        self.category, self.tags = category, list(state.tags)
        for field in ("width", "length", "height", "weight"):
            setattr(self, field, getattr(state.package, field))
        self.price_amount, self.price_currency = state.price.amount, state.price.currency
        self.family, self.attributes = family, dict(state.attributes)
        self.options = {name: state.attributes[name] for name in family.options} if family else None
