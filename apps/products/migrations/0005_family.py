import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
import kernel.ids
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("products", "0004_search")]

    operations = [
        migrations.CreateModel(
            name="Family",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True, max_length=10000)),
                (
                    "options",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30), size=3
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "updated_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
            ],
            options={
                "verbose_name_plural": "families",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(options__len__gte=1, options__len__lte=3),
                        name="products_family_options",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="product",
            name="family",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="products",
                to="products.family",
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="attributes",
            field=models.JSONField(
                blank=True, default=dict, help_text="Texts by name: colour, size, material."
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="options",
            field=models.JSONField(
                editable=False, help_text="Those that tell it apart in its family.", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.UniqueConstraint(
                condition=Q(deleted_at=None, family__isnull=False),
                fields=("family", "options"),
                name="products_product_options",
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=Q(family=None, options__isnull=True)
                | Q(
                    family__isnull=False,
                    options__isnull=False,
                    attributes__contains=F("options"),
                ),
                name="products_product_family",
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=Q(attributes__contains={}), name="products_product_attributes"
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["attributes"], name="products_attributes", opclasses=["jsonb_path_ops"]
            ),
        ),
    ]
