"""From a file's bytes to lines, and from a line to an invoice."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.invoices.gateway import InvalidLine, LegacyInvoice, LegacyProduct, lines
from apps.invoices.gateway.legacy import parse
from apps.invoices.gateway.lines import TOO_LONG, Batch, batches
from apps.invoices.models import Position
from tests.invoices.legacy import line

BEGIN = Position()
MANY_BRACKETS = b"[" * 100_000


def reason(content: bytes) -> str:
    found = parse(content)
    assert isinstance(found, InvalidLine)
    return found.reason


class TestALine:
    def test_is_an_invoice(self) -> None:
        content = line(" A-1 ", customerEmail="Ada@Example.com", ours="unknown fields are dropped")

        assert parse(content) == LegacyInvoice(
            customerEmail="ada@example.com",
            invoiceNumber="A-1",
            totalValue=12,  # and a half, below
            products=[LegacyProduct(id="lamp", quantity=2)],
        ).model_copy(update={"total": 1250})

    @pytest.mark.parametrize(
        ("written", "cents"),
        [("0", 0), ("12", 1200), ("12.5", 1250), ("12.50", 1250), ("0.01", 1), ("1e3", 100_000)],
    )
    def test_has_its_total_in_whole_units(self, written: str, cents: int) -> None:
        content = line("A-1", totalValue=0).replace(
            b'"totalValue": 0', f'"totalValue": {written}'.encode()
        )

        found = parse(content)

        assert isinstance(found, LegacyInvoice)
        assert found.total == cents

    @pytest.mark.parametrize(
        ("written", "why"),
        [
            ("12.505", "totalValue: it has more decimals than EUR."),
            ("1e-999999", "totalValue: it has more decimals than EUR."),
            ("-1", "totalValue: it is below zero, or too much."),
            ("1e999999", "totalValue: it is below zero, or too much."),
            ("9" * 30, "totalValue: it is below zero, or too much."),
            (str(10**11), "totalValue: it is below zero, or too much."),
            ("9" * 5_000, "It is not JSON."),  # longer than Python reads
            ('"12"', "totalValue: it is no number."),
            ("true", "totalValue: it is no number."),
            ("null", "totalValue: it is no number."),
            ("NaN", "It is not JSON."),
            ("Infinity", "It is not JSON."),
        ],
    )
    def test_with_a_total_that_is_none_is_invalid(self, written: str, why: str) -> None:
        content = line("A-1", totalValue=0).replace(
            b'"totalValue": 0', f'"totalValue": {written}'.encode()
        )

        assert reason(content) == why

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"customerEmail": None}, "customerEmail: Field required."),
            ({"customerEmail": "ada"}, "customerEmail: it is no e-mail address."),
            ({"customerEmail": "ada\0@example.com"}, "customerEmail: it is no e-mail address."),
            ({"customerEmail": 7}, "customerEmail: Input should be a valid string."),
            ({"invoiceNumber": ""}, "invoiceNumber: String should match pattern"),
            ({"invoiceNumber": "A\0"}, "invoiceNumber: String should match pattern"),
            ({"invoiceNumber": "A" * 101}, "invoiceNumber: String should have at most 100 chara"),
            ({"invoiceNumber": 17}, "invoiceNumber: Input should be a valid string."),
            ({"products": "lamp"}, "products: Input should be a valid list."),
            ({"products": [{"id": "a"}]}, "products.0.quantity: Field required."),
            ({"products": [{"id": "a", "quantity": 0}]}, "products.0.quantity: Input should be gr"),
            ({"products": [{"id": "a", "quantity": 10**30}]}, "products.0.quantity: "),
            ({"products": [{"id": "a", "quantity": 1.5}]}, "products.0.quantity: "),
            ({"products": [{"id": "a\0", "quantity": 1}]}, "products.0.id: String should match"),
            ({"products": [{"id": "a", "quantity": 1}] * 1_001}, "products: List should have at"),
        ],
    )
    def test_with_a_field_that_is_wrong_is_invalid_and_names_it(
        self, changes: dict[str, Any], why: str
    ) -> None:
        assert reason(line("A-1", **changes)).startswith(why)

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"no JSON", "It is not JSON."),
            (b"{", "It is not JSON."),
            (b"[]", "It is no object."),
            (b'"A-1"', "It is no object."),
            (b"null", "It is no object."),
            (line("A-1") + line("A-2"), "It is not JSON."),
            (b"\xef\xbb\xbf" + line("A-1"), "It is not JSON."),  # within the file
            (b"\xff\xfe", "It is not UTF-8."),
            (line("A-1").replace(b"lamp", b"l\xe4mp"), "It is not UTF-8."),
            (line("A-1").replace(b"lamp", b"l\0mp"), "It is not JSON."),
            (line("A-1").replace(b"lamp", rb"l\ud800mp"), "products.0.id: "),  # half a character
            (
                line("A-1").replace(b'"id"', b'"id": "sofa", "id"'),
                "A name stands twice in one object.",
            ),
            (line("A-1")[:-1] + b', "totalValue": 1}', "A name stands twice in one object."),
            (MANY_BRACKETS, "It is not JSON."),
        ],
    )
    def test_that_is_no_object_of_json_is_invalid(self, content: bytes, why: str) -> None:
        assert reason(content).startswith(why)

    def test_that_is_invalid_is_never_quoted(self) -> None:
        secret = "ada.lovelace"
        spoilt = [
            line("A-1", customerEmail=secret),
            line(secret * 20),
            line("A-1", products=[{"id": secret, "quantity": secret}]),
            line("A-1", totalValue=secret),
            json.dumps(secret).encode(),
        ]

        assert not [each for each in spoilt if secret in reason(each)]


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def read(content: bytes, size: int, *, start: Position = BEGIN) -> list[Batch]:
    chunks = chunked(content[start.offset :], size)
    return list(batches(chunks, start=start, size=len(content)))


def numbers(found: list[Batch]) -> list[tuple[int, str]]:
    """Return the number of each line with its invoice's, or with why it is none."""
    return [
        (
            each.number,
            each.content.number if isinstance(each.content, LegacyInvoice) else each.content.reason,
        )
        for batch in found
        for each in batch.lines
    ]


@pytest.mark.parametrize("size", [1, 7, 100_000])
class TestAFile:
    def test_has_lines_with_their_numbers(self, size: int) -> None:
        content = line("A-1") + b"\n\r\n  \n" + line("A-2") + b"\r\n" + line("A-3") + b"\n"

        found = read(content, size)

        assert numbers(found) == [(1, "A-1"), (4, "A-2"), (5, "A-3")]
        assert [(each.start, each.end) for each in found] == [
            (BEGIN, Position(offset=len(content), line=5))
        ]

    def test_may_lack_the_last_newline(self, size: int) -> None:
        content = line("A-1") + b"\n" + line("A-2")

        found = read(content, size)

        assert numbers(found) == [(1, "A-1"), (2, "A-2")]
        assert found[-1].end == Position(offset=len(content), line=2)

    def test_may_begin_with_a_byte_order_mark(self, size: int) -> None:
        assert numbers(read(b"\xef\xbb\xbf" + line("A-1"), size)) == [(1, "A-1")]

    @pytest.mark.parametrize("content", [b"\n", b"\xef\xbb\xbf", b" \r\n\t\n"])
    def test_may_have_nothing_in_it(self, content: bytes, size: int) -> None:
        [batch] = read(content, size)

        assert (batch.lines, batch.end.offset) == ([], len(content))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lines be too long soon, and batches be full soon."""
    monkeypatch.setattr(lines, "MAX_LINE", 200)
    monkeypatch.setattr(lines, "BATCH_LINES", 3)
    monkeypatch.setattr(lines, "BATCH_BYTES", 500)


LONG = b"x" * 201


@pytest.mark.usefixtures("short")
class TestALongLine:
    @pytest.mark.parametrize("size", [1, 7, 150, 201, 202, 10_000])
    @pytest.mark.parametrize("length", [201, 202, 999, 3_000])
    def test_is_told_once_and_skipped(self, length: int, size: int) -> None:
        content = line("A-1") + b"\n" + b"x" * length + b"\n" + line("A-3") + b"\n"

        found = read(content, size)

        assert numbers(found) == [(1, "A-1"), (2, TOO_LONG.reason), (3, "A-3")]
        assert found[-1].end == Position(offset=len(content), line=3)

    def test_may_be_the_last(self) -> None:
        content = line("A-1") + b"\n" + LONG * 9

        found = read(content, 100)

        assert numbers(found) == [(1, "A-1"), (2, TOO_LONG.reason)]
        assert found[-1].end == Position(offset=len(content), line=2, is_in_long_line=True)

    def test_may_be_as_long_as_is_allowed(self) -> None:
        content = line("A-1").ljust(200) + b"\n"

        assert numbers(read(content, 64)) == [(1, "A-1")]

    def test_without_end_fills_no_batch_beyond_its_bytes(self) -> None:
        found = read(LONG * 100, 100)

        assert max(each.end.offset - each.start.offset for each in found) <= 600
        assert numbers(found) == [(1, TOO_LONG.reason)]


LINES = st.lists(
    st.sampled_from([line("A"), line("B", customerEmail="x"), b"", b"\r", LONG, LONG * 7, b"\xff"]),
    min_size=1,
    max_size=12,
)


@pytest.mark.usefixtures("short")
class TestGoingOn:
    @settings(max_examples=150, deadline=None)
    @given(texts=LINES, sizes=st.tuples(*[st.integers(1, 900)] * 2), has_end=st.booleans())
    def test_from_any_batch_tells_what_reading_through_would_have_told(
        self, texts: list[bytes], sizes: tuple[int, int], has_end: bool
    ) -> None:
        content = b"\n".join(texts) + b"\n" * has_end
        if not content:
            return
        through = read(content, sizes[0])
        assert through[-1].end.offset == len(content)
        for earlier, later in itertools.pairwise(through):
            assert later.start == earlier.end

        for done in range(len(through)):
            again = read(content, sizes[1], start=through[done].start)
            assert numbers(through[:done]) + numbers(again) == numbers(through)
            assert again[-1].end == through[-1].end
