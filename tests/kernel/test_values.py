"""State tables, signed values, money, addresses, refusals, tables that only grow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection
from django.db.transaction import atomic  # noqa: TID251 -- a part of the test's own transaction
from pydantic import ValidationError

from kernel import states
from kernel.address import Address
from kernel.append_only import append_only
from kernel.money import Money, display
from kernel.refusals import Refusal
from kernel.signing import ExpiredSignature, InvalidSignature, sign, unsign
from kernel.states import Cell, StateTable
from tests.conftest import NOON

DOOR = """
         | pushed          | locked | knocked
OPEN     | ignore          | SHUT   | ignore
SHUT     | remember > OPEN | refuse | remember
"""


class TestStateTable:
    @pytest.fixture(autouse=True)
    def _forget(self) -> Iterator[None]:
        before = dict(states._TABLES)
        yield
        states._TABLES.clear()
        states._TABLES.update(before)

    def test_reads_every_kind_of_cell(self) -> None:
        door = StateTable.parse("Door", DOOR)

        assert door.events == ("pushed", "locked", "knocked")
        assert door.rows == {
            "OPEN": {"pushed": Cell(), "locked": Cell(to="SHUT"), "knocked": Cell()},
            "SHUT": {
                "pushed": Cell(to="OPEN", is_remembered=True),
                "locked": Cell(is_refused=True),
                "knocked": Cell(is_remembered=True),
            },
        }

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("| a | b\nX | ignore", "1 cells for 2 events"),
            ("| a\nX | GONE", "names no state"),
        ],
    )
    def test_leaves_no_cell_to_chance(self, text: str, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            StateTable.parse("Wrong", text)


class TestSigning:
    def sign(self) -> str:
        return sign({"amount": 5}, purpose="quote", expires_at=NOON + dt.timedelta(minutes=30))

    @time_machine.travel(NOON, tick=False)
    def test_returns_what_was_signed(self) -> None:
        assert unsign(self.sign(), purpose="quote") == {"amount": 5}

    @time_machine.travel(NOON, tick=False)
    @pytest.mark.parametrize(
        "spoil", [lambda t: t[:-1], lambda t: "x" + t, lambda t: "", lambda t: "é"]
    )
    def test_refuses_what_was_changed(self, spoil: Any) -> None:
        with pytest.raises(InvalidSignature):
            unsign(spoil(self.sign()), purpose="quote")

    @time_machine.travel(NOON, tick=False)
    def test_refuses_what_was_signed_for_something_else(self) -> None:
        with pytest.raises(InvalidSignature):
            unsign(self.sign(), purpose="link")

    def test_refuses_what_is_over(self) -> None:
        text = self.sign()
        with time_machine.travel(NOON + dt.timedelta(minutes=30)), pytest.raises(ExpiredSignature):
            unsign(text, purpose="quote")


class TestMoney:
    @pytest.mark.parametrize("amount", [-1, 10**12 + 1, 1.5, "x"])
    def test_is_a_bounded_whole_number_of_minor_units(self, amount: Any) -> None:
        with pytest.raises(ValidationError):
            Money(amount=amount, currency="EUR")

    @pytest.mark.parametrize(
        ("amount", "currency", "locale", "text"),
        [
            (1250, "EUR", "en", "€12.50"),
            (1250, "EUR", "de", "12,50\xa0€"),
            (1250, "JPY", "en", "¥1,250"),
            (1250, "KWD", "en", "KWD1.250"),
            (10**12 - 1, "EUR", "en", "€9,999,999,999.99"),
        ],
    )
    def test_is_written_as_its_currency_and_readers_want(
        self, amount: int, currency: str, locale: str, text: str
    ) -> None:
        assert display(amount, currency, locale) == text


ANN = {
    "name": " Ann Archer ",
    "street_address": "Storgatan 1",
    "city": "Stockholm",
    "country": "SE",
    "phone_number": "+46 70 123 45 67",
}


class TestAddress:
    def test_is_kept_in_one_form(self) -> None:
        assert Address(**ANN) == Address(
            name="Ann Archer",
            company_name="",
            street_address="Storgatan 1",
            post_code="",
            city="Stockholm",
            state="",
            country="SE",
            phone_number="+46701234567",
        )

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("country", "EU"),
            ("country", "se"),
            ("country", "SWE"),
            ("phone_number", "0701234567"),
            ("phone_number", "+46"),
            ("name", "   "),
            ("name", "x" * 201),
            ("planet", "Earth"),
        ],
    )
    def test_refuses_what_no_carrier_could_use(self, field: str, value: str) -> None:
        with pytest.raises(ValidationError) as refused:
            Address.model_validate({**ANN, field: value})

        assert [error["loc"] for error in refused.value.errors()] == [(field,)]


def test_a_refusal_has_its_code_and_message_from_its_class() -> None:
    class LampBroken(Refusal):
        """
        The lamp is broken.

        It can't be mended.
        """

    refusal = LampBroken(lamp=1)

    assert (refusal.code(), str(refusal), refusal.facts) == (
        "lamp_broken",
        "The lamp is broken.",
        {"lamp": 1},
    )
    assert str(LampBroken("Both are.")) == "Both are."


@pytest.mark.django_db
class TestAppendOnly:
    @pytest.fixture(autouse=True)
    def table(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE diary (line text)")
            cursor.execute("GRANT ALL ON diary TO app")
            cursor.execute(append_only("diary").sql)
            cursor.execute("INSERT INTO diary VALUES ('one')")

    @pytest.mark.parametrize(
        ("statement", "message"),
        [
            ("UPDATE diary SET line = 'two'", "append-only: UPDATE refused"),
            ("DELETE FROM diary", "append-only: DELETE refused"),
        ],
    )
    def test_is_guarded_even_from_its_owner(self, statement: str, message: str) -> None:
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match=message):
            cursor.execute(statement)

    @pytest.mark.parametrize(
        "statement", ["UPDATE diary SET line = 'two'", "DELETE FROM diary", "TRUNCATE diary"]
    )
    def test_the_app_has_no_right_to_change(self, statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE app")
            cursor.execute("INSERT INTO diary VALUES ('two')")
            with pytest.raises(DatabaseError, match="permission denied"), atomic():
                cursor.execute(statement)
