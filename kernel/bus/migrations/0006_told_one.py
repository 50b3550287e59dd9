from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bus", "0005_figure_total"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="told",
            constraint=models.CheckConstraint(condition=models.Q(("id", 1)), name="bus_told_one"),
        ),
    ]
