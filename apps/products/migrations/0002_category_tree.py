"""The path of a category is the database's work: it moves with its parent's, and never wrongly."""

from django.db import migrations, models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Concat

_HOLD = """
ALTER TABLE products_category ADD CONSTRAINT products_category_parent_path
    FOREIGN KEY (parent_id, parent_path) REFERENCES products_category (id, path)
    ON UPDATE CASCADE
"""
_LET_GO = "ALTER TABLE products_category DROP CONSTRAINT products_category_parent_path"
_REMEMBER = """
UPDATE products_category SET parent_path = left(path, -length(slug) - 1)
WHERE parent_id IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("products", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="category",
            name="parent_path",
            field=models.CharField(editable=False, max_length=400, null=True),
        ),
        migrations.AddField(
            model_name="category",
            name="version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.RunSQL(_REMEMBER, migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="category", name="products_category_path"),
        migrations.RemoveField(model_name="category", name="path"),
        migrations.AddField(
            model_name="category",
            name="path",
            field=models.GeneratedField(
                db_persist=True,
                expression=Case(
                    When(parent_path=None, then=F("slug")),
                    default=Concat(F("parent_path"), Value("/"), F("slug")),
                ),
                output_field=models.CharField(max_length=400),
                unique=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="category",
            constraint=models.CheckConstraint(
                condition=Q(parent=None, parent_path=None)
                | Q(parent__isnull=False, parent_path__isnull=False),
                name="products_category_parent",
            ),
        ),
        migrations.AddConstraint(
            model_name="category",
            constraint=models.CheckConstraint(
                condition=~Q(path__regex="(/.*){5}"), name="products_category_depth"
            ),
        ),
        migrations.AddConstraint(
            model_name="category",
            constraint=models.UniqueConstraint(
                fields=("id", "path"), name="products_category_place"
            ),
        ),
        migrations.RunSQL(_HOLD, _LET_GO),
    ]
