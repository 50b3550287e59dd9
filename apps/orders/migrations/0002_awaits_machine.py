from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("orders", "0001_initial"),
    ]

    operations = [
        # It reads all orders once, for as long as that takes; nobody waits for it.
        migrations.RunSQL("SET statement_timeout = 0", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                fields=["updated_at"],
                name="orders_order_awaits_machine",
                condition=(
                    Q(state="PLACED")
                    | (Q(state="SHIPPED") & ~Q(heard__contains=["PackageCreated"]))
                    | (Q(state="CONFIRMED") & Q(heard__contains=["DeliveryCompleted"]))
                    | Q(state="CANCELLING")
                    | (Q(state="FULFILLED") & ~Q(heard__contains=["PaymentCaptured"]))
                ),
            ),
        ),
        migrations.RunSQL("RESET statement_timeout", migrations.RunSQL.noop),
    ]
