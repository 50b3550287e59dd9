from __future__ import annotations

from types import ModuleType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kernel.bus.console import dead, prune, rebuild, replay, status, tail
from kernel.bus.console.output import Output

# The order in which `--help` lists them.
SUBCOMMANDS: dict[str, ModuleType] = {
    "status": status,
    "dead": dead,
    "replay": replay,
    "rebuild": rebuild,
    "prune": prune,
    "tail": tail,
}


class Command(BaseCommand):
    help = "See what the event bus does, and mend what is stuck."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        choices = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        for name, module in SUBCOMMANDS.items():
            chosen = choices.add_parser(name, help=module.HELP, description=module.HELP)
            chosen.add_argument("--json", action="store_true", help="Print JSON, for machines.")
            module.add_arguments(chosen)

    def handle(self, *_: Any, **options: Any) -> None:
        output = Output(is_json=options["json"])
        SUBCOMMANDS[options["subcommand"]].run(output, options)
