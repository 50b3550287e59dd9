"""On AWS Lambda: run the migrations as a task, wait for its end, and tell CloudFormation."""

import json
import time
import urllib.request

import boto3

PAUSE = 3


class MigrationsFailed(Exception):
    """The task could not be started, or did not end well."""


def handler(event, context):
    try:
        # On the way back the older code has nothing to migrate, and what hinders the newer one (a
        # database that is away) must not hinder the way back too.
        is_due = event["RequestType"] != "Delete" and not is_going_back(event["StackId"])
        if is_due:
            run(boto3.client("ecs"), event["ResourceProperties"], lambda: left(context))
        tell(event, "SUCCESS", "")
    except Exception as error:  # whatever it was: an answer that never comes blocks for an hour
        tell(event, "FAILED", f"{type(error).__name__}: {error}")


def is_going_back(stack):
    found = boto3.client("cloudformation").describe_stacks(StackName=stack)
    return "ROLLBACK" in found["Stacks"][0]["StackStatus"]


def run(ecs, asked, seconds_left):
    answer = ecs.run_task(
        cluster=asked["Cluster"],
        taskDefinition=asked["TaskDefinition"],
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": asked["Subnets"],
                "securityGroups": asked["SecurityGroups"],
                "assignPublicIp": asked["PublicIp"],
            }
        },
    )
    if not answer["tasks"]:
        raise MigrationsFailed(f"no task was started: {answer['failures']}")
    arn = answer["tasks"][0]["taskArn"]
    while True:
        task = ecs.describe_tasks(cluster=asked["Cluster"], tasks=[arn])["tasks"][0]
        if task["lastStatus"] == "STOPPED":
            break
        if seconds_left() < 20:
            raise MigrationsFailed(f"not done in time, and still running: {arn}")
        time.sleep(PAUSE)
    [shop] = [each for each in task["containers"] if each["name"] == "shop"]
    if shop.get("exitCode") != 0:
        raise MigrationsFailed(f"{task.get('stoppedReason', 'failed')}: {arn}; read its log")


def left(context):
    return context.get_remaining_time_in_millis() / 1000


def tell(event, status, reason):
    body = {
        "Status": status,
        "Reason": reason[:1000],
        "PhysicalResourceId": "migrations",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(
        event["ResponseURL"],
        data=json.dumps(body).encode(),
        method="PUT",
        headers={"Content-Type": ""},
    )
    urllib.request.urlopen(request, timeout=30)
