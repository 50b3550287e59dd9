import django.utils.timezone
from django.db import migrations, models
from django.db.models import Q

_SIZES = """
UPDATE products_picture
SET state = 'READY', sizes = jsonb_build_array(
    jsonb_build_object('key', key, 'width', width, 'height', height)
)
"""


class Migration(migrations.Migration):
    dependencies = [("products", "0007_word")]

    operations = [
        migrations.AddField(
            model_name="picture",
            name="state",
            field=models.CharField(
                choices=[
                    ("AWAITING", "Nothing was uploaded yet, as far as we were told"),
                    ("PROCESSING", "Uploaded, and looked at"),
                    ("READY", "Shown"),
                    ("REFUSED", "Uploaded, and no fit picture"),
                ],
                default="AWAITING",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="picture",
            name="content_type",
            field=models.CharField(
                blank=True, default="", help_text="As announced.", max_length=20
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="picture",
            name="alt_text",
            field=models.CharField(blank=True, default="", max_length=300),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="picture",
            name="sizes",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Key, width and height of each, smallest first.",
            ),
        ),
        migrations.AddField(
            model_name="picture",
            name="reason",
            field=models.CharField(
                blank=True, default="", help_text="Why it was refused.", max_length=40
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="picture",
            name="created_at",
            field=models.DateTimeField(db_index=True, default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.RunSQL(_SIZES, migrations.RunSQL.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="picture", name="products_picture_once"),
        migrations.RemoveConstraint(model_name="picture", name="products_picture_place"),
        migrations.RemoveField(model_name="picture", name="key"),
        migrations.RemoveField(model_name="picture", name="width"),
        migrations.RemoveField(model_name="picture", name="height"),
        migrations.AlterField(
            model_name="picture", name="position", field=models.PositiveIntegerField()
        ),
        migrations.AlterModelOptions(
            name="picture", options={"ordering": ("product", "position", "id")}
        ),
        migrations.AddConstraint(
            model_name="picture",
            constraint=models.CheckConstraint(
                condition=Q(state__in=["AWAITING", "PROCESSING", "READY", "REFUSED"]),
                name="products_picture_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="picture",
            constraint=models.CheckConstraint(
                condition=Q(("state", "READY")) ^ Q(("sizes", [])), name="products_picture_sizes"
            ),
        ),
        migrations.AddConstraint(
            model_name="picture",
            constraint=models.CheckConstraint(
                condition=Q(("state", "REFUSED")) ^ Q(("reason", "")),
                name="products_picture_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="picture",
            index=models.Index(fields=["product", "position", "id"], name="products_picture_place"),
        ),
    ]
