"""What staff see and do in the admin."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from apps.warehouse.models import PackagingRequest
from kernel.bus.testing import published
from kernel.ids import new_id
from tests.warehouse import scenes

pytestmark = pytest.mark.django_db
LISTS = ["stock", "movement", "product", "packagingrequest", "packagingline"]


@pytest.fixture
def staff(client: Any) -> Any:
    client.force_login(
        get_user_model().objects.create_superuser(  # type: ignore[attr-defined]
            email="ada@example.org", password="unusual words 42", name="Ada"
        )
    )
    return client


@pytest.fixture
def order_id() -> uuid.UUID:
    order_id, lamp = new_id(), scenes.stocked(5)
    scenes.tell(scenes.placed(order_id, {lamp: 2}), scenes.confirmed(order_id))
    return order_id


def act(staff: Any, name: str, *order_ids: uuid.UUID) -> Any:
    url = "/admin/warehouse/packagingrequest/"
    return staff.post(
        url, {"action": name, "_selected_action": [str(key) for key in order_ids]}, follow=True
    )


@pytest.mark.parametrize("name", LISTS)
def test_every_list_opens_and_can_be_searched(staff: Any, order_id: uuid.UUID, name: str) -> None:
    for query in ("", "?q=LAMP", f"?q={order_id}"):
        assert staff.get(f"/admin/warehouse/{name}/{query}").status_code == 200
    assert staff.get(f"/admin/warehouse/{name}/add/").status_code == 403


@pytest.mark.parametrize(("free", "codes"), [("none", ["NONE"]), ("low", ["FEW", "NONE"])])
def test_the_stock_is_filtered_by_what_is_free(staff: Any, free: str, codes: list[str]) -> None:
    scenes.stocked(0, code="NONE")
    scenes.stocked(9, code="FEW")
    scenes.stocked(10, code="MANY")
    answer = staff.get(f"/admin/warehouse/stock/?free={free}")

    found = [stock.product.code for stock in answer.context["cl"].result_list]
    assert found == codes


def test_a_request_shows_its_lines(staff: Any, order_id: uuid.UUID) -> None:
    answer = staff.get(f"/admin/warehouse/packagingrequest/{order_id}/change/")

    assert answer.status_code == 200
    assert "LAMP" in answer.content.decode()


def test_actions_pack_an_order(staff: Any, order_id: uuid.UUID) -> None:
    act(staff, "start", order_id)
    assert PackagingRequest.objects.get().state == "IN_PROGRESS"
    act(staff, "complete", order_id)
    assert PackagingRequest.objects.get().state == "COMPLETED"
    scenes.assert_the_books_agree()


def test_a_refusal_is_shown_as_a_message(staff: Any, order_id: uuid.UUID) -> None:
    before = len(published())
    answer = act(staff, "complete", order_id)

    shown = [str(message) for message in answer.context["messages"]]
    assert shown == [f"{order_id}: The packaging request is new."]
    assert len(published()) == before
