"""The tree of categories."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Concat

from kernel.ids import new_id

SLUG = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
MAX_DEPTH = 5


class Category(models.Model):
    """
    A place in the tree; `path` is the slugs from the root down: `home/lamps`.

    `path` can't be wrong: the database makes it from `parent_path`, which a foreign key holds to
    the parent's and moves with it. So a move is an UPDATE of one row, and there is no circle,
    since each path in it would have to be longer than itself.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True)
    parent_path = models.CharField(  # noqa: DJ001 -- a root has none, and a key refers to it
        max_length=400, null=True, editable=False
    )
    slug = models.CharField(max_length=60, unique=True, validators=[RegexValidator(SLUG)])
    name = models.CharField(max_length=100)
    path = models.GeneratedField(
        expression=Case(
            When(parent_path=None, then=F("slug")),
            default=Concat(F("parent_path"), Value("/"), F("slug")),
        ),
        output_field=models.CharField(max_length=400),
        db_persist=True,
        unique=True,
    )
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "categories"
        ordering = ("path",)
        constraints = (
            models.CheckConstraint(condition=Q(slug__regex=SLUG), name="products_category_slug"),
            models.CheckConstraint(
                condition=Q(parent=None, parent_path=None)
                | Q(parent__isnull=False, parent_path__isnull=False),
                name="products_category_parent",
            ),
            models.CheckConstraint(
                condition=~Q(path__regex=f"(/.*){{{MAX_DEPTH}}}"),
                name="products_category_depth",
            ),
            models.UniqueConstraint(fields=["id", "path"], name="products_category_place"),
        )

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def held(cls, slug: str) -> Category | None:
        """Return a category that isn't deleted before the transaction has ended."""
        # As a foreign key would hold it: who moves or renames it isn't in the way.
        rows = cls.objects.raw(
            "SELECT * FROM products_category WHERE slug = %s FOR KEY SHARE", [slug]
        )
        return next(iter(rows), None)

    @property
    def depth(self) -> int:
        """The number of levels from the root down to this one, a root's being 1."""
        return 1 + str(self.path).count("/")

    def has(self, other: Category) -> bool:
        """Say whether the other one is this one or lies below it."""
        return f"{other.path}/".startswith(f"{self.path}/")

    def put_below(self, parent: Category | None) -> None:
        """Hang it below another one, or make it a root."""
        self.parent, self.parent_path = parent, parent.path if parent else None
