import apps.invoices.models.selling
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

TEXTS = {
    "de": ("Vielen Dank für Ihre Bestellung.", "Es wird keine Umsatzsteuer erhoben."),
    "fr": ("Merci de votre commande.", "Aucune TVA n’est perçue."),
}


def make_texts(apps, schema_editor):
    text = apps.get_model("invoices", "SellerText").objects
    seller = apps.get_model("invoices", "Seller").objects.first()
    text.create(language="en", **({"closing_words": seller.closing_words} if seller else {}))
    for language, (closing_words, untaxed_reason) in TEXTS.items():
        text.create(language=language, closing_words=closing_words, untaxed_reason=untaxed_reason)


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Logo",
            fields=[
                (
                    "sha256",
                    models.CharField(
                        max_length=64, primary_key=True, serialize=False, verbose_name="SHA-256"
                    ),
                ),
                ("content", models.BinaryField()),
                ("is_svg", models.BooleanField()),
                ("added_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SellerText",
            fields=[
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("de", "German"), ("fr", "French")],
                        max_length=2,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "closing_words",
                    models.CharField(
                        blank=True, default="Thank you for your order.", max_length=300
                    ),
                ),
                (
                    "untaxed_reason",
                    models.CharField(
                        default="No tax is charged.",
                        help_text="Why something bears no tax, where it doesn't.",
                        max_length=200,
                    ),
                ),
            ],
            options={
                "verbose_name": "seller's text",
            },
        ),
        migrations.RunPython(make_texts, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name="seller",
            name="closing_words",
        ),
        migrations.AddField(
            model_name="creditnote",
            name="tax_lines",
            field=models.JSONField(default=list, help_text="The amount's net and tax by rate."),
        ),
        migrations.AddField(
            model_name="invoice",
            name="delivered_on",
            field=models.DateField(help_text="Empty where nobody noted it.", null=True),
        ),
        migrations.AddField(
            model_name="seller",
            name="bic",
            field=models.CharField(
                blank=True,
                default="",
                max_length=11,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Z0-9]{8}(?:[A-Z0-9]{3})?\\Z", "Eight or eleven letters and digits."
                    )
                ],
                verbose_name="BIC",
            ),
        ),
        migrations.AddField(
            model_name="seller",
            name="credit_note_prefix",
            field=models.CharField(
                default="CN",
                max_length=10,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Z][A-Z0-9]{0,9}\\Z", "Up to ten capital letters and digits."
                    )
                ],
            ),
        ),
        migrations.AddField(
            model_name="seller",
            name="iban",
            field=models.CharField(
                blank=True,
                default="",
                max_length=34,
                validators=[apps.invoices.models.selling.demand_iban],
                verbose_name="IBAN",
            ),
        ),
        migrations.AddField(
            model_name="seller",
            name="invoice_prefix",
            field=models.CharField(
                default="INV",
                help_text="The series of a year begins with it: INV-2026-000001. A new one begins anew.",
                max_length=10,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Z][A-Z0-9]{0,9}\\Z", "Up to ten capital letters and digits."
                    )
                ],
            ),
        ),
        migrations.AddField(
            model_name="seller",
            name="register_number",
            field=models.CharField(
                blank=True, default="", help_text="Of the register of companies.", max_length=100
            ),
        ),
        migrations.AddField(
            model_name="seller",
            name="tax_number",
            field=models.CharField(
                blank=True,
                default="",
                help_text="The local tax office's, if there is one.",
                max_length=35,
            ),
        ),
        migrations.AlterField(
            model_name="seller",
            name="country",
            field=models.CharField(
                default="SE",
                help_text="ISO 3166-1 alpha-2.",
                max_length=2,
                validators=[
                    django.core.validators.RegexValidator("^[A-Z]{2}\\Z", "Two capital letters.")
                ],
            ),
        ),
        migrations.AlterField(
            model_name="seller",
            name="vat_number",
            field=models.CharField(
                blank=True,
                default="SE123456789701",
                max_length=20,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Z]{2}[A-Z0-9+*]{2,18}\\Z", "A country's code, then the number."
                    )
                ],
                verbose_name="VAT number",
            ),
        ),
        migrations.AddField(
            model_name="seller",
            name="logo",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="invoices.logo",
            ),
        ),
        migrations.AddConstraint(
            model_name="seller",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("invoice_prefix", models.F("credit_note_prefix")), _negated=True
                ),
                name="invoices_seller_two_series",
                violation_error_message="Invoices and credit notes need a series each.",
            ),
        ),
        migrations.AddConstraint(
            model_name="seller",
            constraint=models.CheckConstraint(
                condition=models.Q(("tax_number", ""), ("vat_number", ""), _negated=True),
                name="invoices_seller_registered",
                violation_error_message="Give a VAT number or a tax number: invoices need one.",
            ),
        ),
    ]
