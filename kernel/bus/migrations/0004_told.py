from django.db import migrations, models

# What lies in the log when figures are first told was before their time.
_BEGIN = "INSERT INTO bus_told (told_to) SELECT coalesce(max(sequence), 0) FROM bus_outbox"


class Migration(migrations.Migration):
    dependencies = [
        ("bus", "0003_set_aside"),
    ]

    operations = [
        migrations.CreateModel(
            name="Told",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("told_to", models.BigIntegerField(help_text="A sequence of the log.")),
            ],
            options={
                "verbose_name": "figures told",
                "verbose_name_plural": "figures told",
                "db_table": "bus_told",
            },
        ),
        migrations.RunSQL(_BEGIN, migrations.RunSQL.noop),
    ]
