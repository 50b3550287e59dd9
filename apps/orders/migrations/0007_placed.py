from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("orders", "0006_guests"),
    ]

    operations = [
        # They read all orders once, for as long as that takes; nobody waits for it.
        migrations.RunSQL("SET statement_timeout = 0", migrations.RunSQL.noop),
        ValidateConstraint(model_name="order", name="orders_order_person"),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(fields=["placed_at", "id"], name="orders_order_placed"),
        ),
        migrations.RunSQL("RESET statement_timeout", migrations.RunSQL.noop),
    ]
