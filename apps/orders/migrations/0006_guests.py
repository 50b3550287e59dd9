from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_default_tax_rates"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="email",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="A guest's alone.",
                max_length=254,
            ),
        ),
        AddConstraintNotValid(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=(
                    Q(customer_id=None, person_id=F("id"))
                    | Q(customer_id__isnull=False, email="", person_id=F("customer_id"))
                ),
                name="orders_order_person",
            ),
        ),
    ]
