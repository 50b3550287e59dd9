from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bus", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("handler", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
                ("checked_to", models.BigIntegerField(help_text="A sequence of the log.")),
            ],
            options={
                "db_table": "bus_subscription",
            },
        ),
    ]
