"""The simulator finds each of the defects that are put into the code on purpose."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from simulation.campaign import Campaign
from simulation.crew import Report
from simulation.database import Stage
from simulation.defects import DEFECTS
from simulation.run import Outcome, simulate
from simulation.schedule import Schedule

pytestmark = pytest.mark.timeout(400)
MOST_SCHEDULES = 120
# A schedule that found it before and is tried first, so that it doesn't take long; and what at
# least one sentence must speak of.
HINTS = {
    "mark outside the transaction": (
        "0:warehouse.confirm_order#update.warehouse_packagingrequest.1",
        "has not come to an end",
    ),
    "publish after the commit": (
        "0:warehouse.reserve_stock#committed.1",
        "the log has no|told were|has not come to an end",
    ),
    "reservation without the condition": (
        "500",
        r"warehouse\.reserve_stock (failed by itself|has not taken)",
    ),
    "authorization ignored after a cancel": (
        "19/acts=4,12,22/faults=",
        "CANCELLED; the gateway holds",
    ),
    "invoice number before the transaction": (
        "4:invoices.note_capture#select.invoices_knownuser.1",
        "numbers; used are",
    ),
    "a new key for each call of the gateway": ("1", "the gateway holds"),
    "relay marks before it sends": ("2", "has not heard"),
    "replica without comparing versions": ("16", "in orders' stock, and truly"),
    "failed messages acknowledged": ("1", "has not heard"),
    "audit appends without the lock": (
        "0",
        r"audit\.record_events (failed by itself|has not taken)",
    ),
}


def schedules(hint: str, campaign: Campaign) -> Iterator[Schedule]:
    """Yield the hint, then what a campaign tries from seed 0 on."""
    return map(Schedule.parse, itertools.chain([hint], campaign.schedules()))


def report_of(outcome: Outcome) -> Report:
    """Return what a worker would tell a campaign."""
    faults = [(str(fault.kind), str(fault), fault.struck) for fault in outcome.faults]
    return Report(
        schedule=str(outcome.schedule),
        violations=outcome.violations,
        faults=faults,
        acts=[],
        points=outcome.points,
        trace=[],
        digest=outcome.digest,
        steps=outcome.steps,
        waits=outcome.waits,
        seconds=outcome.seconds,
    )


def first_violated(stage: Stage, hint: str) -> Outcome | None:
    """Run schedules until one goes wrong; None if none of so many does."""
    campaign = Campaign(seed=0, count=MOST_SCHEDULES)
    for schedule in schedules(hint, campaign):
        outcome = simulate(schedule, stage)
        campaign.take(report_of(outcome))
        if outcome.violations:
            return outcome
    return None


def test_every_defect_has_its_hint() -> None:
    assert HINTS.keys() == DEFECTS.keys()


@pytest.mark.parametrize("name", DEFECTS)
def test_a_seeded_defect_is_found_and_is_alone_to_blame(stage: Stage, name: str) -> None:
    hint, sentence = HINTS[name]

    with DEFECTS[name]():
        found = first_violated(stage, hint)

    assert found is not None
    assert [told for told in found.violations if re.search(sentence, told)], found.violations
    assert simulate(found.schedule, stage).violations == []
