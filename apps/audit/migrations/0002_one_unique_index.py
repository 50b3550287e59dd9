from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        # The name says class and month, and is unique. ON CONFLICT waits at one unique index only.
        migrations.RemoveConstraint(model_name="chain", name="audit_chain_once"),
    ]
