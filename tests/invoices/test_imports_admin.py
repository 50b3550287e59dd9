"""Imports in the admin."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.invoices.gateway import FakeUploads
from tests.invoices.legacy import file_of, line, numbered, told, uploaded
from tests.invoices.scenes import flow

pytestmark = pytest.mark.django_db


def cells(page: str, name: str) -> list[str]:
    """Return the texts of a column."""
    found = re.findall(
        rf'<t[dh][^>]*class="[^"]*field-{name}[^"]*"[^>]*>(.*?)</t[dh]>', page, re.DOTALL
    )
    return [re.sub(r"<[^>]*>|\s+", " ", each).strip() for each in found]


def test_an_import_shows_how_far_it_is_and_leads_to_its_lines(
    admin_client: Client, uploads: FakeUploads
) -> None:
    content = file_of(line("A-1"), b"no JSON", line("A-1"), line("A-2", products=[]))
    source = uploaded(uploads, content)
    uploaded(uploads, numbered(3, "B"))
    flow()
    page = admin_client.get(reverse("admin:invoices_import_changelist")).content.decode()
    assert '<progress max="100" value="100">' in page

    links = [
        each.replace("&amp;", "&") for each in re.findall(r'href="([^"]*importline[^"]*)"', page)
    ]
    of_source = {each for each in links if str(source.id) in each}

    found = {}
    for link in of_source:
        lines = admin_client.get(link).content.decode()
        found[link.rsplit("=", 1)[-1]] = re.findall(r">\s*(\d)\s*</a>", lines)
    assert found == {
        "OK": ["1"],
        "INVALID": ["2"],
        "DUPLICATE": ["3"],
        "EMPTY_PRODUCTS_LIST": ["4"],
    }


def test_refused_uploads_are_shown_with_their_reason(
    admin_client: Client, uploads: FakeUploads
) -> None:
    source = uploaded(uploads, numbered(1))
    told("invoice-imports/of-nobody", 1)
    told(source.key, source.size_bytes, sequencer="02")
    url = reverse("admin:invoices_uploadnotice_changelist")

    page = admin_client.get(url, {"refusal__isempty": "0"}).content.decode()

    assert cells(page, "refusal") == [
        "The import has its file already",
        "No import has asked for this file",
    ]


@pytest.mark.parametrize("table", ["import", "importline", "importedinvoice", "uploadnotice"])
def test_nothing_is_added_by_hand(table: str, admin_client: Client) -> None:
    assert admin_client.get(reverse(f"admin:invoices_{table}_add")).status_code == 403
