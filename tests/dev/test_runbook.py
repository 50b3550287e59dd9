"""The runbook speaks only of what there is: its commands, settings and links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from django.core.management import get_commands, load_command_class

from dev import ROOT
from kernel.bus.event import event_names
from kernel.bus.replicas import replicas
from kernel.bus.subscriptions import all_handlers

DOCS = ROOT / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text(encoding="utf-8")
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
FENCED = [
    line
    for block in re.findall(r"```\n(.*?)```", RUNBOOK, re.DOTALL)
    for line in block.splitlines()
]
# Of everybody's, not of the operation's.
GLOBAL = {"query", "output", "region", "profile"}


def commands(program: str) -> list[str]:
    return [line for line in FENCED if line.startswith(f"{program} ")]


def manage_commands() -> list[list[str]]:
    """Return what the runbook, and the older page, let manage.py do."""
    once = re.findall(
        r'make once ENV=prod ARGS="(?:--set \S+ )?(.*?)"', RUNBOOK.replace("\n   ", " ")
    )
    by_hand = re.findall(r"^manage\.py (.*?)(?:  .*)?$", OPERATIONS, re.MULTILINE)
    return [shlex.split(found) for found in (*once, *by_hand)]


@pytest.mark.parametrize("words", manage_commands(), ids=" ".join)
def test_a_command_of_manage_py_understands_what_it_is_told(words: list[str]) -> None:
    name, *arguments = words
    command = load_command_class(get_commands()[name], name)
    numbered = ["1" if argument == "ID" else argument for argument in arguments]

    command.create_parser("manage.py", name).parse_args(numbered)


def test_handlers_replicas_and_events_are_ones_that_there_are() -> None:
    named = set(re.findall(r"--handler (\S+?)[\s\"]", RUNBOOK))
    rebuilt = set(re.findall(r"bus rebuild (\w+\.\w+)", RUNBOOK))
    told = set(re.findall(r"type=([\w.]+\.v\d)", RUNBOOK))

    assert named <= {handler.name for handler in all_handlers()}
    assert rebuilt <= {replica.name for replica in replicas()}
    assert told <= set(event_names())


@pytest.mark.parametrize("line", commands("aws"))
def test_aws_knows_the_operation_and_its_options(line: str) -> None:
    _, service, operation, *options = shlex.split(line)
    session = botocore.session.get_session()
    if operation == "wait":
        waiters = session.get_waiter_model(service).waiter_names
        operation, options = _waited_for(session, service, waiters, options)
    model = session.get_service_model("s3" if service == "s3api" else service)
    found = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(found[operation]).input_shape
    known = {
        xform_name(name, "-"): member for name, member in (shape.members if shape else {}).items()
    }

    given = {each.removeprefix("--").removeprefix("no-") for each in options if each[:2] == "--"}
    assert given - known.keys() - GLOBAL == set()


def _waited_for(
    session: Any, service: str, waiters: list[str], options: list[str]
) -> tuple[str, list[str]]:
    [name] = [each for each in waiters if xform_name(each, "-") == options[0]]
    waiter = session.get_waiter_model(service).get_waiter(name)
    return xform_name(waiter.operation, "-"), options[1:]


@pytest.mark.parametrize("line", [*commands("make"), *re.findall(r"`(make [\w-]+)", RUNBOOK)])
def test_make_knows_the_target(line: str) -> None:
    target = line.split()[1]

    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("link", "anchor"), sorted(set(re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", RUNBOOK)))
)
def test_links_lead_somewhere(link: str, anchor: str) -> None:
    page = DOCS / link if link else DOCS / "runbook.md"
    assert page.exists()
    assert not anchor or anchor in anchors(page)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings}
