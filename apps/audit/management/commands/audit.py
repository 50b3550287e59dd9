from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.audit import gateway, queries, usecases
from apps.audit.models import Chain
from apps.audit.queries import Breach
from kernel.bus import jobs
from kernel.transactions import transaction


class Command(BaseCommand):
    help = "Verify what was recorded, and drop what need not be kept any more."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser(
            "verify",
            help="Walk every chain and name the first record that doesn't hold; exit code 1 if"
            " there is one.",
        )
        verify.add_argument("chain", nargs="*", help="Only these, such as money-2026-03.")
        verify.add_argument(
            "--anchors", action="store_true", help="Compare them with every anchor, too."
        )
        actions.add_parser("anchor", help="Make today's anchor now, if there is none.")
        drop = actions.add_parser(
            "drop-expired", help="Drop the records of the months whose time is over."
        )
        drop.add_argument("--dry-run", action="store_true", help="Only name them.")

    def handle(self, *_: Any, **options: Any) -> None:
        act = {
            "verify": self._verify,
            "anchor": self._anchor,
            "drop-expired": self._drop_expired,
        }
        act[options["action"]](options)

    def _verify(self, options: dict[str, Any]) -> None:
        chosen = [
            chain for chain in queries.chains() if chain.name in (options["chain"] or {chain.name})
        ]
        broken = [chain.name for chain in chosen if not self._holds(chain)]
        if options["anchors"]:
            broken += self._differing(set(options["chain"]))
        if broken:
            raise CommandError(f"Broken: {', '.join(sorted(set(broken)))}", returncode=1)
        self.stdout.write(f"{len(chosen)} chains hold.")

    def _differing(self, chosen: set[str]) -> list[str]:
        """Return the chains that differ from what an anchor says; of these, if any are named."""
        try:
            anchored = queries.marks(gateway.anchors().all())
        except queries.AnchorBroken as broken:
            text = "doesn't name the anchor before it as it is"
            raise CommandError(f"The anchor of {broken} {text}.", returncode=1) from broken
        days = {mark.day for marks in anchored.values() for mark in marks}
        self.stdout.write(f"{len(days)} anchors, the newest of {max(days, default='never')}.")
        found = [
            each for each in queries.against_anchors(anchored) if each[0] in chosen or not chosen
        ]
        for name, breach in found:
            self._tell(name, breach)
        return [name for name, _ in found]

    def _tell(self, name: str, breach: Breach) -> None:
        self.stdout.write(
            f"{name}: record {breach.seq} was {breach.kind}"
            f" (event {breach.event_id or 'unknown'}): {breach.detail}."
        )

    def _holds(self, chain: Chain) -> bool:
        seq = 0
        for found in queries.verify(chain):
            if isinstance(found, Breach):
                self._tell(chain.name, found)
                return False
            seq = found
            self.stderr.write(f"{chain.name}: {seq:,} of {chain.last_seq:,}")
        if chain.dropped_at:
            text = f"its {chain.last_seq:,} records were dropped on {chain.dropped_at:%Y-%m-%d}"
        else:
            text = f"{seq:,} records hold"
        self.stdout.write(f"{chain.name}: {text}.")
        return True

    def _anchor(self, _: dict[str, Any]) -> None:
        if not jobs.run("audit.anchor_heads"):
            raise CommandError("Someone else is making it.")
        newest = gateway.anchors().newest()
        self.stdout.write(f"The newest anchor is of {newest[0] if newest else 'no day'}.")

    def _drop_expired(self, options: dict[str, Any]) -> None:
        for name in queries.expired(on=timezone.now().date()):
            if options["dry_run"]:
                self.stdout.write(f"{name} would be dropped.")
                continue
            with transaction():
                is_dropped = usecases.drop_chain(name=name)
            self.stdout.write(f"{name} was {'' if is_dropped else 'not '}dropped.")
