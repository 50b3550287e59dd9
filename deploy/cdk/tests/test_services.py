from __future__ import annotations

import json

from costs import HERE
from shop.services.access import BY_QUEUE, Needs, needs_of
from shop.services.workers import BACKLOG


def services(templates):
    """Return each service's properties by the command of its container."""
    definitions = templates.of["services"]["Resources"]
    found = {}
    for service in templates.properties("AWS::ECS::Service"):
        definition = definitions[service["TaskDefinition"]["Ref"]]["Properties"]
        found[tuple(shop(definition)["Command"])] = service
    return found


def shop(definition):
    [found] = [each for each in definition["ContainerDefinitions"] if each["Name"] == "shop"]
    return found


def containers(templates):
    return [shop(each) for each in templates.properties("AWS::ECS::TaskDefinition")]


def test_production_runs_every_role_and_a_worker_for_each_queue(prod, registry):
    workers = {("worker", queue) for queue in registry.queues}

    assert services(prod).keys() == {
        ("web",),
        ("streams",),
        ("relay",),
        ("scheduler",),
        *workers,
    }


def test_dev_has_one_worker_for_all(dev, registry):
    assert ("worker", *registry.queues) in services(dev)


def test_each_task_runs_the_image_that_was_asked_for(templates):
    assert {json.dumps(each["Image"])[-20:-4] for each in containers(templates)} == {
        "0123456789abcdef"
    }


def test_a_failed_rollout_goes_back_by_itself(templates):
    rolling = [
        service["DeploymentConfiguration"] for service in templates.properties("AWS::ECS::Service")
    ]

    for each in rolling:
        assert each["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        assert (each["MinimumHealthyPercent"], each["MaximumPercent"]) == (100, 200)


def test_no_template_says_how_many_tasks_there_are_where_scaling_does(templates):
    scaled = {
        target["ResourceId"]["Fn::Join"][1][-1]["Fn::GetAtt"][0]
        for target in templates.properties("AWS::ApplicationAutoScaling::ScalableTarget")
    }

    for key, service in templates.resources("AWS::ECS::Service").items():
        is_scaled = key.removeprefix("services/") in scaled
        assert ("DesiredCount" in service["Properties"]) is not is_scaled


def test_two_relays_and_one_scheduler_run(prod):
    found = services(prod)

    assert found[("relay",)]["DesiredCount"] == 2
    assert found[("scheduler",)]["DesiredCount"] == 1


def test_no_service_changes_before_the_migrations_are_done(templates):
    for service in templates.resources("AWS::ECS::Service").values():
        assert [name for name in service["DependsOn"] if name.startswith("migrateDone")]


def test_migrations_run_as_the_owner_and_all_else_as_the_app(templates):
    users = {}
    for container in containers(templates):
        secrets = {each["Name"]: json.dumps(each["ValueFrom"]) for each in container["Secrets"]}
        assert ":username::" in secrets["PGUSER"]
        assert ":password::" in secrets["PGPASSWORD"]
        users[container["Command"][-1]] = "PostgresOwner" in secrets["PGPASSWORD"]

    assert users.pop("migrate") is True
    assert set(users.values()) == {False}


def test_no_setting_in_clear_is_a_secret(templates):
    for container in containers(templates):
        clear = {each["Name"]: each["Value"] for each in container["Environment"]}
        assert "@" not in json.dumps(clear["DATABASE_URL"])
        assert not {"SECRET_KEY", "PGPASSWORD", "STRIPE_SECRET_KEY", "APP_PASSWORD"} & clear.keys()


def test_every_setting_is_one_that_the_code_reads(templates):
    known = {
        line.removeprefix("# ").split("=")[0]
        for line in (HERE.parents[1] / ".env.example").read_text().splitlines()
        if "=" in line
    }
    for container in containers(templates):
        names = {each["Name"] for each in container["Environment"] + container["Secrets"]}
        assert names - known <= {
            *("PGUSER", "PGPASSWORD"),  # libpq's
            "APP_PASSWORD",  # python -m ecommerce.database_roles
        }


def test_every_service_is_asked_how_it_is(templates):
    for container in containers(templates):
        is_service = container["Command"][-1] != "migrate"
        asked = container.get("HealthCheck", {}).get("Command")
        assert asked == (
            ["CMD", "python", "-m", "ecommerce.roles", "healthy"] if is_service else None
        )


def test_migrations_make_the_role_of_the_app_first(templates):
    [container] = [each for each in containers(templates) if each["Command"][-1] == "migrate"]

    assert container["EntryPoint"] == ["python", "-m", "ecommerce.database_roles"]
    assert container["Command"] == ["python", "manage.py", "migrate"]
    assert "APP_PASSWORD" in {each["Name"] for each in container["Secrets"]}


def test_what_a_container_writes_lies_in_its_tmp_alone(templates):
    for container in containers(templates):
        assert container["ReadonlyRootFilesystem"] is True
        assert [mount["ContainerPath"] for mount in container["MountPoints"]] == ["/tmp"]


def test_a_worker_has_time_to_end_its_task(templates, registry):
    assert {each["StopTimeout"] for each in containers(templates)} == {110}
    assert registry.task_seconds < 110


def test_each_worker_follows_the_backlog_of_its_queue(prod, registry):
    tracked = {}
    for policy in prod.properties("AWS::ApplicationAutoScaling::ScalingPolicy"):
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        if metrics := tracking.get("CustomizedMetricSpecification", {}).get("Metrics"):
            assert tracking["TargetValue"] == BACKLOG
            assert metrics[-1]["Expression"] == "(m0) / IF(tasks > 0, tasks, 1)"
            assert [each["ReturnData"] for each in metrics] == [False, False, True]
            queue = json.dumps(metrics[0]["MetricStat"]["Metric"]["Dimensions"])
            tracked[policy["PolicyName"]] = queue

    assert tracked.keys() == {f"worker-{queue}-backlog-per-task" for queue in registry.queues}
    for name, queue in tracked.items():
        module = name.removeprefix("worker-").removesuffix("-backlog-per-task")
        assert f"Queues{module.replace('-', '')}" in queue


def test_each_worker_follows_the_age_of_its_oldest_message(prod, registry):
    aged = [key for key in prod.resources("AWS::CloudWatch::Alarm") if "TaskCountTargetAge" in key]

    assert len(aged) == len(registry.queues)


def test_workers_alone_may_be_taken_away_by_aws(prod):
    for command, service in services(prod).items():
        strategy = {
            each["CapacityProvider"]: each.get("Base")
            for each in service["CapacityProviderStrategy"]
        }
        expected = {"FARGATE": 1, "FARGATE_SPOT": None}
        assert strategy == (expected if command[0] == "worker" else {"FARGATE": None})


def test_the_balancer_passes_on_our_host_alone(templates):
    rules = {
        rule["Priority"]: {
            condition["Field"]: condition.get(
                "HostHeaderConfig", condition.get("PathPatternConfig")
            )
            for condition in rule["Conditions"]
        }
        for rule in templates.properties("AWS::ElasticLoadBalancingV2::ListenerRule")
    }
    host = {"Values": [templates.environment.domain]}

    assert rules == {
        10: {"host-header": host, "path-pattern": {"Values": ["/streams/*"]}},
        20: {"host-header": host},
    }


def test_tasks_are_renewed_three_times_before_a_password_ends(prod):
    schedules = prod.properties("AWS::Scheduler::Schedule")

    assert {each["ScheduleExpression"] for each in schedules} == {"rate(10 days)"}
    assert len(schedules) == len(services(prod))


def test_needs_are_those_of_all_queues_together():
    assert needs_of(["orders"]) == Needs()
    both = needs_of(["products-outside", "payment-outside", "bus"])

    assert both.secrets == ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")
    assert both.takes_dead_letters is True
    assert both.reads == ("media", "uploads")


def test_only_queues_that_the_code_has_need_anything(registry):
    assert BY_QUEUE.keys() <= set(registry.queues)


def test_traces_are_kept_by_share_and_go_through_the_collector_beside(prod, dev):
    for definition in prod.properties("AWS::ECS::TaskDefinition"):
        settings = {each["Name"]: each["Value"] for each in shop(definition)["Environment"]}
        [beside] = [each for each in definition["ContainerDefinitions"] if each["Name"] != "shop"]
        [told] = beside["Environment"]
        receiver = json.loads(told["Value"])["receivers"]["otlp"]["protocols"]["http"]
        assert settings["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://{receiver['endpoint']}"
        assert settings["OTEL_TRACES_SAMPLER_ARG"] == "0.05"
        assert settings["ENVIRONMENT"] == "prod"
        assert (told["Name"], beside["Essential"]) == ("AOT_CONFIG_CONTENT", False)
    for definition in dev.properties("AWS::ECS::TaskDefinition"):
        assert [each["Name"] for each in definition["ContainerDefinitions"]] == ["shop"]


def test_make_once_finds_a_service_by_what_cloudformation_makes_of_its_name(prod):
    keys = [key.split("/")[-1] for key in prod.resources("AWS::ECS::Service")]

    for name in ("web", "streams", "relay", "workerpayment", "workerpaymentoutside"):
        assert sum(key.startswith(f"{name}Service") for key in keys) == 1
