"""
Ministack, and what it lacks for our stacks.

Some types of resources are only written down: they are there for CloudFormation, and nothing
happens. With TASK_NETWORK tasks are containers in that network of a Docker engine, and have
TASK_SETTINGS beside their own; else a task that was asked for by `RunTask` ends at once, as the
file TASK_EXIT_CODE says. A database is never more than a name.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.services import ecs, rds
from ministack.services.cloudformation import provisioners

Attributes = dict[str, str]
Handler = dict[str, Any]
Added = tuple[str, Attributes]

# With the attributes that templates ask of them.
WRITTEN_DOWN = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ("Id",),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("Arn",),
    "AWS::EC2::EIP": ("AllocationId", "PublicIp"),
    "AWS::EC2::FlowLog": ("Id",),
    "AWS::EC2::NatGateway": ("NatGatewayId",),
    "AWS::EC2::SecurityGroupEgress": ("Id",),
    "AWS::EC2::SecurityGroupIngress": ("Id",),
    "AWS::EC2::VPCEndpointService": ("ServiceId",),
    "AWS::ECS::ClusterCapacityProviderAssociations": (),
    "AWS::IAM::OIDCProvider": ("Arn",),
    "AWS::SecretsManager::ResourcePolicy": (),
    "AWS::SecretsManager::RotationSchedule": (),
    "AWS::WAFv2::WebACLAssociation": (),
}
_HANDLERS: dict[str, Handler] = provisioners._RESOURCE_HANDLERS
_SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 -- the name of a type


def extend() -> None:
    """Add what is missing, and refuse to hide what the emulator has learned meanwhile."""
    known = WRITTEN_DOWN.keys() & _HANDLERS.keys()
    if known:
        sys.exit(f"The emulator knows these by now: {', '.join(sorted(known))}. Take them out.")
    for kind, attributes in WRITTEN_DOWN.items():
        _HANDLERS[kind] = _written_down(kind, attributes)
    _HANDLERS["AWS::EC2::VPC"] = _telling(
        _HANDLERS["AWS::EC2::VPC"], lambda asked: {"CidrBlock": asked.get("CidrBlock", "")}
    )
    _HANDLERS[_SECRET] = _by_arn(_HANDLERS[_SECRET])
    provisioners._normalize_container_defs = _camel_to_the_end(
        provisioners._normalize_container_defs
    )
    rds._get_docker = lambda: None
    if "TASK_NETWORK" in os.environ:
        _run_containers()
    else:
        ecs._get_docker = lambda: None
        ecs._maybe_mark_stopped = _ending_without_docker(ecs._maybe_mark_stopped)


def _written_down(kind: str, attributes: tuple[str, ...]) -> Handler:
    def answer(name: str) -> Added:
        return name, dict.fromkeys(attributes, name)

    def create(logical_id: str, asked: Mapping[str, Any], stack: str) -> Added:
        return answer(f"{kind.rsplit('::', 1)[1].lower()}-{secrets.token_hex(8)}")

    def update(name: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str) -> Added:
        return answer(name)

    return {"create": create, "update": update, "delete": lambda name, asked: None}


def _telling(handler: Handler, more: Callable[[Mapping[str, Any]], Attributes]) -> Handler:
    """Let what was created answer for more attributes."""

    def create(logical_id: str, asked: Mapping[str, Any], stack: str) -> Added:
        name, attributes = handler["create"](logical_id, asked, stack)
        return name, {**attributes, **more(asked)}

    return {**handler, "create": create}


def _by_arn(handler: Handler) -> Handler:
    """Let a reference to a secret be its ARN, as on AWS; the emulator takes its name for it."""

    def name_in(arn: str) -> str:
        return arn.split(":secret:", 1)[-1].rsplit("-", 1)[0]

    def create(logical_id: str, asked: Mapping[str, Any], stack: str) -> Added:
        _, attributes = handler["create"](logical_id, asked, stack)
        return attributes["Arn"], attributes

    def update(
        arn: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, logical_id: str
    ) -> Added:
        _, attributes = handler["update"](name_in(arn), old, new, stack, logical_id)
        return attributes["Arn"], attributes

    def delete(arn: str, asked: Mapping[str, Any]) -> None:
        handler["delete"](name_in(arn), asked)

    return {**handler, "create": create, "update": update, "delete": delete}


def _camel_to_the_end(normalize: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Spell a container's secrets and its health check as ECS does, or it starts without them."""
    spell = provisioners._cfn_to_camel

    def normalized(definitions: Any) -> Any:
        containers = normalize(definitions)
        for container in containers:
            secrets = container.get("secrets") or []
            container["secrets"] = [{spell(k): v for k, v in each.items()} for each in secrets]
            if check := container.get("healthCheck"):
                container["healthCheck"] = {spell(k): v for k, v in check.items()}
        return containers

    return normalized


def _run_containers() -> None:
    """Let tasks be containers that find this emulator where tasks on AWS find what is theirs."""
    ecs._prepare_service_images = lambda task, definition, docker: None  # there is no registry
    network, here = os.environ["TASK_NETWORK"], os.environ["BIND_HOST"]
    settings = json.loads(os.environ["TASK_SETTINGS"])
    register, build = ecs._register_metadata, ecs._build_run_kwargs

    def built(
        container: Mapping[str, Any],
        definition: Any,
        environment: Mapping[str, str],
        ports: Any,
        _network: object,
        host_mode: object,
        task: str,
        arn: str,
        _here: object,
        cluster: str,
    ) -> dict[str, Any]:
        more = {**environment, **settings}
        known = (host_mode, task, arn, here, cluster)
        kwargs: dict[str, Any] = build(container, definition, more, ports, network, *known)
        return {**kwargs, **_as_defined(container), "platform": None}  # any machine's own

    ecs._register_metadata = lambda *known: register(*known[:-1], here)
    ecs._build_run_kwargs = built


def _as_defined(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the emulator leaves out of a definition."""
    return {
        "entrypoint": container.get("entryPoint"),
        "read_only": bool(container.get("readonlyRootFilesystem")),
    }


def _ending_without_docker(look: Callable[..., None]) -> Callable[..., None]:
    def looked(task: dict[str, Any], docker: Any = None) -> None:
        look(task, docker)
        is_service = task.get("group", "").startswith("service:")
        if is_service or task.get("_docker_ids") or task["lastStatus"] == "STOPPED":
            return
        code = int(Path(os.environ["TASK_EXIT_CODE"]).read_text())
        reason = "Essential container in task exited"
        task.update(lastStatus="STOPPED", desiredStatus="STOPPED", stoppedReason=reason)
        for container in task["containers"]:
            container.update(lastStatus="STOPPED", exitCode=code)

    return looked


if __name__ == "__main__":
    extend()
    main()
