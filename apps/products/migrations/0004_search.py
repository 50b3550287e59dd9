from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import TrigramExtension
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("products", "0003_shown_price")]

    operations = [
        TrigramExtension(),  # trusted: the owner of the database may make it
        migrations.AddField(
            model_name="product",
            name="search",
            field=models.GeneratedField(
                db_persist=True,
                expression=SearchVector("name", weight="A", config="english")
                + SearchVector("code", weight="A", config="english")
                + SearchVector("model", weight="B", config="english")
                + SearchVector("description", weight="C", config="english"),
                output_field=SearchVectorField(),
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=GinIndex(fields=["search"], name="products_search"),
        ),
        migrations.AddIndex(
            model_name="product",
            index=GinIndex(fields=["name"], name="products_name_alike", opclasses=["gin_trgm_ops"]),
        ),
    ]
