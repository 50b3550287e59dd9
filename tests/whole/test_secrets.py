"""What no log tells of cards, tokens, keys and passwords; and the shop never gets a card."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from dev import ROOT
from dev.caller import Caller, Refused, eventually
from dev.demo_users import demo_password
from dev.stage import Stage
from dev.story import Story
from tests.whole.machine import Machine

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

GOOD_CARD, BROKEN_CARD, DECLINED_CARD = "4242424242424242", "4000000000000119", "4000000000000002"
PASSWORD = "nobody-should-read-this-7f3a"
SHAPES = {
    "a card's number": re.compile(r"(?<!\d)(?:4242|4000)\d{12}(?!\d)"),
    "a payment's token": re.compile(r"tok_[0-9a-f]{8,}"),
    "a JSON Web Token": re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"),
    "an Authorization header": re.compile(r"Bearer\s+[\w.-]{16,}"),
}


def test_shapes_are_recognized() -> None:
    """This shows that what the other test looks for would be found."""
    spoken = {
        "a card's number": f"card={GOOD_CARD}.",
        "a payment's token": f"GET /payments/tok_{'0f' * 16} 200",
        "a JSON Web Token": "access=eyJhbGciOiJI.eyJ0b2tlbl90.c2lnbmF0dXJl-_x",
        "an Authorization header": "Authorization: Bearer abcdefghijklmnopqrst",
    }
    assert {what: bool(shape.search(spoken[what])) for what, shape in SHAPES.items()} == (
        dict.fromkeys(SHAPES, True)
    )


def test_a_whole_order_leaves_no_secret_in_any_log_and_no_card_in_the_shop(
    machine: Machine,
) -> None:
    told = [played(machine), *troubled(machine), reconciled(machine)]

    logs = {path.name: log_of(path) for path in logs_of(machine)}
    for speaker in ("web", "worker-outside", "relay", "scheduler"):
        assert f"{speaker} " in logs[machine.log.name], f"{speaker} wrote nothing"
    everything = {**logs, "what commands printed": "\n".join(told)}
    assert {
        name: found for name, text in everything.items() if (found := leaks(machine, text))
    } == {}
    assert cards_in_the_database(machine) == []


def played(machine: Machine) -> str:
    """Let an order be sold, packed, delivered, paid and invoiced."""
    demo = machine.demo("fulfilled")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    return demo.stdout + demo.stderr


def troubled(machine: Machine) -> list[str]:
    """Let things go wrong: that is when processes tell most."""
    shop = Stage(machine.addresses, demo_password(machine.state), Story("Trouble"))
    shop.register()
    body = shop.prepare_order(shop.choose(1), GOOD_CARD)
    others = [shop.prepare_order(shop.choose(1), card) for card in (BROKEN_CARD, DECLINED_CARD)]
    for order in map(shop.place, [body, body, *others]):  # a token is used twice
        eventually("The payment", lambda: shop.payment(order)["state"], _is_decided)  # noqa: B023
    too_long = {**body, "payment_token": body["payment_token"] * 20}
    stranger = Caller(machine.api)
    headers = {"Authorization": "Bearer eyJhbGciOiJI.eyJ0b2tlbl90.c2lnbmF0dXJl-_x"}
    httpx.get(f"{machine.api}/users/me", headers=headers)
    signed = {"X-Webhook-Signature": "sha256=00", "X-Webhook-Timestamp": "1"}
    url = f"{machine.api}/payments/webhooks/payment_3p"
    assert httpx.post(url, json={"reference": "x"}, headers=signed).status_code == 401
    told = [
        _refusal(lambda: shop.customer.post("/orders", too_long)),
        _refusal(lambda: stranger.log_in(shop.email, PASSWORD)),
    ]
    for caller in (shop.warehouse, shop.delivery, shop.support, shop.customer, stranger):
        caller.close()
    return told


def reconciled(machine: Machine) -> str:
    """Let every payment's wishes be looked up by its token: the day's books lie on another day."""
    environment = machine.shop.running_environment()
    assert environment
    with psycopg.connect(gateway_database(environment)) as connection:
        connection.execute("UPDATE payment_3p_entry SET made_at = made_at - interval '9 days'")
    today = dt.datetime.now(dt.UTC).date().isoformat()  # noqa: TID251 -- of another process
    done = subprocess.run(
        [sys.executable, "manage.py", "payment", "reconcile", "--date", today],
        cwd=ROOT,
        env={**os.environ, **environment, "LOG_LEVEL": "DEBUG"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert " of ours looked up" in done.stdout, done.stdout + done.stderr
    assert " 0 of ours looked up" not in done.stdout
    return done.stdout + done.stderr


def gateway_database(environment: dict[str, str]) -> str:
    """Return the address of payment_3p's own database, beside the shop's."""
    return re.sub(r"//\w+@/\w+\?", "//postgres@/payment_3p?", environment["DATABASE_URL"])


def logs_of(machine: Machine) -> list[Path]:
    inside = [path for path in machine.state.rglob("*") if path.suffix == ".log"]
    return [machine.log, *(path for path in inside if path.is_file())]


def log_of(path: Path) -> str:
    """Return a log without the line that tells people on purpose how to log in."""
    lines = path.read_text(errors="replace").splitlines()
    return "\n".join(line for line in lines if "all with the password" not in line)


def leaks(machine: Machine, text: str) -> set[str]:
    """Return what a text tells that it shouldn't, by its name alone."""
    found = {what for what, shape in SHAPES.items() if shape.search(text)}
    return found | {name for name, secret in secrets_of(machine).items() if secret in text}


def secrets_of(machine: Machine) -> dict[str, str]:
    names = ("secret_key", "payment_3p_api_key", "payment_3p_webhook_secret", "demo_password")
    return {"password": PASSWORD, **{name: (machine.state / name).read_text() for name in names}}


def cards_in_the_database(machine: Machine) -> list[str]:
    """Return the tables of the shop in which a row has the number of a card."""
    environment = machine.shop.running_environment()
    assert environment
    found = []
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        # Of a table in partitions the whole is read: `app` may not touch a part by itself.
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        names = [name for (name,) in tables.fetchall()]
        for name in names:
            rows = sql.SQL("SELECT 1 FROM {0} AS row WHERE row::text ~ %s LIMIT 1")
            numbers = f"{GOOD_CARD}|{BROKEN_CARD}|{DECLINED_CARD}"
            if connection.execute(rows.format(sql.Identifier(name)), [numbers]).fetchone():
                found.append(name)
    assert len(names) > 50
    return found


def _is_decided(state: str) -> bool:
    return state not in {"", "PENDING"}


def _refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    return str(refused.value)
