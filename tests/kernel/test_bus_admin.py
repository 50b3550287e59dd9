"""The operator's pages of the bus: what they show, to whom, and what their buttons do."""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kernel.bus.admin import orders
from kernel.bus.admin.searching import MOST_EVENTS, of_handler, of_log
from kernel.bus.models import Delivery, InboxMark, OutboxEvent, Subscription
from kernel.ids import new_id
from tests.kernel.order_log import AUDIT, NOON, PACK, PAY, declared, fail, minutes, told

pytestmark = pytest.mark.django_db
Login = Callable[..., Client]


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    Subscription.objects.update(since=NOON - minutes(60))
    with declared(), time_machine.travel(NOON + minutes(30), tick=False):
        yield


@pytest.fixture
def login() -> Login:
    def make(role: str, **how: Any) -> Client:
        user = get_user_model().objects.create(email=f"{role}@example.com", name=role)
        user.take_roles([role])
        user.save()
        client = Client(**how)
        client.force_login(user)
        return client

    return make


@pytest.fixture
def admin(login: Login) -> Client:
    return login("admin")


@pytest.fixture
def order_id() -> uuid.UUID:
    return new_id()


@pytest.fixture
def dead(order_id: uuid.UUID) -> Delivery:
    """A delivery of an order, twelve minutes old, that its handler has given up."""
    row = told(order_id, taken=(AUDIT, PAY))
    return fail(row, PACK, "DEAD", attempts=6, after=18)


def page(order_id: object) -> str:
    return reverse("admin:bus_order_timeline", args=[order_id])


def send_undone(order_id: uuid.UUID) -> str:
    return reverse("admin:bus_order_send_undone", args=[order_id])


def send(row: OutboxEvent) -> str:
    return reverse("admin:bus_event_send_again", args=[row.event_id])


REDRIVE, DISCARD = "admin:bus_delivery_redrive", "admin:bus_delivery_discard"


def text(answer: Any) -> str:
    """Return what a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def sent(*rows: OutboxEvent) -> list[bool]:
    return [bool(OutboxEvent.objects.get(pk=row.pk).sent_at) for row in rows]


def of_modules() -> QuerySet[OutboxEvent]:
    """Return the log without what it tells of staff: that they mended something."""
    return OutboxEvent.objects.exclude(name="admin.staff_acted.v1")


def state(row: Delivery) -> str:
    return Delivery.objects.get(pk=row.pk).state


def noted() -> list[tuple[str, str, str]]:
    rows = LogEntry.objects.order_by("id")
    return [(row.user.email, row.object_id, row.change_message) for row in rows]


class TestTheTimeline:
    def test_says_at_its_top_what_is_awaited(self, admin: Client, dead: Delivery) -> None:
        told(dead.order_id, after=10, taken=(AUDIT, PACK))

        said = text(admin.get(page(dead.order_id)))

        assert "2 things are still to happen" in said
        assert "dead testing has given up on begun testing.Broken: as asked" in said
        assert "waiting testing has not taken begun" in said
        assert "waiting 30 min" in said  # the dead one
        assert "waiting 20 min" in said

    def test_says_that_all_is_done(self, admin: Client, order_id: uuid.UUID) -> None:
        told(order_id)

        said = text(admin.get(page(order_id)))

        assert "Every module has taken every event" in said
        assert "Send again all" not in said

    def test_says_of_each_event_who_took_it_and_how_fast(
        self, admin: Client, order_id: uuid.UUID
    ) -> None:
        first = told(order_id, taken=(AUDIT, PAY))
        fail(first, PAY, "RECOVERED", attempts=2)
        told(order_id, after=3, sent=False, tries=4, taken=(), cause=first)

        said = text(admin.get(page(order_id)))

        assert "testing begun A test's order has begun. ✓ audit.record_events 1.0 s" in said
        assert (
            "✓ testing.pay 1.0 s, in attempt 3 waiting testing.pack has not been heard of" in said
        )
        assert "+3 min 12:03:00" in said
        assert "unsent testing.pack waits for 27 min: the event is not sent yet" in said
        assert "not sent yet, tried 4 times" in said
        assert "begun: not sent to anyone yet the relay has tried 4 times" in said

    def test_shows_neither_personal_data_nor_secrets(
        self, admin: Client, order_id: uuid.UUID
    ) -> None:
        payload = {
            "order_id": str(order_id),
            "note": "mind the <step>",
            "gift_token": "tok-1",
            "address": {"$sealed": "c2VhbGVk"},
            "elsewhere": {"$sealed": "c2VhbGVk"},
        }
        row = told(order_id, payload=payload, correlation_id="request 7")

        for url in (page(order_id), reverse("admin:bus_outboxevent_change", args=[row.pk])):
            answer = admin.get(url)
            said = text(answer)
            assert "mind the <step>" in said
            assert "&lt;step&gt;" in answer.content.decode()
            assert "(secret)" in said
            assert said.count("(personal, sealed)") == 2
            assert "tok-1" not in said
            assert "c2VhbGVk" not in said
        assert "?q=request%207" in admin.get(page(order_id)).content.decode()

    def test_of_an_erased_person_says_so(self, admin: Client, order_id: uuid.UUID) -> None:
        told(order_id, payload={"address": None})

        assert "(personal, erased)" in text(admin.get(page(order_id)))

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (new_id(), "The log has no event of this order"),
            ("7K3M-9QXT-B2HA", "This is no order's id"),
        ],
    )
    def test_of_an_unknown_order_is_a_page_that_says_so(
        self, asked: object, said: str, admin: Client
    ) -> None:
        answer = admin.get(page(asked))

        assert answer.status_code == 404
        assert said in text(answer)

    def test_has_pages_and_its_top_knows_on_which_one_a_thing_stands(
        self, admin: Client, order_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(orders, "PER_PAGE", 2)
        rows = [told(order_id, after=number, taken=(PACK, PAY)) for number in range(5)]
        InboxMark.objects.bulk_create(
            InboxMark(event_id=row.event_id, handler=AUDIT, handled_at=NOON) for row in rows[:3]
        )

        first = admin.get(page(order_id))
        second = admin.get(page(order_id), {"page": 2})

        assert "Events 1 to 2 of 5" in text(first)
        assert f'href="?page=2#event-{rows[3].sequence}"' in first.content.decode()
        assert re.findall(r'id="event-(\d+)"', second.content.decode()) == [
            str(row.sequence) for row in rows[2:4]
        ]
        assert "Events 5 to 5 of 5" in text(admin.get(page(order_id), {"page": 99}))
        assert "2 things are still to happen" in text(second)

    def test_takes_as_many_queries_for_one_event_as_for_hundreds(self, admin: Client) -> None:
        small, large = new_id(), new_id()
        for number in range(150):
            row = told(large, taken=(AUDIT, PAY) if number % 2 else (AUDIT,))
            if number % 3:
                fail(row, PACK, "DEAD")
        told(small)

        counts = []
        for order_id in (small, small, large):  # once, to fill what is cached
            with CaptureQueriesContext(connection) as queries:
                assert admin.get(page(order_id)).status_code == 200
            counts.append(len(queries))

        assert counts[1] == counts[2] <= 8


class TestRights:
    def test_support_sees_but_has_no_buttons(self, login: Login, dead: Delivery) -> None:
        support = login("support")

        said = support.get(page(dead.order_id)).content.decode()
        assert "has given up" in said
        assert 'method="post"' not in said.partition('class="bus"')[2]
        detail = support.get(reverse("admin:bus_delivery_change", args=[dead.pk]))
        assert detail.status_code == 200
        assert "Redrive" not in text(detail)

    @pytest.mark.parametrize("role", ["warehouse", "delivery"])
    def test_others_see_nothing(self, role: str, login: Login, dead: Delivery) -> None:
        client = login(role)

        urls = [page(dead.order_id), reverse("admin:bus_find"), page(new_id())]
        tables = ("outboxevent", "inboxmark", "delivery", "subscription", "personkey")
        urls += [reverse(f"admin:bus_{table}_changelist") for table in tables]
        assert {client.get(url).status_code for url in urls} == {403}

    @pytest.mark.parametrize("role", ["support", "warehouse", "delivery"])
    def test_only_administrators_mend(self, role: str, login: Login, dead: Delivery) -> None:
        client, row = login(role), OutboxEvent.objects.get()
        chosen = {"delivery": dead.pk}

        codes = {
            client.post(send(row)).status_code,
            client.post(send_undone(row.order_id)).status_code,
            client.post(reverse(REDRIVE), chosen).status_code,
            client.post(reverse(DISCARD), chosen).status_code,
        }

        assert codes == {403}
        assert (state(dead), sent(row), noted()) == ("DEAD", [True], [])

    def test_lists_lead_to_events_only_those_who_may_see_them(self, login: Login) -> None:
        url = reverse("admin:warehouse_packagingrequest_changelist")
        button = reverse("admin:warehouse_packagingrequest_order_events", args=[new_id()])

        support, warehouse = login("support"), login("warehouse")

        assert "events" in support.get(url).context["cl"].list_display
        assert "events" not in warehouse.get(url).context["cl"].list_display
        assert [client.get(button).status_code for client in (support, warehouse)] == [302, 403]

    def test_support_has_no_actions_in_the_list(self, login: Login, dead: Delivery) -> None:
        asked = {"action": "redrive", "_selected_action": [dead.pk]}
        login("support").post(reverse("admin:bus_delivery_changelist"), asked)

        assert state(dead) == "DEAD"

    def test_strangers_are_sent_to_the_login(self, client: Client, dead: Delivery) -> None:
        answer = client.get(page(dead.order_id))

        assert (answer.status_code, "/login/" in answer["Location"]) == (302, True)

    def test_buttons_want_the_forms_own_token(self, login: Login, dead: Delivery) -> None:
        client = login("admin", enforce_csrf_checks=True)

        assert client.post(reverse(REDRIVE), {"delivery": dead.pk}).status_code == 403
        assert state(dead) == "DEAD"

    def test_looking_at_a_button_presses_none(self, admin: Client, dead: Delivery) -> None:
        row = OutboxEvent.objects.get()

        urls = [send(row), send_undone(row.order_id), reverse(REDRIVE), reverse(DISCARD)]
        assert {admin.get(url).status_code for url in urls} == {405}


class TestSendingAgain:
    def test_sends_one_event_and_says_what_that_means(
        self, admin: Client, order_id: uuid.UUID
    ) -> None:
        one, other = told(order_id), told(order_id)

        answer = admin.post(send(one), follow=True)

        assert sent(one, other) == [False, True]
        assert answer.redirect_chain == [(f"{page(order_id)}#event-{one.sequence}", 302)]
        assert "begun: 1 event is sent again. Who has taken an event drops the copy" in text(answer)
        assert noted() == [("admin@example.com", str(one.pk), "Sent again.")]

    def test_leaves_an_event_alone_that_waits_to_be_sent(
        self, admin: Client, order_id: uuid.UUID
    ) -> None:
        row = told(order_id, sent=False, tries=3)

        said = text(admin.post(send(row), follow=True))

        assert "begun waits to be sent anyway: nothing was changed." in said
        assert OutboxEvent.objects.get().tries == 3
        assert noted() == []

    def test_of_an_event_without_an_order_leads_to_the_event(self, admin: Client) -> None:
        row = told(None)

        answer = admin.post(send(row))

        assert answer["Location"] == reverse("admin:bus_outboxevent_change", args=[row.pk])

    def test_of_an_event_that_is_gone_says_so(self, admin: Client) -> None:
        url = reverse("admin:bus_event_send_again", args=[new_id()])

        assert "The log has no such event any more." in text(admin.post(url, follow=True))

    def test_sends_all_that_is_not_done(self, admin: Client, dead: Delivery) -> None:
        done = told(dead.order_id)
        waiting = told(dead.order_id, taken=(AUDIT, PACK))

        said = text(admin.post(send_undone(dead.order_id), follow=True))

        assert sent(done, waiting, OutboxEvent.objects.order_by("pk")[0]) == [True, False, False]
        assert state(dead) == "FAILED"
        assert "1 dead delivery redriven. 1 event is sent again." in said

    def test_says_if_all_is_done(self, admin: Client, order_id: uuid.UUID) -> None:
        told(order_id)

        said = text(admin.post(send_undone(order_id), follow=True))

        assert "All of this order's events are taken, or wait to be sent anyway." in said


class TestMending:
    def test_redrives_from_the_orders_page(self, admin: Client, dead: Delivery) -> None:
        posted = {"delivery": dead.pk, "order": dead.order_id}

        answer = admin.post(reverse(REDRIVE), posted, follow=True)

        assert answer.redirect_chain == [(page(dead.order_id), 302)]
        assert (state(dead), sent(*of_modules())) == ("FAILED", [False])
        assert "1 dead delivery redriven. Who has taken an event drops the copy" in text(answer)
        assert "the event is being sent again" in text(answer)
        assert noted() == [("admin@example.com", str(dead.pk), "Redriven.")]

    def test_discards_from_the_deliverys_page(self, admin: Client, dead: Delivery) -> None:
        answer = admin.post(reverse(DISCARD), {"delivery": dead.pk}, follow=True)

        assert answer.redirect_chain == [
            (reverse("admin:bus_delivery_change", args=[dead.pk]), 302)
        ]
        assert (state(dead), sent(*of_modules())) == ("DISCARDED", [True])
        assert "1 delivery discarded: the handler never takes the event" in text(answer)
        assert noted() == [("admin@example.com", str(dead.pk), "Discarded.")]

    @pytest.mark.parametrize("button", [REDRIVE, DISCARD])
    def test_says_what_it_left_alone(self, button: str, admin: Client, dead: Delivery) -> None:
        settled = fail(told(dead.order_id), PACK, "DISCARDED")
        posted = {"delivery": [dead.pk, settled.pk]}

        answer = admin.post(reverse(button), posted, follow=True)

        assert answer.redirect_chain == [(reverse("admin:bus_delivery_changelist"), 302)]
        assert "1 left alone: neither dead nor failed." in text(answer)
        assert state(settled) == "DISCARDED"

    @pytest.mark.parametrize("button", [REDRIVE, DISCARD])
    def test_refuses_what_is_settled(self, button: str, admin: Client, dead: Delivery) -> None:
        Delivery.objects.update(state="RECOVERED")

        said = text(admin.post(reverse(button), {"delivery": dead.pk}, follow=True))

        assert "None of these deliveries is dead or has failed" in said
        assert (state(dead), noted()) == ("RECOVERED", [])

    @pytest.mark.parametrize("posted", [{}, {"delivery": "x"}, {"delivery": 7, "order": "x"}])
    def test_refuses_what_is_no_delivery(self, posted: dict[str, Any], admin: Client) -> None:
        said = text(admin.post(reverse(REDRIVE), posted, follow=True))

        assert "None of these deliveries is dead or has failed" in said

    def test_redrives_what_is_chosen_in_the_list(self, admin: Client, dead: Delivery) -> None:
        failed = fail(told(dead.order_id, taken=(AUDIT, PAY)), PACK)
        asked = {"action": "redrive", "_selected_action": [dead.pk, failed.pk]}

        said = text(admin.post(reverse("admin:bus_delivery_changelist"), asked, follow=True))

        assert "1 dead delivery redriven. 1 event is sent again." in said
        assert sent(*of_modules()) == [False, False]

    def test_asks_before_it_discards_what_is_chosen(self, admin: Client, dead: Delivery) -> None:
        asked = {"action": "discard", "_selected_action": [dead.pk]}

        answer = admin.post(reverse("admin:bus_delivery_changelist"), asked)

        assert "Discard 1 delivery for good?" in text(answer)
        assert f'name="delivery" value="{dead.pk}"' in answer.content.decode()
        assert state(dead) == "DEAD"


class TestDeliveries:
    def test_shows_what_is_dead_or_failed_unless_asked_for_more(
        self, admin: Client, dead: Delivery
    ) -> None:
        failed = fail(told(dead.order_id, taken=()), PAY, attempts=2, after=29.9)
        fail(told(dead.order_id), PACK, "RECOVERED")
        url = reverse("admin:bus_delivery_changelist")

        def shown(**asked: str) -> list[str]:
            found = admin.get(url, asked).context["cl"].result_list
            return [row.state for row in found]

        assert shown() == ["DEAD", "FAILED"]
        assert shown(state="all") == ["DEAD", "FAILED", "RECOVERED"]
        assert shown(state="RECOVERED") == ["RECOVERED"]
        assert shown(module="audit") == []
        said = text(admin.get(url))
        assert "dead testing.pack begun 6 testing.Broken: as asked 12 min ago timeline" in said
        assert f"failed {failed.handler} begun 2 testing.Broken: as asked in about 24 s" in said

    def test_shows_error_traceback_and_envelope(self, admin: Client, dead: Delivery) -> None:
        answer = admin.get(reverse("admin:bus_delivery_change", args=[dead.pk]))

        said = text(answer)
        assert 'File "handlers.py", line 7, in pack' in said
        assert "testing.Broken: as asked" in said
        envelope, _ = json.JSONDecoder().raw_decode(said, said.index('{ "specversion"'))
        assert envelope["data"] == {"note": "mind the step"}
        assert page(dead.order_id) in answer.content.decode()

    def test_takes_as_many_queries_for_one_as_for_many(self, admin: Client, dead: Delivery) -> None:
        url = reverse("admin:bus_delivery_changelist")
        counts = []
        for _ in range(3):
            with CaptureQueriesContext(connection) as queries:
                admin.get(url)
            counts.append(len(queries))
            for _ in range(20):
                fail(told(dead.order_id, taken=()), PACK)

        assert counts[1] == counts[2]


class TestSearch:
    @pytest.fixture
    def rows(self) -> tuple[OutboxEvent, OutboxEvent]:
        """An event with a failure for each of two orders, and one that belongs to none."""
        one, other = (
            told(new_id(), correlation_id=f"request-{number}", taken=(AUDIT,)) for number in (1, 2)
        )
        told(None, correlation_id="request-3", taken=(AUDIT,))
        fail(one, PACK)
        fail(other, PAY)
        return one, other

    @pytest.mark.parametrize("table", ["outboxevent", "inboxmark", "delivery"])
    @pytest.mark.parametrize("by", ["event_id", "order_id", "correlation_id"])
    def test_finds_by_event_order_and_request(
        self, table: str, by: str, admin: Client, rows: tuple[OutboxEvent, OutboxEvent]
    ) -> None:
        found = admin.get(
            reverse(f"admin:bus_{table}_changelist"), {"q": f" {getattr(rows[0], by)} "}
        )

        assert [row.event_id for row in found.context["cl"].result_list] == [rows[0].event_id]

    def test_finds_by_name_aggregate_and_handler(
        self, admin: Client, rows: tuple[OutboxEvent, OutboxEvent]
    ) -> None:
        def count(table: str, term: object) -> int:
            found = admin.get(reverse(f"admin:bus_{table}_changelist"), {"q": term})
            return len(found.context["cl"].result_list)

        assert count("outboxevent", "testing.begun.v1") == 3
        assert count("outboxevent", rows[1].subject) == 1
        assert count("inboxmark", "testing.begun.v1") == 3
        assert count("inboxmark", AUDIT) == 3
        assert count("inboxmark", PACK) == 0
        assert count("delivery", PACK) == 1
        assert [count(table, "nothing") for table in ("outboxevent", "inboxmark")] == [0, 0]

    def test_finds_the_failures_of_events_that_the_log_has_lost(self, admin: Client) -> None:
        row = told(new_id(), taken=(AUDIT,))
        OutboxEvent.objects.all().delete()

        found = admin.get(reverse("admin:bus_inboxmark_changelist"), {"q": row.event_id})

        assert len(found.context["cl"].result_list) == 1

    @pytest.mark.parametrize("term", ["01890a5d-ac96-774b-bcce-b302099a8057", "request-1"])
    def test_reads_no_table_from_end_to_end(
        self, term: str, rows: tuple[OutboxEvent, OutboxEvent]
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_indexscan = off")  # the log backwards, in its order

        found: list[QuerySet[Any]] = [
            OutboxEvent.objects.filter(of_log(term)),
            of_handler(InboxMark.objects.all(), term),
            of_handler(Delivery.objects.all(), term),
        ]
        plans = [query.explain() for query in found]
        assert [plan for plan in plans if "Seq Scan" in plan] == []
        # The index of subjects begins with the name: without names it is read from end to end.
        assert ("(subject = " in plans[0]) == ("(name)::text = ANY" in plans[0])

    def test_follows_so_many_events_of_a_request_and_no_more(self) -> None:
        OutboxEvent.objects.bulk_create(
            OutboxEvent(
                event_id=new_id(),
                name="testing.begun.v1",
                subject=new_id(),
                payload={},
                occurred_at=NOON,
                recorded_at=NOON,
                correlation_id="busy",
            )
            for _ in range(MOST_EVENTS + 1)
        )
        rows = OutboxEvent.objects.order_by("sequence")
        InboxMark.objects.bulk_create(
            InboxMark(event_id=row.event_id, handler=PACK, handled_at=NOON) for row in rows
        )

        found = of_handler(InboxMark.objects.order_by("id"), "busy")

        assert [mark.event_id for mark in found] == [row.event_id for row in rows[1:]]


class TestFinding:
    @pytest.mark.parametrize("by", ["event_id", "order_id", "correlation_id"])
    def test_leads_to_the_order(self, by: str, admin: Client, order_id: uuid.UUID) -> None:
        row = told(order_id, correlation_id="request-1")
        told(order_id, correlation_id="request-1")
        told(new_id(), correlation_id="request-2")

        answer = admin.get(reverse("admin:bus_find"), {"q": f" {getattr(row, by)}"})

        assert answer["Location"] == page(order_id)

    @pytest.mark.parametrize("term", ["", "nothing", "request-1"])
    def test_leads_to_a_search_where_no_one_order_is_meant(self, term: str, admin: Client) -> None:
        told(new_id(), correlation_id="request-1")
        told(new_id(), correlation_id="request-1")

        answer = admin.get(reverse("admin:bus_find"), {"q": term})

        assert answer["Location"] == f"{reverse('admin:bus_outboxevent_changelist')}?q={term}"


class TestTheFirstPage:
    def test_says_what_is_stuck(self, admin: Client, dead: Delivery) -> None:
        told(dead.order_id, after=18, sent=False)
        told(dead.order_id, sent=False, set_aside="too large")

        said = text(admin.get(reverse("admin:index")))

        assert "1 dead, 0 failed deliveries" in said
        assert "1 event waits to be sent, the oldest for 12 min. 1 can't be sent." in said
        assert "1 dead testing.pack testing.Broken: as asked" in said

    def test_says_that_events_flow(self, login: Login) -> None:
        assert "Events flow" in text(login("support").get(reverse("admin:index")))

    def test_says_that_events_are_not_sent(self, admin: Client, order_id: uuid.UUID) -> None:
        told(order_id, sent=False)

        said = text(admin.get(reverse("admin:index")))
        assert "Events are not sent" in said

    def test_tells_others_nothing_of_it(self, login: Login, dead: Delivery) -> None:
        assert "dead" not in text(login("warehouse").get(reverse("admin:index")))


def test_the_logs_filter_shows_what_waits_and_what_cannot_be_sent(
    admin: Client, order_id: uuid.UUID
) -> None:
    told(order_id)
    unsent, aside = (told(order_id, sent=False, set_aside=why) for why in ("", "too large"))
    url = reverse("admin:bus_outboxevent_changelist")

    def shown(value: str) -> list[OutboxEvent]:
        return list(admin.get(url, {"sending": value}).context["cl"].result_list)

    assert (shown("unsent"), shown("aside")) == ([unsent], [aside])
