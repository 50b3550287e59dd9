from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("products", "0002_category_tree")]

    operations = [
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                condition=models.Q(("is_active", True)),
                fields=["price_amount", "id"],
                name="products_shown_price",
            ),
        ),
    ]
