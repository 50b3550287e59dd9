"""What staff do in the admin is told, with what was before and after, and commits with it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import Record
from apps.delivery.models import Zone, ZoneCountry
from apps.orders.models import TaxRate
from apps.users.usecases import accounts
from kernel.admin import StaffAdmin
from kernel.bus.models import OutboxEvent
from kernel.bus.testing import envelopes, published, run_until_quiet
from kernel.ids import new_id
from kernel.staff import StaffActed
from kernel.transactions import transaction

pytestmark = pytest.mark.django_db


def told() -> list[dict[str, Any]]:
    return [
        event.model_dump(exclude={"occurred_at", "about_id"}) for event in published(StaffActed)
    ]


def act(action: str, model: str, object_id: object, **facts: Any) -> dict[str, Any]:
    nothing = {"changed": (), "old": {}, "new": {}}
    return {"action": action, "model": model, "object_id": str(object_id), **nothing, **facts}


def countries(zone: Zone, *more: str) -> dict[str, Any]:
    """Return the zone's countries as its form sends them, and more."""
    there = list(zone.countries.order_by("country"))
    form: dict[str, Any] = {
        "countries-TOTAL_FORMS": len(there) + len(more),
        "countries-INITIAL_FORMS": len(there),
    }
    for number, row in enumerate(there):
        form |= {f"countries-{number}-id": row.pk, f"countries-{number}-country": row.country}
        form[f"countries-{number}-zone"] = str(zone.pk)
    for number, country in enumerate(more, start=len(there)):
        form |= {f"countries-{number}-country": country, f"countries-{number}-zone": str(zone.pk)}
    return form


@pytest.fixture
def anna() -> uuid.UUID:
    user_id = new_id()
    with transaction():
        accounts.register(
            user_id=user_id,
            email="anna@example.com",
            password="a long word, and another",
            name="Anna Ek",
            at=timezone.now(),
        )
    return user_id


def test_every_page_of_the_admin_tells() -> None:
    silent = [
        model for model, page in admin.site._registry.items() if not isinstance(page, StaffAdmin)
    ]
    assert silent == []


def test_a_changed_form_is_told_with_before_and_after_by_whom(
    admin_client: Client, admin_user: Any
) -> None:
    zone = Zone.objects.get(name="Nordics")
    form = {"name": zone.name, "fee_per_box": 300, "currency": zone.currency}
    form |= countries(zone)
    answer = admin_client.post(f"/admin/delivery/zone/{zone.pk}/change/", form)
    assert answer.status_code == 302, answer.context["errors"]

    change = {
        "changed": ("fee_per_box",),
        "old": {"fee_per_box": "0"},
        "new": {"fee_per_box": "300"},
    }
    assert told() == [act("change", "delivery.zone", zone.pk, **change)]
    assert envelopes()[-1].actor == f"staff:{admin_user.pk}"


def test_what_is_added_beside_a_form_is_told(admin_client: Client) -> None:
    zone = Zone.objects.get(name="Nordics")
    form = {"name": zone.name, "fee_per_box": 0, "currency": zone.currency}
    form |= countries(zone, "GL")
    admin_client.post(f"/admin/delivery/zone/{zone.pk}/change/", form)

    assert ZoneCountry.objects.filter(country="GL").exists()
    assert told() == [act("change", "delivery.zone", zone.pk, changed=("zonecountry",))]


def test_a_form_that_changes_nothing_is_no_act(admin_client: Client) -> None:
    zone = Zone.objects.get(name="Nordics")
    form = {"name": zone.name, "fee_per_box": 0, "currency": zone.currency}
    form |= countries(zone)
    admin_client.post(f"/admin/delivery/zone/{zone.pk}/change/", form)
    assert told() == []


@pytest.mark.parametrize("way", ["page", "list"])
def test_what_is_deleted_is_told(admin_client: Client, way: str) -> None:
    row = ZoneCountry.objects.get(country="SE")
    if way == "page":
        admin_client.post(f"/admin/delivery/zonecountry/{row.pk}/delete/", {"post": "yes"})
    else:
        form = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
        admin_client.post("/admin/delivery/zonecountry/", form)

    assert not ZoneCountry.objects.filter(country="SE").exists()
    assert told() == [act("delete", "delivery.zonecountry", row.pk)]


def test_an_action_is_told_of_each_row_that_was_not_refused(admin_client: Client) -> None:
    rates = TaxRate.objects.order_by("country", "tax_class")[:2]
    names = {str(rate) for rate in rates}
    form = {"action": "drop", "_selected_action": [str(rate.pk) for rate in rates]}
    admin_client.post(reverse("admin:orders_taxrate_changelist"), form)

    assert {each["object_id"] for each in told()} == names
    assert {(each["action"], each["model"]) for each in told()} == {("drop", "orders.taxrate")}


def test_an_account_is_told_of_without_what_is_personal(
    admin_client: Client, anna: uuid.UUID
) -> None:
    form = {"name": "Anna Berg", "is_active": "on", "version": 1, "roles": ["support"]}
    form |= {"refresh_tokens-TOTAL_FORMS": 0, "refresh_tokens-INITIAL_FORMS": 0}
    admin_client.post(reverse("admin:users_user_change", args=[anna]), form)
    chosen = {"action": "deactivate", "_selected_action": [str(anna)]}
    admin_client.post(reverse("admin:users_user_changelist"), chosen)

    assert told() == [
        act("change", "users.user", anna, changed=("name", "roles")),
        act("deactivate", "users.user", anna),
    ]
    assert {event.about_id for event in published(StaffActed)} == {anna}
    assert "Anna" not in str(envelopes()[-4:])


def test_a_password_that_staff_set_is_told_of(admin_client: Client, anna: uuid.UUID) -> None:
    url = reverse("admin:auth_user_password_change", args=[anna])
    weak = {"password1": "x", "password2": "y", "usable_password": "true"}
    assert admin_client.post(url, weak).status_code == 200
    assert told() == []

    password = "correct horse battery"
    form = {"password1": password, "password2": password, "usable_password": "true"}
    assert admin_client.post(url, form).status_code == 302
    assert get_user_model().objects.get(pk=anna).check_password(password)
    assert told() == [act("change", "users.user", anna, changed=("password",))]


def test_a_refused_change_is_no_act(admin_client: Client, anna: uuid.UUID) -> None:
    form = {"name": "Anna Berg", "is_active": "on", "version": 7}
    form |= {"refresh_tokens-TOTAL_FORMS": 0, "refresh_tokens-INITIAL_FORMS": 0}
    admin_client.post(reverse("admin:users_user_change", args=[anna]), form)
    assert told() == []


def test_what_is_mended_is_told(admin_client: Client, anna: uuid.UUID) -> None:
    OutboxEvent.objects.update(sent_at=timezone.now())
    event = OutboxEvent.objects.get(name="users.user_registered.v1")
    admin_client.post(reverse("admin:bus_event_send_again", args=[event.event_id]))
    assert told() == [act("Sent again.", "bus.outboxevent", event.pk)]


def test_the_audit_keeps_what_staff_did(admin_client: Client) -> None:
    row = ZoneCountry.objects.get(country="SE")
    admin_client.post(f"/admin/delivery/zonecountry/{row.pk}/delete/", {"post": "yes"})
    run_until_quiet(only={"audit"})
    record = Record.objects.get(name="admin.staff_acted.v1")
    assert (record.chain.retention, record.outcome) == ("orders", "ok")
