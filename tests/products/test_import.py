from __future__ import annotations

import csv
import io
import json
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.products.events import ProductCreated, ProductRejected, ProductUpdated
from apps.products.management import lines
from apps.products.models import Product
from kernel.bus.testing import published
from tests.products.conftest import STATE

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]
LINE: dict[str, Any] = {
    "code": "LAMP-1",
    "name": "Reading lamp",
    "description": "A lamp to read by.",
    "model": "Lykta 2",
    "category": "lamps",
    "tags": ["brass", "warm"],
    "width": 200,
    "length": 300,
    "height": 400,
    "weight": 1500,
    "price_amount": 4990,
    "price_currency": "EUR",
    "tax_class": "reduced",
}


def run(action: str, file: Path) -> tuple[list[dict[str, Any]], str]:
    """Run the command; return the lines of its report and what it says at the end."""
    report, said = io.StringIO(), io.StringIO()
    try:
        call_command("catalogue", action, str(file), stdout=report, stderr=said)
    except CommandError:
        assert report.getvalue()
    return [json.loads(line) for line in report.getvalue().splitlines()], said.getvalue().strip()


def test_json_lines_make_and_change_products_by_code(made: Made, tmp_path: Path) -> None:
    made("OLD")
    file = tmp_path / "products.jsonl"
    changed = {**LINE, "code": "old", "name": "Old lamp"}
    file.write_text(f"{json.dumps(LINE)}\n\n{json.dumps(changed)}\n", encoding="utf-8")
    assert run("import", file) == ([], "1 created, 1 changed, 0 unchanged, 0 refused.")
    _, created, updated = published()
    assert isinstance(created, ProductCreated)
    assert isinstance(updated, ProductUpdated)
    assert (created.product, updated.changed) == (STATE, ("name",))
    assert run("import", file) == ([], "0 created, 0 changed, 2 unchanged, 0 refused.")
    assert len(published()) == 3


def test_csv_makes_products(tree: None, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    row = {**LINE, "tags": "brass|warm", "attributes": '{"colour": "red"}', "is_active": "false"}
    with file.open("w", encoding="utf-8", newline="") as target:
        table = csv.DictWriter(target, list(row))
        table.writeheader()
        table.writerow({**row, "description": 'Two\nlines, "quoted".'})
        table.writerow({"code": "B", **{k: v for k, v in row.items() if k != "code"}, "tags": ""})
    assert run("import", file) == ([], "2 created, 0 changed, 0 unchanged, 0 refused.")
    first = Product.objects.get(code="LAMP-1")
    assert (first.description, first.attributes, first.is_active, first.tags) == (
        'Two\nlines, "quoted".',
        {"colour": "red"},
        False,
        ["brass", "warm"],
    )


def test_each_refused_line_is_reported_with_its_number_and_the_rest_is_taken(
    tree: None, tmp_path: Path
) -> None:
    file = tmp_path / "products.jsonl"
    texts = [
        json.dumps({**LINE, "code": "A"}),
        "{",
        json.dumps({**LINE, "category": "nowhere"}),
        json.dumps({**LINE, "width": 0}),
        json.dumps({**LINE, "colour": "red"}),
        json.dumps({**LINE, "name": "x\0"}),
        '"x' + "y" * lines.MAX_LINE + '"',
        json.dumps({**LINE, "price_currency": "USD"}),
        "[" * 50_000,
        json.dumps({**LINE, "tags": ["a|b"]}),
        json.dumps({**LINE, "code": "Z"}),
    ]
    file.write_text("\n".join(texts), encoding="utf-8")
    report, said = run("import", file)
    assert [(each["line"], each["code"], each["field"]) for each in report] == [
        (2, "not_json", ""),
        (3, "unknown_category", ""),
        (4, "invalid", "width"),
        (5, "invalid", "colour"),
        (6, "invalid", "name"),
        (7, "too_long", ""),
        (8, "currency_not_sold", ""),
        (9, "not_json", ""),
        (10, "invalid", "tags.0"),
    ]
    assert said == "2 created, 0 changed, 0 unchanged, 9 refused."
    assert sorted(Product.objects.values_list("code", flat=True)) == ["A", "Z"]
    rejected = [event for event in published() if isinstance(event, ProductRejected)]
    assert [event.reason for event in rejected] == ["unknown_category", "currency_not_sold"]


def test_rows_of_csv_that_are_not_good_are_reported(tree: None, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    head = "code,name,category,width,length,height,weight,price_amount,price_currency,attributes"
    good = "A,Lamp,lamps,1,1,1,1,1,EUR,"
    rows = [
        head,
        good,
        good + ",more",
        "B,Lamp,lamps,1,1,1,1,1,EUR,red",
        "C,Lamp",
        'D,"Lamp"s,lamps,1,1,1,1,1,EUR,',
        "E" + good[1:],
    ]
    file.write_text("\n".join(rows), encoding="utf-8")
    report, said = run("import", file)
    assert [(each["line"], each["code"], each["field"]) for each in report] == [
        (3, "invalid", "…"),
        (4, "invalid", "attributes"),
        (5, "invalid", "category"),
        (6, "not_csv", ""),
    ]
    assert said == "2 created, 0 changed, 0 unchanged, 4 refused."


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_was_exported_changes_nothing_when_it_is_imported(
    made: Made, tmp_path: Path, form: str
) -> None:
    made("A", description='Two\nlines, "quoted", ö', attributes={"colour": "röd"})
    made("B", tags=(), is_active=False, description="")
    file = tmp_path / f"products.{form}"
    run("export", file)
    before = len(published())
    assert run("import", file) == ([], "0 created, 0 changed, 2 unchanged, 0 refused.")
    assert len(published()) == before
    Product.objects.all().delete()
    assert run("import", file)[1] == "2 created, 0 changed, 0 unchanged, 0 refused."


def test_a_line_that_is_not_utf_8_is_refused_alone(tree: None, tmp_path: Path) -> None:
    file = tmp_path / "products.jsonl"
    good = json.dumps(LINE).encode()
    bad = good.replace(b"Reading", b"R\xff")
    file.write_bytes(b"\xef\xbb\xbf" + good + b"\n" + bad + b"\n")
    report, said = run("import", file)
    assert report == [{"line": 2, "code": "invalid", "field": "name"}]
    assert said == "1 created, 0 changed, 0 unchanged, 1 refused."


@pytest.mark.parametrize("name", ["products.txt", "absent.csv"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match=r"must end in|no file"):
        call_command("catalogue", "import", str(tmp_path / name))


def test_a_hundred_thousand_lines_are_read_in_constant_memory(tmp_path: Path) -> None:
    file = tmp_path / "products.jsonl"
    text = json.dumps(LINE) + "\n"
    with file.open("w", encoding="utf-8") as target:
        target.writelines(text for _ in range(100_000))
    peaks = []
    for count in (1_000, 100_000):
        tracemalloc.start()
        with file.open(encoding="utf-8") as source:
            assert sum(1 for _ in _first(lines.read_json_lines(source), count)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000


def _first(read: Iterator[lines.Read], count: int) -> Iterator[lines.Read]:
    return (each for each, _ in zip(read, range(count), strict=False))
