"""The lines of a file of products: read one by one, judged, written."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TextIO

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from apps.products.events import Package, ProductState
from apps.products.models import (
    MAX_ATTRIBUTES,
    MAX_GRAMS,
    MAX_MILLIMETRES,
    MAX_TAG,
    MAX_TAGS,
    MAX_VALUE,
    NAME,
    TAG,
)
from kernel.money import MAX_AMOUNT, Money

MAX_LINE = 100_000  # characters; a product with all that it can have takes a fifth of it
COLUMNS = (
    "code",
    "name",
    "description",
    "model",
    "category",
    "tags",
    "family",
    "attributes",
    "width",
    "length",
    "height",
    "weight",
    "price_amount",
    "price_currency",
    "tax_class",
    "is_active",
)
Row = Mapping[str, Any]
Size = Annotated[int, Field(ge=1, le=MAX_MILLIMETRES)]


def _text(most: int, least: int = 0, pattern: str | None = None) -> StringConstraints:
    return StringConstraints(
        max_length=most, min_length=least, pattern=pattern, strip_whitespace=True
    )


def _demand_no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("A text has no NUL in it.")
    return text


NO_NUL = AfterValidator(_demand_no_nul)


class Line(BaseModel):
    """A product as one line of a file, flat: the same names in CSV and in JSON."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, _text(40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    name: Annotated[str, _text(200, 1), NO_NUL]
    description: Annotated[str, _text(10_000), NO_NUL] = ""
    model: Annotated[str, _text(100), NO_NUL] = ""
    category: Annotated[str, _text(60, 1), NO_NUL]
    tags: Annotated[
        list[Annotated[str, _text(MAX_TAG, pattern=TAG), NO_NUL]], Field(max_length=MAX_TAGS)
    ] = []
    family: uuid.UUID | None = None
    attributes: Annotated[
        dict[Annotated[str, _text(30, pattern=NAME)], Annotated[str, _text(MAX_VALUE, 1), NO_NUL]],
        Field(max_length=MAX_ATTRIBUTES),
    ] = {}
    width: Size
    length: Size
    height: Size
    weight: Annotated[int, Field(ge=1, le=MAX_GRAMS)]
    price_amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
    price_currency: Annotated[str, _text(3, pattern=r"^[A-Z]{3}$")]
    tax_class: Literal["standard", "reduced", "zero"] = "standard"
    is_active: bool = True

    @property
    def state(self) -> ProductState:
        """The product that the line tells of."""
        return ProductState(
            code=self.code,
            name=self.name,
            description=self.description,
            model=self.model,
            category=self.category,
            tags=tuple(self.tags),
            package=Package(
                width=self.width, length=self.length, height=self.height, weight=self.weight
            ),
            price=Money(amount=self.price_amount, currency=self.price_currency),
            is_active=self.is_active,
            family=self.family,
            attributes=self.attributes,
            tax_class=self.tax_class,
        )


class BadLine(Exception):
    """A line that tells of no product: its number, a code, and the field that is wrong."""

    def __init__(self, line: int, code: str, field: str = "") -> None:
        super().__init__(code)
        self.line, self.code, self.field = line, code, field


Read = tuple[int, ProductState] | BadLine


def read_json_lines(file: TextIO) -> Iterator[Read]:
    """Read a product from each line, with its number; what is none is given back as a BadLine."""
    number = 0
    while text := file.readline(MAX_LINE + 1):
        number += 1
        if len(text) > MAX_LINE:
            while text and not text.endswith("\n"):
                text = file.readline(MAX_LINE)
            yield BadLine(number, "too_long")
            continue
        try:
            yield _judged(number, json.loads(text))
        except (ValueError, RecursionError):
            if text.strip():
                yield BadLine(number, "not_json")


def read_csv(file: TextIO) -> Iterator[Read]:
    """Read a product from each row below the header; its number is that of its last line."""
    csv.field_size_limit(MAX_LINE)
    rows = csv.DictReader(file, strict=True)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield BadLine(rows.reader.line_num, "not_csv")
            continue
        yield _judged(rows.line_num, _unfolded(row))


def write_json_lines(rows: Iterable[Row], file: TextIO) -> None:
    """Write a line for each row of `queries.exported`."""
    file.writelines(json.dumps(_shown(row), ensure_ascii=False) + "\n" for row in rows)


def write_csv(rows: Iterable[Row], file: TextIO) -> None:
    """Write a header and a row for each row of `queries.exported`."""
    table = csv.DictWriter(file, COLUMNS)
    table.writeheader()
    for row in rows:
        shown = _shown(row)
        attributes = json.dumps(shown["attributes"], ensure_ascii=False)
        folded = {"tags": "|".join(shown["tags"]), "attributes": attributes}
        table.writerow({**shown, **folded, "is_active": str(shown["is_active"]).lower()})


def _judged(number: int, given: Any) -> Read:
    try:
        return number, Line.model_validate(given).state
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        return BadLine(number, "invalid", where)


def _unfolded(row: dict[str | None, Any]) -> dict[str, Any]:
    """Return a row of CSV as JSON would have it; what is left empty is left out."""
    given = {name or "…": value for name, value in row.items() if value}
    if "tags" in given:
        given["tags"] = given["tags"].split("|")
    try:
        given["attributes"] = json.loads(given.get("attributes", "{}"))
    except ValueError:
        given["attributes"] = None  # which is no dict, and so refused by name
    return given


def _shown(row: Row) -> dict[str, Any]:
    family = str(row["family_id"]) if row["family_id"] else None
    return {
        **{name: row[name] for name in COLUMNS if name not in {"category", "family"}},
        "category": row["category_slug"],
        "family": family,
    }
