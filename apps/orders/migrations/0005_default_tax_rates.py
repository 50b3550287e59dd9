"""
VAT rates to begin with, of the European Union and Norway; staff change them in the admin.

Standard rates: European Commission, "VAT rules and rates" (europa.eu, Your Europe; the same as
the database TEDB), with the changes that have come into force since: Finland 25.5 (September
2024), Slovakia 23 (January 2025), Estonia 24 (July 2025), Romania 21 (August 2025). Norway:
Skatteetaten.

Reduced rates: the same sources. Where a country has several, the highest that is no parking
rate, so that nobody is taxed too little by default; which goods have it is for staff to say.
Denmark has none, and those of Estonia, Finland and Lithuania have changed too lately to
be sure of: there, a reduced product bears the standard rate until staff add theirs.
"""

from decimal import Decimal

from django.db import migrations

from kernel.ids import new_id

STANDARD = (
    "AT 20|BE 21|BG 20|HR 25|CY 19|CZ 21|DK 25|EE 24|FI 25.5|FR 20|DE 19|GR 24|HU 27|IE 23|IT 22|"
    "LV 21|LT 21|LU 17|MT 18|NL 21|PL 23|PT 23|RO 21|SK 23|SI 22|ES 21|SE 25|NO 25"
)
REDUCED = (
    "AT 13|BE 12|BG 9|HR 13|CY 9|CZ 12|FR 10|DE 7|GR 13|HU 18|IE 13.5|IT 10|LV 12|LU 8|MT 7|"
    "NL 9|PL 8|PT 13|RO 11|SK 19|SI 9.5|ES 10|SE 12|NO 15"
)


def make_rates(apps, schema_editor):
    """Make the rates, unless staff have some already."""
    rate_model = apps.get_model("orders", "TaxRate")
    if rate_model.objects.exists():
        return
    rate_model.objects.bulk_create(
        rate_model(
            id=new_id(),
            country=rate.split()[0],
            tax_class=tax_class,
            name="VAT",
            percent=Decimal(rate.split()[1]),
        )
        for tax_class, rates in (("standard", STANDARD), ("reduced", REDUCED))
        for rate in rates.split("|")
    )


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_taxes_and_coupons")]

    operations = [migrations.RunPython(make_rates, migrations.RunPython.noop)]
