from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bus", "0004_told"),
    ]

    operations = [
        migrations.CreateModel(
            name="FigureTotal",
            fields=[
                (
                    "name",
                    models.CharField(max_length=60, primary_key=True, serialize=False),
                ),
                ("total", models.BigIntegerField()),
            ],
            options={"db_table": "bus_figure"},
        ),
    ]
