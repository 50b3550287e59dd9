from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("bus", "0002_subscription"),
    ]

    operations = [
        # It reads the whole log once, for as long as that takes; nobody waits for it.
        migrations.RunSQL("SET statement_timeout = 0", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="outboxevent",
            index=models.Index(
                condition=models.Q(("set_aside", ""), _negated=True),
                fields=["sequence"],
                name="bus_outbox_set_aside",
            ),
        ),
        migrations.RunSQL("RESET statement_timeout", migrations.RunSQL.noop),
    ]
