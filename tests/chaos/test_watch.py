"""How long the shop takes to come out of a fault, and what counts as over."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.faults import Fault, Outcome, all_faults
from chaos.ledger import Ask, Kind, Ledger
from chaos.report import Report
from chaos.run import Unknown, chosen
from chaos.threads import Threads
from chaos.verdict import Breach, Wrong
from chaos.watch import Watch

PROGRAMS = [
    "postgres", "emulator", "web", "worker-flow", "worker-outside", "worker-rest", "relay",
    "scheduler", "payment_3p",
]  # fmt: skip
FAULT = Fault("relay killed", "relay", "relay", lambda _: Outcome())


class Machine:
    """A relay that can die, and a database that knows which orders are undecided."""

    def __init__(self) -> None:
        self.process: int | None = 1
        self.undecided: set[str] = set()
        self.closed = False

    def pid(self, program: str) -> int | None:
        return self.process

    def connect(self) -> Any:
        return self

    def execute(self, query: str) -> Any:
        if "count" not in query:
            return [(order_id,) for order_id in self.undecided]
        return self

    def fetchone(self) -> tuple[int]:
        return (len(self.undecided),)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def watch(machine: Machine, ledger: Ledger) -> Watch:
    return Watch(machine, ledger, Threads())  # type: ignore[arg-type]


def order(ledger: Ledger, machine: Machine, name: str) -> Ask:
    """Place an order that the shop has promised and not decided."""
    ask = ledger.ask(name, Kind.PLAIN)
    ledger.promise(ask, name)
    machine.undecided.add(name)
    return ask


def test_a_fault_is_over_when_it_runs_flows_and_nobody_waits(
    machine: Machine, ledger: Ledger, watch: Watch
) -> None:
    order(ledger, machine, "before")
    watch.look()
    strike = watch.begin(FAULT)
    order(ledger, machine, "after")
    watch.look()
    assert (strike.in_flight, strike.flows_at, strike.recovered_at) == (1, None, None)

    machine.undecided.remove("after")
    watch.look()
    assert strike.flows_at is not None
    assert strike.recovered_at is None  # the first still waits

    machine.undecided.remove("before")
    watch.look()
    assert strike.recovered_at is None  # and the relay is still the one that was killed

    machine.process = 2
    watch.look()
    assert strike.recovered_at is not None


def test_an_order_that_waited_before_is_not_the_faults(
    machine: Machine, ledger: Ledger, watch: Watch
) -> None:
    order(ledger, machine, "late").asked_at -= 60
    strike = watch.begin(FAULT)
    machine.process = 2
    order(ledger, machine, "after")
    machine.undecided.remove("after")
    watch.look()
    assert strike.recovered_at is not None
    assert [ask.key for ask in strike.touched] == ["after"]


def test_an_order_without_an_answer_is_not_decided(
    machine: Machine, ledger: Ledger, watch: Watch
) -> None:
    ask = ledger.ask("key", Kind.PLAIN)
    watch.look()
    assert not ask.is_settled
    ledger.refuse(ask, "sold_out")
    assert ask.is_settled


def test_every_program_is_hurt_in_the_first_round() -> None:
    assert {fault.program for fault in all_faults(PROGRAMS)} == set(PROGRAMS)
    assert "streams" in {fault.program for fault in all_faults([*PROGRAMS, "streams"])}


def test_only_what_is_named_is_hurt() -> None:
    faults = all_faults(PROGRAMS)
    assert {fault.target for fault in chosen(faults, "relay,web")} == {"relay", "web"}
    assert chosen(faults, "") == faults
    with pytest.raises(Unknown, match=r"There is no rely: take of emulator, .*web"):
        chosen(faults, "rely")


def test_a_breach_is_counted_for_the_fault_that_touched_its_order(
    machine: Machine, ledger: Ledger, watch: Watch
) -> None:
    order(ledger, machine, "mine")
    watch.begin(FAULT)
    order(ledger, machine, "other")
    watch.begin(FAULT)
    breaches = [Breach(Wrong.LOST, "other", "gone"), Breach(Wrong.CHARGED, "mine", "twice")]
    report = Report(ledger, watch.strikes, [], breaches, {}, 1.0)
    assert [(row["lost"], row["doubled"]) for row in report.faults] == [(0, 1), (1, 1)]
    assert (report.is_good, report.orders["lost"]) == (False, 1)
