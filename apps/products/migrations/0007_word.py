from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

_LEARN = r"""
INSERT INTO products_word (word)
SELECT DISTINCT left(found[1], 40)
FROM products_product, regexp_matches(lower(name), '[^\W_]{4,}', 'g') AS each (found)
WHERE deleted_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("products", "0006_tax_class")]

    operations = [
        migrations.CreateModel(
            name="Word",
            fields=[
                ("word", models.CharField(max_length=40, primary_key=True, serialize=False)),
            ],
        ),
        migrations.RunSQL(_LEARN, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="word",
            index=GinIndex(fields=["word"], name="products_word_alike", opclasses=["gin_trgm_ops"]),
        ),
        migrations.RemoveIndex(model_name="product", name="products_name_alike"),
    ]
