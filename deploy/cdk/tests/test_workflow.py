"""The workflow of a release, as far as it can be judged where nobody runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from shop.environments import ENVIRONMENTS


@pytest.fixture(scope="module")
def workflow():
    path = Path(__file__).parents[3] / ".github/workflows/release.yml"
    return yaml.safe_load(path.read_text())


def test_nothing_is_built_before_it_was_judged_or_deployed_before_it_was_built(workflow):
    needs = {name: job.get("needs") for name, job in workflow["jobs"].items()}

    assert needs == {"judge": None, "build": "judge", "deploy": "build"}


def test_production_comes_after_staging_and_each_in_its_own_environment(workflow):
    deploy = workflow["jobs"]["deploy"]

    assert deploy["strategy"] == {
        "max-parallel": 1,
        "matrix": {"environment": ["staging", "prod"]},
    }
    assert deploy["environment"] == "${{ matrix.environment }}"
    assert {*deploy["strategy"]["matrix"]["environment"]} <= ENVIRONMENTS.keys()


def test_an_order_is_played_on_staging_alone_once_it_serves(workflow):
    names = [step.get("name") for step in workflow["jobs"]["deploy"]["steps"]]
    step = workflow["jobs"]["deploy"]["steps"][-1]

    assert names[-2:] == ["See that it serves", "Let a customer and the staff play an order"]
    assert step["if"] == "matrix.environment == 'staging'"
    assert step["run"].startswith("make demo ")


def test_only_deploying_may_ask_for_an_identity(workflow):
    permissions = {name: job["permissions"] for name, job in workflow["jobs"].items()}

    assert workflow["permissions"] == {}
    assert [name for name, may in permissions.items() if "id-token" in may] == ["deploy"]
    assert [name for name, may in permissions.items() if may.get("packages") == "write"] == [
        "build"
    ]


def test_nobody_elses_code_runs(workflow):
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]

    assert [step for step in steps if "uses" in step] == []
