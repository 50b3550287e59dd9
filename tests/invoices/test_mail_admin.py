"""What staff see of mails, and may do about them."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.invoices.mails import LANGUAGES
from apps.invoices.models import BouncedAddress, Mail
from apps.users.models import User
from apps.users.usecases import accounts
from kernel.ids import new_id
from kernel.mail import FakePost, installed
from kernel.transactions import transaction
from tests.invoices.mail_scenes import GUEST, NUMBER, placed
from tests.invoices.scenes import NOON, flow, registered, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def post() -> Iterator[FakePost]:
    fake = FakePost()
    with installed(fake):
        yield fake


def staff(role: str) -> Client:
    user_id, email = new_id(), f"{role}@shop.example"
    with transaction():
        fields = {"email": email, "password": "a long word, and another", "name": role}
        accounts.register(user_id=user_id, **fields, at=timezone.now())
        accounts.set_roles(user_id=user_id, roles=[role], at=timezone.now())
    client = Client()
    client.force_login(User.objects.get(id=user_id))
    return client


def act(client: Client, model: str, action: str, *ids: object) -> str:
    url = reverse(f"admin:invoices_{model}_changelist")
    chosen = {"action": action, "_selected_action": [str(each) for each in ids]}
    return unescape(client.post(url, chosen, follow=True).content.decode())


def test_the_list_says_to_whom_each_went(post: FakePost) -> None:
    guests, customers, customer_id = new_id(), new_id(), new_id()
    tell(registered(customer_id, "bob@example.com"))
    tell(placed(guests), placed(customers, customer_id=customer_id))
    tell(placed(new_id(), customer_id=new_id()))
    flow()
    page = staff("support").get(reverse("admin:invoices_mail_changelist")).content.decode()
    for text in (GUEST, "bob@example.com", "not known", NUMBER, "Sent", "Waits for order"):
        assert text in page


def test_support_sends_a_mail_again(post: FakePost) -> None:
    tell(placed(new_id()))
    flow()
    mail = Mail.objects.get()
    page = act(staff("support"), "mail", "send_again", mail.id)
    assert f"Order placed, {NUMBER}: a copy is being sent." in page
    flow()
    assert [sent.to for sent in post.mails] == [GUEST, GUEST]

    tell(placed(new_id(), customer_id=new_id()))
    flow()
    waiting = Mail.objects.get(state="WAITING")
    page = act(staff("admin"), "mail", "send_again", waiting.id)
    assert "The mail is still to be sent: wait for that." in page
    assert Mail.objects.count() == 3


def test_an_address_is_given_another_chance(post: FakePost) -> None:
    BouncedAddress.note(GUEST, reason="BOUNCED", mail_id=None, noted_at=NOON)
    tell(placed(new_id()))
    flow()
    assert (Mail.objects.get().state, post.mails) == ("SUPPRESSED", [])
    client, row = staff("support"), BouncedAddress.objects.get()
    assert "may get mails again" in act(client, "bouncedaddress", "allow", row.digest)
    act(client, "mail", "send_again", Mail.objects.get().id)
    flow()
    assert [sent.to for sent in post.mails] == [GUEST]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", Mail.Kind.values)
def test_each_mail_is_previewed_in_a_frame_that_may_do_nothing(kind: str, language: str) -> None:
    client = staff("support")
    page = client.get(reverse("admin:invoices_mail_preview"), {"kind": kind, "language": language})
    frame = reverse("admin:invoices_mail_preview_html", args=[kind, language])
    html = page.content.decode()
    assert f'<iframe sandbox title="The mail as HTML" src="{frame}">' in html
    answer = client.get(frame)
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
    assert f'<html lang="{language}"' in answer.content.decode()
    assert (Mail.objects.count(), "{" in unescape(html.partition("<pre>")[2])[:500]) == (0, False)


def test_a_preview_of_what_is_not_there_shows_another() -> None:
    page = staff("support").get(
        reverse("admin:invoices_mail_preview"), {"kind": "X", "language": ""}
    )
    assert "Thank you for your order" in page.content.decode()


@pytest.mark.parametrize("page", ["preview", "preview_html"])
def test_who_may_not_see_mails_sees_no_preview(page: str) -> None:
    names = ["PLACED", "en"] if page == "preview_html" else []
    url = reverse(f"admin:invoices_mail_{page}", args=names)
    assert staff("warehouse").get(url).status_code == 403
    assert Client().get(url).status_code == 302
