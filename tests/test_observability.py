"""The profile `observability` of docker-compose.yml: nobody pulls its images, so it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml
from django.test import RequestFactory
from prometheus_client.parser import text_string_to_metric_families

from dev import ROOT
from ecommerce import metrics

FOLDER = ROOT / "deploy" / "observability"


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


@pytest.fixture(scope="module")
def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read("grafana/shop.json")["panels"]
    return found


def test_nothing_of_it_runs_unless_it_is_asked_for(services: dict[str, Any]) -> None:
    watching = {
        name for name, each in services.items() if each.get("profiles") == ["observability"]
    }

    assert watching == {"collector", "jaeger", "prometheus", "grafana"}


def test_every_file_that_is_mounted_is_there(services: dict[str, Any]) -> None:
    mounted = [
        volume.split(":")[0]
        for each in services.values()
        for volume in each.get("volumes", ())
        if volume.startswith("./")
    ]

    assert len(mounted) == 5
    assert [path for path in mounted if not (ROOT / path).is_file()] == []


def test_whoever_is_spoken_to_is_a_service(services: dict[str, Any]) -> None:
    said = "".join(path.read_text() for path in sorted(FOLDER.rglob("*.yaml")))
    spoken_to = set(re.findall(r"(?:https?://|endpoint: |\")([a-z]+):\d+", said))

    assert spoken_to == {"jaeger", "prometheus", "web"}
    assert spoken_to <= services.keys()


def test_prometheus_asks_where_the_web_tells(services: dict[str, Any]) -> None:
    [job] = read("prometheus.yaml")["scrape_configs"]

    assert job["static_configs"][0]["targets"] == [
        f"web:{services['web']['environment']['METRICS_PORT']}"
    ]
    assert not [port for port in services["web"]["ports"] if "9464" in port]


def test_the_collector_has_what_its_pipeline_names() -> None:
    settings = read("collector.yaml")
    [pipeline] = settings["service"]["pipelines"].values()

    assert {part: set(names) for part, names in pipeline.items()} == {
        part: set(settings[part]) for part in ("receivers", "processors", "exporters")
    }


def test_every_panel_asks_a_source_that_is_provided(panels: list[dict[str, Any]]) -> None:
    provided = {source["uid"] for source in read("grafana/datasources.yaml")["datasources"]}

    assert {panel["datasource"]["uid"] for panel in panels} <= provided


def test_no_panel_lies_on_another(panels: list[dict[str, Any]]) -> None:
    def places(panel: dict[str, Any]) -> Iterator[tuple[int, int]]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            yield from ((x, y) for y in range(place["y"], place["y"] + place["h"]))

    taken = [set(places(panel)) for panel in panels]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert not any(one & other for one, other in combinations(taken, 2))
    assert all(x < 24 for each in taken for x, _ in each)


@pytest.mark.django_db
def test_the_dashboard_shows_what_the_shop_tells_and_all_of_it(
    panels: list[dict[str, Any]], settings: Any
) -> None:
    settings.METRICS_PORT = "9464"
    metrics.REQUESTS.labels("GET", "/", 200).observe(0.1)
    answer = metrics.metrics(RequestFactory().get("/metrics", SERVER_PORT="9464"))
    families = list(text_string_to_metric_families(answer.content.decode()))
    told = {sample.name for family in families for sample in family.samples}
    asked = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"shop_\w+", target["expr"])
    }

    # A gauge by handler has no sample while no delivery has failed.
    assert asked - told - {family.name for family in families} == set()
    unseen = {family.name for family in families} - {
        name.removesuffix("_total").removesuffix("_bucket").removesuffix("_count") for name in asked
    }
    assert unseen == set()


def test_the_dashboard_is_json_as_grafana_writes_it() -> None:
    text = (FOLDER / "grafana/shop.json").read_text()

    assert text == json.dumps(json.loads(text), indent=2) + "\n"
