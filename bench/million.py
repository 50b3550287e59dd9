"""What the catalogue costs with a million products: each list, search and facet, by its index."""

from __future__ import annotations

import math
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg

from bench.client import Client
from bench.goods import fill
from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import COURIERS, RunningShop
from bench.words import COLOURS, KINDS, MATERIALS
from dev import ROOT
from dev.plan import LOOPBACK, free_port

DATABASE = "million"
WARM_UP = 20
STARTING_SECONDS = 30.0
# What is asked, by the group whose slowest kind counts against the target.
TARGETS = {"list": 50, "search": 250, "detail": 30, "facets": 1000}  # milliseconds, p99
Asked = dict[str, list[str]]
Found = dict[str, list[float]]


def measure(shop: RunningShop, report: Report, *, products: int, requests: int) -> Details:
    """Make a catalogue in a database of its own, look at every plan, and ask over HTTP."""
    assert shop.plan.postgres  # noqa: S101 -- the bench's own is always embedded
    url = shop.plan.postgres.url(DATABASE)
    report.say(f"making {products:,} products …")
    _make(shop, url, products)
    report.say("they are there")
    with psycopg.connect(url, autocommit=True) as database:
        asked = _asked(database, requests)
    plans = shop.ask(
        "bench.inside.plans",
        asked={kind: paths[0] for kind, paths in asked.items()},
        environment={"DATABASE_URL": url},
    )
    _tell_plans(report, plans)
    with shop.standing_still(*COURIERS, "payment_3p"):
        small = _times(Client(shop.plan.addresses.shop), _found_in_any(asked))
        large = _served(shop, url, asked)
    _tell_times(report, small, large)
    return {"plans": plans, "milliseconds": large, "with few products": small}


def _make(shop: RunningShop, url: str, products: int) -> None:
    assert shop.plan.postgres  # noqa: S101
    shop.plan.postgres.prepare(DATABASE)
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    environment = {**os.environ, **shop.environment, "DATABASE_URL": url}
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
    with psycopg.connect(url, autocommit=True) as owner:
        fill(owner, products)


def _asked(database: psycopg.Connection, requests: int) -> Asked:
    """Return what to ask of each kind, with other words and numbers each time."""
    dice = random.Random(1)  # noqa: S311 -- repeatable, not secret
    sample = "SELECT id, name FROM products_product TABLESAMPLE bernoulli (1) REPEATABLE (1)"
    rows = database.execute(f"{sample} WHERE is_active").fetchall()
    goods = [dice.choice(rows) for _ in range(requests)]
    rare = [name.split()[0].lower() for _, name in goods]
    frequent = [dice.choice(KINDS[:4]) for _ in range(requests)]
    lists = [f"c2-{dice.randrange(100)}" for _ in range(requests)]
    found = {
        "list, newest": ["/products"] * requests,
        **{f"list by {by}": [f"/products?order={by}"] * requests for by in _ORDERS},
        "list of a category": [f"/products?category={slug}" for slug in lists],
        "list of a category by price": [f"/products?order=price&category={s}" for s in lists],
        "list of a tag by name": [f"/products?order=name&tag={m.lower()}" for m in MATERIALS],
        "list of an attribute": [f"/products?attr.colour={c}&attr.size=M" for c in COLOURS],
        "list of prices, in stock": ["/products?available=true&price_min=900&price_max=2000"],
        "search: a rare word": [f"/products?q={word}" for word in rare],
        "search: a frequent word": [f"/products?q={word}" for word in frequent],
        "search: a frequent word by price": [f"/products?q={w}&order=price" for w in frequent],
        "search: in a category": [f"/products?q=lamp&category={slug}" for slug in lists],
        "search: the beginning of a word": [f"/products?q={word[:-2]}" for word in rare],
        "search: a slip": [f"/products?q={word[:3]}{word[4:]}" for word in rare],
        "search: nothing": ["/products?q=xqzwvk"],
        "detail": [f"/products/{product_id}" for product_id, _ in goods],
        "facets of all": ["/products/facets"],
        "facets of a category": [f"/products/facets?category={slug}" for slug in lists],
        "facets of a frequent word": [f"/products/facets?q={word}" for word in frequent],
        "facets of much at once": ["/products/facets?q=lamp&attr.colour=red&price_min=900"],
    }
    return {kind: [dice.choice(paths) for _ in range(requests)] for kind, paths in found.items()}


_ORDERS = ("price", "-price", "name")


def _found_in_any(asked: Asked) -> Asked:
    """Leave out what needs ids that another database has."""
    return {kind: paths for kind, paths in asked.items() if kind != "detail"}


def _served(shop: RunningShop, url: str, asked: Asked) -> Found:
    """Ask web processes of their own, which are those of production."""
    port = free_port()
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    settings = (f"DATABASE_URL={url}", f"PORT={port}", f"BIND_HOST={LOOPBACK}")
    web = (gunicorn, "-c", "python:ecommerce.gunicorn", "ecommerce.wsgi")
    with shop.program("/usr/bin/env", *settings, *web):
        address = f"http://{LOOPBACK}:{port}"
        _wait_for(address)
        return _times(Client(address), asked)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            Client(address).get("/categories")
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _times(client: Client, asked: Asked) -> Found:
    """Return the milliseconds of each answer, kinds by turns; a few first answers don't count."""
    for paths in asked.values():
        for path in paths[:WARM_UP]:
            client.get(path)
    times: Found = {kind: [] for kind in asked}
    for turn in range(max(map(len, asked.values()))):
        for kind, paths in asked.items():
            begun = time.perf_counter()
            client.get(paths[turn % len(paths)])
            times[kind].append(1000 * (time.perf_counter() - begun))
    return times


def _tell_plans(report: Report, plans: Mapping[str, Mapping[str, object]]) -> None:
    report.rows(
        "How PostgreSQL finds it: EXPLAIN (ANALYZE, BUFFERS) of all statements of one request",
        ("", "statements", "ms", "pages", "indexes of products"),
        [
            (kind, plan["statements"], plan["ms"], plan["pages"], plan["indexes"])
            for kind, plan in plans.items()
        ],
    )
    scans = [kind for kind, plan in plans.items() if plan["scans"]]
    for kind in scans:
        report.say(f"[red]{kind} reads the whole table[/]")
    report.add(Figure("requests that read all products", Target(0, "kinds"), len(scans)))
    if scans:
        raise AssertionError(f"A sequential scan of all products: {', '.join(scans)}.")


def _tell_times(report: Report, small: Found, large: Found) -> None:
    rows = []
    for kind, times in large.items():
        few, p50 = statistics.median(small.get(kind, [math.nan])), statistics.median(times)
        beside = (few, p50 / few) if kind in small else ("", "")  # its product isn't there
        rows.append((kind, p50, _p99(times), *beside))
    report.rows(
        "Milliseconds over HTTP, one at a time, beside the demo's shop in the same run",
        ("", "p50", "p99", "p50 with few", "times"),
        rows,
    )
    for group, bound in TARGETS.items():
        kinds = [kind for kind in large if kind.startswith(group)]
        worst = max(kinds, key=lambda kind: _p99(large[kind]))
        report.add(
            Figure(
                f"{group}: p99 of the slowest kind",
                Target(bound, "ms"),
                _p99(large[worst]),
                f"{worst}; p50 {statistics.median(large[worst]):.0f} ms",
            )
        )


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[int(0.99 * (len(times) - 1))]


MEASUREMENT = Measurement(
    "million",
    "A catalogue of a million products",
    measure,
    {
        "products": Size(1_000_000, quick=50_000, help="products made"),
        "requests": Size(200, quick=40, help="requests of each kind"),
    },
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
