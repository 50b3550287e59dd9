import django.db.models.fields.json
import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("invoices", "0003_papers_hold_by_themselves")]

    operations = [
        AddIndexConcurrently(
            model_name="invoice",
            index=models.Index(
                django.db.models.functions.text.Lower(
                    django.db.models.fields.json.KT("buyer__email")
                ),
                name="invoices_invoice_email",
            ),
        ),
        AddIndexConcurrently(
            model_name="invoice",
            index=models.Index(
                fields=["issued_on", "series", "position"], name="invoices_invoice_issued"
            ),
        ),
        AddIndexConcurrently(
            model_name="creditnote",
            index=models.Index(
                fields=["issued_on", "series", "position"], name="invoices_creditnote_issued"
            ),
        ),
    ]
