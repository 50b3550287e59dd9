from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.payment import errands, queries, usecases
from apps.payment import gateway as gateways
from apps.payment.errands import GatewaySilent
from apps.payment.models import Difference, Reconciliation
from kernel.bus.spans import working
from kernel.money import display
from kernel.refusals import Refusal
from kernel.transactions import transaction


class Command(BaseCommand):
    help = "`payment reconcile` compares what gateways did on a day with what we know of it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        reconcile = actions.add_parser("reconcile", help="Exit code 1 if anything differs.")
        reconcile.add_argument(
            "--date", type=dt.date.fromisoformat, help="2026-01-31, in UTC; yesterday if not said."
        )
        reconcile.add_argument("--gateway", help="Only this one.")
        reconcile.add_argument("--json", action="store_true", help="The report as one document.")

    def handle(self, *_: Any, **options: Any) -> None:
        today = timezone.now().astimezone(dt.UTC).date()
        on = options["date"] or today - dt.timedelta(days=1)
        chosen = [options["gateway"]] if options["gateway"] else gateways.with_books()
        with working("payment.reconcile"):
            runs = [self._compare(gateway, on) for gateway in chosen]
        if options["json"]:
            self.stdout.write(json.dumps([_told(run) for run in runs], indent=2))
        else:
            for run in runs:
                self._print(run)
        if any(run.differences for run in runs):
            raise CommandError(
                "The books differ: the admin has a remedy for each, under Payment > Differences.",
                returncode=1,
            )

    def _compare(self, gateway: str, on: dt.date) -> Reconciliation:
        try:
            with transaction():
                run = usecases.begin_reconciliation(gateway=gateway, on=on, at=timezone.now())
            for _ in errands.reconcile(run.id):
                run.refresh_from_db()
                told = f"{run.entries:,} entries read, {run.looked_up:,} looked up"
                self.stderr.write(f"{run}: {told}")
        except Refusal as refusal:
            raise CommandError(f"{gateway} on {on}: {refusal}", returncode=2) from refusal
        except GatewaySilent as silent:
            raise CommandError(f"No answer: {silent}. Run it again.", returncode=2) from silent
        run.refresh_from_db()
        return run

    def _print(self, run: Reconciliation) -> None:
        self.stdout.write(
            f"{run}: {run.entries:,} entries in its books, {run.looked_up:,} of ours looked up,"
            f" {run.differences:,} {'difference' if run.differences == 1 else 'differences'}."
        )
        for found in queries.open_differences(run):
            ours, theirs = (
                "nothing" if amount is None else display(amount, found.currency)
                for amount in (found.our_amount, found.their_amount)
            )
            self.stdout.write(
                f"  {found.get_kind_display()}: {found.doing}, we say {ours}, they say {theirs};"
                f" order {found.payment_id or 'unknown'}, {found.id}"
            )


def _told(run: Reconciliation) -> dict[str, Any]:
    return {
        "id": str(run.id),
        "gateway": run.gateway,
        "on": run.on.isoformat(),
        "entries": run.entries,
        "looked_up": run.looked_up,
        "differences": [_difference(found) for found in queries.open_differences(run)],
    }


def _difference(found: Difference) -> dict[str, Any]:
    amounts = ("our_amount", "their_amount", "our_fee", "their_fee")
    return {
        "id": str(found.id),
        "kind": found.kind,
        "doing": found.doing,
        "order_id": found.payment_id and str(found.payment_id),
        "reference": found.reference,
        "currency": found.currency,
        **{name: getattr(found, name) for name in amounts},
        "remedies": list(found.remedies),
    }
