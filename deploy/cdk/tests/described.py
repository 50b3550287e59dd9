"""Every environment, described once for all tests; `make synth` asks cdk-nag for its opinion."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk.assertions import Template

from shop.app import build
from shop.environments import ENVIRONMENTS

CONTEXT = json.loads(Path("cdk.json").read_text())["context"]
TAG = "0123456789abcdef"


class Templates:
    """The templates of one environment, by what their stack holds."""

    def __init__(self, name: str, **differently: object) -> None:
        self.environment = ENVIRONMENTS[name]
        app = cdk.App(context={**CONTEXT, "@aws-cdk/core:validateAgainstDefaultRules": False})
        self.stacks = build(app, self.environment, tag=TAG)
        self.of = {
            name: Template.from_stack(stack).to_json() for name, stack in self.stacks.all.items()
        }

    def resources(self, kind: str = "") -> dict[str, dict]:
        """Return the resources of a kind, or all, by stack and logical id."""
        return {
            f"{stack}/{name}": resource
            for stack, template in self.of.items()
            for name, resource in template["Resources"].items()
            if kind in {"", resource["Type"]}
        }

    def properties(self, kind: str) -> list[dict]:
        """Return the properties of all resources of a kind."""
        return [resource.get("Properties", {}) for resource in self.resources(kind).values()]


@functools.cache
def described(name: str) -> Templates:
    return Templates(name)
