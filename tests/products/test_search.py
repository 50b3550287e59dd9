from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.products import usecases
from apps.products.models import Product, Word
from apps.products.models.word import NEAREST
from apps.products.queries import searching
from kernel.bus.testing import run_until_quiet, twice_and_shuffled
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.products.conftest import codes
from tests.products.plans import many, plan, walk

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]


@pytest.fixture
def shelf(made: Made) -> None:
    """Make three lamps of some kind, and a chair."""
    made("L-1", name="Reading lamp", model="Lykta 2", description="For the desk.")
    made("L-2", name="Desk light", model="Lamp 9", description="Bright.")
    made("L-3", name="Candle holder", model="Ljus", description="Instead of lamps, once.")
    made("C-1", name="Oak chair", model="Stol", description="To sit on while reading.")
    run_until_quiet(only={"products"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lamp", ["L-1", "L-2", "L-3"]),  # in the name, in the model, in the description
        ("LAMPS", ["L-1", "L-2", "L-3"]),
        ("read", ["L-1", "C-1"]),
        ("lamp -candle", ["L-2", "L-1"]),
        ("chair or candle", ["C-1", "L-3"]),
        ('"reading lamp"', ["L-1"]),
        ("reading lamp", ["L-1"]),
        ("l-3", ["L-3"]),
        ("lykta", ["L-1"]),
        ("nothing", []),
        ("the", []),
    ],
)
def test_a_text_finds_words_in_any_form_best_first(
    anyone: APIClient, shelf: None, text: str, found: list[str]
) -> None:
    answer = anyone.get("/api/v1/products", {"q": text}).json()
    assert [row["code"] for row in answer["results"]] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rea", ["L-1", "C-1"]),
        ("reading lam", ["L-1"]),
        ("lykt", ["L-1"]),
        ("la", []),  # begins too much
        ("rea lamp", []),  # only the last word is still being written
        ('"rea"', []),
        ("chair or lykt", ["C-1"]),
    ],
)
def test_the_last_word_may_be_the_beginning_of_one(
    anyone: APIClient, shelf: None, text: str, found: list[str]
) -> None:
    answer = anyone.get("/api/v1/products", {"q": text}).json()
    assert [row["code"] for row in answer["results"]] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("readng", ["L-1", "C-1"]),
        ("Reeding lamp", ["L-1"]),
        ("candel", ["L-3"]),
        ("holdr", ["L-3"]),
        ("candel holdr", ["L-3"]),
        ("candel of oak", []),
        ("xylophone", []),
        ("-candel", ["L-1", "L-2", "L-3", "C-1"]),
        ('"candel"', []),
    ],
)
def test_a_word_of_a_name_is_found_in_spite_of_a_slip(
    anyone: APIClient, shelf: None, text: str, found: list[str]
) -> None:
    answer = anyone.get("/api/v1/products", {"q": text, "order": "-created"}).json()
    assert sorted(row["code"] for row in answer["results"]) == sorted(found)


def test_what_was_meant_is_marked(anyone: APIClient, shelf: None) -> None:
    (row,) = anyone.get("/api/v1/products?q=candel").json()["results"]
    assert row["highlight"]["name"] == "<mark>Candle</mark> holder"


def test_what_matches_leaves_out_what_is_only_alike(anyone: APIClient, made: Made) -> None:
    made("MATCH", name="Something", description="A lantern is in the box.")
    made("ALIKE", name="Lantem")
    run_until_quiet(only={"products"})
    assert codes(anyone, "?q=lantern") == ["MATCH"]
    assert codes(anyone, "?q=lanternn") == ["ALIKE"]  # the words of names alone are known


def test_a_word_that_is_right_is_not_mended_where_it_finds_nothing(
    anyone: APIClient, made: Made
) -> None:
    made("LAMP", name="Lamp", category="lamps")
    made("LAMB", name="Lambskin", description="", category="garden")
    run_until_quiet(only={"products"})
    assert codes(anyone, "?q=lamp&category=garden") == []


@pytest.mark.parametrize("seed", range(3))
def test_words_are_learned_from_each_new_name(made: Made, seed: int) -> None:
    product_id = made("L-1", name="Reading LAMP reading, à la Ångström 2000 of_oak")
    with transaction():
        usecases.change_product(
            product_id=product_id, version=1, changes={"name": "Oak chair"}, at=NOON
        )
    run_until_quiet(twice_and_shuffled(seed), only={"products"})
    known = set(Word.objects.values_list("word", flat=True))
    assert known == {"reading", "lamp", "ångström", "2000", "chair"}


def test_the_best_are_sought_among_the_newest_that_match(
    anyone: APIClient, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MAX_RANKED", 2)
    made("BEST", name="Lamp lamp lamp")
    made("GOOD", name="Lamp")
    made("LAST", name="Shade", description="For a lamp.")
    assert codes(anyone, "?q=lamp") == ["GOOD", "LAST"]
    assert codes(anyone, "?q=lamp&order=-created") == ["LAST", "GOOD", "BEST"]


def test_a_search_is_narrowed_and_ordered_like_any_list(anyone: APIClient, made: Made) -> None:
    made("A", name="Lamp b", category="lamps")
    made("B", name="Lamp a", category="lamps")
    made("C", name="Lamp c", category="garden")
    assert codes(anyone, "?q=lamp&order=name") == ["B", "A", "C"]
    assert codes(anyone, "?q=lamp&category=home&order=-created") == ["B", "A"]


def test_what_was_found_is_marked_and_all_else_is_escaped(anyone: APIClient, made: Made) -> None:
    made(
        "X",
        name="Lamp <b>&\x02\x03",
        description="<script>alert('lamp')</script> A lamp \x02with\x03 \"marks\".",
    )
    (row,) = anyone.get("/api/v1/products?q=lamps").json()["results"]
    assert row["highlight"]["name"] == "<mark>Lamp</mark> &lt;b&gt;&amp;"
    description = row["highlight"]["description"]
    assert "<mark>lamp</mark> with &quot;marks" in description
    assert "<" not in description.replace("<mark>", "").replace("</mark>", "")


def test_a_list_that_searches_nothing_marks_nothing(anyone: APIClient, shelf: None) -> None:
    assert "highlight" not in anyone.get("/api/v1/products").json()["results"][0]


def test_a_search_follows_each_change(anyone: APIClient, made: Made) -> None:
    product_id = made("L-1", name="Lamp")
    Product.objects.filter(id=product_id).update(name="Chair")
    assert (codes(anyone, "?q=chair"), codes(anyone, "?q=lamp")) == (["L-1"], ["L-1"])
    Product.objects.filter(id=product_id).update(description="", model="")
    assert codes(anyone, "?q=reading") == []


def test_pages_neither_skip_nor_repeat_while_products_are_added(
    anyone: APIClient, made: Made
) -> None:
    for number in range(7):
        made(f"P{number}", name="Lamp", description="lamp " * (number % 3))
    all_of_it = codes(anyone, "?q=lamp")
    added = iter(range(100))
    seen = walk(
        anyone,
        "/api/v1/products?limit=2&q=lamp",
        lambda: made(f"NEW{next(added)}", name="Lamp", description="lamp lamp lamp"),
    )
    assert (seen, len(all_of_it)) == (all_of_it, 7)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?q=x", "q"),
        ("?q=" + "x" * 101, "q"),
        ("?q=lamp%00", "q"),
        ("?order=relevance", "order"),
    ],
)
def test_a_search_that_is_not_good_is_refused(
    anyone: APIClient, tree: None, query: str, field: str
) -> None:
    answer = anyone.get(f"/api/v1/products{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("text", ["'", '"', "(", "a & | ! b", ":*", "\\", "%", "<->", "or or -"])
def test_no_text_is_an_error(anyone: APIClient, shelf: None, text: str) -> None:
    answer = anyone.get("/api/v1/products", {"q": f"{text} {text}"})
    assert answer.status_code == 200


def test_a_search_has_its_index(anyone: APIClient, made: Made) -> None:
    made("L-1", name="Reading lamp")
    many(3000)
    ways = {"seqscan", "indexscan"}
    found = plan(anyone, "/api/v1/products?q=reading", without=ways, number=0)
    assert "Bitmap Index Scan on products_search" in found, found


def test_words_that_are_alike_have_their_index(db: None) -> None:
    Word.objects.bulk_create(Word(word=f"word{number}") for number in range(3000))
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('products_word_alike')")  # as VACUUM would
        cursor.execute("ANALYZE products_word")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {NEAREST}", [["wrod"]])
        assert "Bitmap Index Scan on products_word_alike" in str(cursor.fetchall())


def test_a_search_takes_as_many_queries_for_a_hundred_products_as_for_one(
    anyone: APIClient, made: Made, django_assert_num_queries: Callable[..., Any]
) -> None:
    for number in range(100):
        made(f"P{number}")
        if number in {0, 99}:
            with django_assert_num_queries(2):
                assert len(codes(anyone, "?limit=100&q=lamp")) == number + 1
