"""The admin's first page: daily work first, every other table below, nothing that is forbidden."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client

from ecommerce.navigation import DAILY

pytestmark = pytest.mark.django_db

_GROUP = re.compile(r"<h2>([^<]+)</h2>\s*<ul>(.*?)</ul>", re.DOTALL)
_LINK = re.compile(r'<a href="(/admin/(\w+)/(\w+)/)">')


def _client(role: str) -> Client:
    user = get_user_model().objects.create(email=f"{role}@example.com", name=role)
    user.take_roles([role])
    user.save()
    client = Client()
    client.force_login(user)
    return client


def _shown(page: str) -> dict[str, list[str]]:
    """Return titles and the tables below them."""
    found = {title: _LINK.findall(items) for title, items in _GROUP.findall(page)}
    return {title: [f"{app}.{model}" for _, app, model in links] for title, links in found.items()}


def test_leads_an_administrator_to_each_table_once() -> None:
    shown = _shown(_client("admin").get("/admin/").content.decode())

    daily = {title: tables for title, tables in shown.items() if title in DAILY}
    everywhere = [table for tables in shown.values() for table in tables]
    registered = [model._meta.label_lower for model in admin.site._registry]
    assert daily == DAILY
    assert sorted(everywhere) == sorted(registered)


def test_leads_others_to_what_they_may_look_at_alone() -> None:
    client = _client("warehouse")
    shown = _shown(client.get("/admin/").content.decode())

    assert shown["Warehouse"] == ["warehouse.packagingrequest", "warehouse.stock"]
    assert "Payment" not in shown
    tables = [table for tables in shown.values() for table in tables]
    assert {client.get(f"/admin/{t.replace('.', '/')}/").status_code for t in tables} == {200}
