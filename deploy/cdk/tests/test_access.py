from __future__ import annotations

import json

import pytest

# What AWS lets nobody narrow down, and what a policy can't know before it happens.
WILDCARDS = {
    "ecr:GetAuthorizationToken": "asks for a token of the whole registry",
    "xray:PutTraceSegments": "traces are no resource",
    "xray:PutTelemetryRecords": "traces are no resource",
}
BELOW = {
    "ecs:DescribeTasks": "a task that was just started has a new name; the cluster is fixed",
    "s3:GetObject": "objects of one bucket",
    "s3:PutObject": "objects of one bucket",
    "s3:DeleteObject": "objects of one bucket",
    "s3:PutObjectRetention": "objects of one bucket",
    "s3:GetObjectVersion": "objects of one bucket",
}


def statements(templates):
    for key, policy in templates.resources("AWS::IAM::Policy").items():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            yield key, statement


def as_list(value):
    return value if isinstance(value, list) else [value]


def role_of(templates, command):
    """Return what the task's role of one command may do, by action."""
    resources = templates.of["services"]["Resources"]
    [role] = {
        each["Properties"]["TaskRoleArn"]["Fn::GetAtt"][0]
        for each in resources.values()
        if each["Type"] == "AWS::ECS::TaskDefinition"
        and each["Properties"]["ContainerDefinitions"][0]["Command"] == command
    }
    allowed = {}
    for policy in templates.resources("AWS::IAM::Policy").values():
        if policy["Properties"]["Roles"] == [{"Ref": role}]:
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                for action in as_list(statement["Action"]):
                    allowed.setdefault(action, []).extend(as_list(statement["Resource"]))
    return allowed


def test_no_action_has_a_wildcard(templates):
    found = {action for _, each in statements(templates) for action in as_list(each["Action"])}

    assert not {action for action in found if "*" in action}


def test_everything_is_allowed_to_only_a_few_actions_for_a_reason(templates):
    for key, statement in statements(templates):
        for resource in map(json.dumps, as_list(statement["Resource"])):
            if "*" in resource:
                known = WILDCARDS if resource == '"*"' else BELOW
                assert set(as_list(statement["Action"])) <= known.keys(), (key, statement)


def test_nobody_but_the_relay_and_the_scheduler_sends(prod, registry):
    senders = {}
    for command in (["relay"], ["scheduler"], ["web"], ["streams"]):
        senders[command[0]] = len(role_of(prod, command).get("sqs:SendMessage", []))
    for queue in registry.queues:
        senders[queue] = len(role_of(prod, ["worker", queue]).get("sqs:SendMessage", []))

    expected = {"relay": len(registry.queues), "scheduler": 1}
    assert {name: number for name, number in senders.items() if number} == expected


def test_a_worker_takes_from_its_own_queue_alone(prod, registry):
    for queue in {*registry.queues} - {"bus"}:
        [taken] = role_of(prod, ["worker", queue])["sqs:ReceiveMessage"]
        name = taken["Fn::GetStackOutput"]["OutputName"]
        assert f"Queues{queue.replace('-', '')}" in name
        assert "dlq" not in name


def test_who_runs_jobs_takes_dead_letters_too(prod, registry):
    taken = role_of(prod, ["worker", "bus"])["sqs:ReceiveMessage"]

    assert len({json.dumps(queue) for queue in taken}) == 1 + len(registry.all_queues)


@pytest.mark.parametrize(
    ("command", "secrets"),
    [
        (["web"], {"SES_WEBHOOK_SECRET", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"}),
        (["streams"], set()),
        (["worker", "payment-outside"], {"STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"}),
        (["worker", "users-outside"], set()),
        (["worker", "orders"], set()),
    ],
)
def test_a_role_knows_only_the_secrets_that_it_needs(prod, command, secrets):
    [container] = [
        each
        for definition in prod.properties("AWS::ECS::TaskDefinition")
        for each in definition["ContainerDefinitions"]
        if each.get("Command") == command
    ]

    known = {each["Name"] for each in container["Secrets"]}
    assert known == {"SECRET_KEY", "PGUSER", "PGPASSWORD", *secrets}


def test_only_who_runs_jobs_may_anchor_the_audit_and_nobody_may_undo_it(prod, registry):
    found = {
        (key, action)
        for key, statement in statements(prod)
        for action in as_list(statement["Action"])
        if action.startswith("s3:") and "shop-prod-audit-" in json.dumps(statement["Resource"])
    }

    assert {action for _, action in found} == {
        "s3:PutObject",
        "s3:PutObjectRetention",
        "s3:GetObjectVersion",
        "s3:ListBucketVersions",
    }
    assert len({key for key, _ in found}) == 1


def test_only_a_workflow_of_the_repository_in_this_environment_may_deploy(templates):
    [role] = [
        each
        for each in templates.of["pipeline"]["Resources"].values()
        if each["Type"] == "AWS::IAM::Role"
    ]
    [statement] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]

    environment = templates.environment
    issuer = "token.actions.githubusercontent.com"
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": f"repo:{environment.repository}:environment:{environment.name}",
        }
    }
