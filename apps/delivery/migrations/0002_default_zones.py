"""Zones to begin with; staff change them in the admin."""

from django.conf import settings
from django.db import migrations

from kernel.ids import new_id

ZONES = [
    ("Nordics", 0, "SE NO DK FI IS", False),
    (
        "European Union",
        1000,
        "AT BE BG HR CY CZ EE FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES",
        False,
    ),
    ("Canada and the United States", 1500, "CA US", False),
    ("Rest of the world", 2500, "", True),
]


def make_zones(apps, schema_editor):
    """Make the zones, unless staff have some already."""
    zone_model = apps.get_model("delivery", "Zone")
    country_model = apps.get_model("delivery", "ZoneCountry")
    if zone_model.objects.exists():
        return
    for name, fee, countries, is_rest in ZONES:
        zone = zone_model.objects.create(
            id=new_id(), name=name, fee_per_box=fee, currency=settings.CURRENCY, is_rest=is_rest
        )
        country_model.objects.bulk_create(
            country_model(id=new_id(), zone=zone, country=code) for code in countries.split()
        )


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [migrations.RunPython(make_zones, migrations.RunPython.noop)]
