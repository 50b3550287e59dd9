from __future__ import annotations

import re

from costs import HERE
from shop.observability import RUNBOOK, figures


def alarms(templates):
    prefix = f"shop-{templates.environment.name}-"
    return {
        each["AlarmName"].removeprefix(prefix): each
        for each in templates.properties("AWS::CloudWatch::Alarm")
        if "AlarmName" in each
    }


def test_each_queue_is_watched_and_so_is_each_dead_letter_queue(templates, registry):
    watched = alarms(templates).keys()

    assert watched >= {
        f"{what}-{queue}" for what in ("oldest", "waiting", "dead") for queue in registry.all_queues
    }


def test_nothing_else_is_watched_than_what_the_runbook_explains(templates, registry):
    of_queues = {
        f"{what}-{queue}" for what in ("oldest", "waiting", "dead") for queue in registry.all_queues
    }

    assert alarms(templates).keys() - of_queues == {
        "place-order-slow",
        "errors-of-the-shop",
        "errors-of-the-balancer",
        "certificate-ends",
        "database-cpu",
        "database-storage",
        "database-connections",
        "outbox-age",
        "dead-deliveries",
        "payment-differences",
        "duplicate-product-codes",
    }


def test_every_alarm_tells_somebody_and_tells_when_it_is_over(templates):
    [topic] = templates.resources("AWS::SNS::Topic")
    told = [{"Ref": topic.removeprefix("observability/")}]

    for alarm in alarms(templates).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == told
        assert "docs/runbook.md#" in alarm["AlarmDescription"]


def test_one_dead_letter_is_enough(prod):
    alarm = alarms(prod)["dead-payment-outside"]

    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"


def test_slow_orders_are_read_from_the_log_of_the_web(prod):
    [metric] = prod.properties("AWS::Logs::MetricFilter")
    alarm = alarms(prod)["place-order-slow"]

    assert metric["FilterPattern"] == (
        '{ ($.message = "request") && ($.method = "POST") && ($.path = "/api/v1/orders") }'
    )
    [told] = metric["MetricTransformations"]
    assert (told["MetricNamespace"], told["MetricName"]) == (
        alarm["Namespace"],
        alarm["MetricName"],
    )
    assert (alarm["ExtendedStatistic"], alarm["Threshold"]) == ("p99", 1000)


def test_the_page_shows_every_figure_of_the_business(prod):
    [page] = prod.properties("AWS::CloudWatch::Dashboard")

    for name in (*figures.ORDERS, *figures.AMOUNTS, figures.OUTBOX_AGE):
        assert name in str(page["DashboardBody"])


def test_the_figures_watched_and_shown_are_those_that_the_shop_tells(registry):
    assert set(figures.ALL) == registry.figures.keys()


def test_the_runbook_explains_each_alarm(prod):
    lines = (HERE.parents[1] / RUNBOOK).read_text().splitlines()
    headings = {_anchor(line) for line in lines if line.startswith("## ")}

    explained = {alarm["AlarmDescription"].rsplit("#", 1)[1] for alarm in alarms(prod).values()}
    assert explained - headings == set()


def _anchor(heading):
    """Return what GitHub makes of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", heading.removeprefix("## ").lower()).replace(" ", "-")
