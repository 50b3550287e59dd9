from __future__ import annotations

import dataclasses
import itertools
import tomllib

import pytest

from costs import HERE, LOADS, PAGE, page
from estimates import Load, estimate
from growth import ORDERS_A_DAY, Need
from shop.environments import DEV, ENVIRONMENTS, PROD, Size

PRICES = tomllib.loads((HERE / "prices.toml").read_text())


def test_the_page_is_current():
    assert PAGE.read_text() == page()


def test_every_database_has_a_price():
    wanted = {environment.database.instance for environment in ENVIRONMENTS.values()}

    assert wanted <= PRICES["database_hour"].keys()


def test_a_second_zone_doubles_the_database():
    database = dataclasses.replace(PROD.database, is_multi_az=False)
    single = dataclasses.replace(PROD, database=database)

    assert estimate(PROD, LOADS["prod"], PRICES)["PostgreSQL"] == pytest.approx(
        2 * estimate(single, LOADS["prod"], PRICES)["PostgreSQL"]
    )


def test_a_task_of_one_vcpu_and_two_gb_costs_what_the_list_says():
    less = dataclasses.replace(PROD, web=dataclasses.replace(PROD.web, least=2))
    name = "Tasks: web, streams, relay, scheduler"

    assert PROD.web == Size(cpu=1024, memory=2048, least=3, most=30)
    assert estimate(PROD, LOADS["prod"], PRICES)[name] - estimate(less, LOADS["prod"], PRICES)[
        name
    ] == pytest.approx(730 * (0.0356 + 2 * 0.0039))


def test_dev_costs_little():
    assert sum(estimate(DEV, LOADS["dev"], PRICES).values()) < 150


def test_a_million_messages_more_cost_what_the_list_says():
    few, many = (
        estimate(PROD, Load(orders_a_day=1_000, files_gb=1, sqs_requests_per_order=each), PRICES)
        for each in (0, 1_000_000 / 1_000 / 30.4)
    )
    assert many["SQS"] - few["SQS"] == pytest.approx(0.40)


@pytest.mark.parametrize(("few", "many"), [*itertools.pairwise(ORDERS_A_DAY)])
def test_a_shop_that_grows_is_never_cheaper_nor_smaller(few, many):
    need, more = Need(few), Need(many)

    assert need.cost(PRICES) <= more.cost(PRICES)
    assert need.disk_gb < more.disk_gb
    assert (need.web, need.workers) <= (more.web, more.workers)
    assert need.requests_per_order >= more.requests_per_order


def test_a_hundred_thousand_orders_a_day_need_what_can_be_reckoned_by_hand():
    need = Need(100_000)

    assert need.peak == pytest.approx(4.63, abs=0.01)  # four times 100,000 / 86,400
    assert need.web == 5  # 4.63 x (48 ms + 50 x 10 ms) = 2.54 cores, busy for 60 %: 4.23
    assert need.instance == "m8g.large"  # 4.63 x (70 ms + 50 x 2 ms) = 0.79 cores: 1.3
