from django.db import migrations, models

# Neither written to the log nor kept over a crash; room on each page for the counts to change in
# place, since each request changes one.
_UNLOGGED = """
ALTER TABLE rest_throttle_count SET UNLOGGED;
ALTER TABLE rest_throttle_count SET (fillfactor = 50);
"""


class Migration(migrations.Migration):
    dependencies = [("rest", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ThrottleCount",
            fields=[
                ("key", models.UUIDField(primary_key=True, serialize=False)),
                ("scope", models.CharField(max_length=30)),
                ("taken", models.IntegerField()),
                ("ends_at", models.DateTimeField()),
            ],
            options={"db_table": "rest_throttle_count"},
        ),
        migrations.RunSQL(_UNLOGGED, migrations.RunSQL.noop),
    ]
