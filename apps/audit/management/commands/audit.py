from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.audit import queries
from apps.audit.models import Chain
from apps.audit.queries import Breach


class Command(BaseCommand):
    help = "`audit verify` walks every chain and names the first record that doesn't hold."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="Exit code 1 if anything was changed.")
        verify.add_argument("chain", nargs="*", help="Only these, such as money-2026-03.")

    def handle(self, *_: Any, **options: Any) -> None:
        chosen = [
            chain for chain in queries.chains() if chain.name in (options["chain"] or {chain.name})
        ]
        broken = [chain.name for chain in chosen if not self._holds(chain)]
        if broken:
            raise CommandError(f"Broken: {', '.join(broken)}", returncode=1)
        self.stdout.write(f"{len(chosen)} chains hold.")

    def _holds(self, chain: Chain) -> bool:
        seq = 0
        for found in queries.verify(chain):
            if isinstance(found, Breach):
                self.stdout.write(
                    f"{chain.name}: record {found.seq} was {found.kind}"
                    f" (event {found.event_id or 'unknown'}): {found.detail}."
                )
                return False
            seq = found
            self.stderr.write(f"{chain.name}: {seq:,} of {chain.last_seq:,}")
        self.stdout.write(f"{chain.name}: {seq:,} records hold.")
        return True
