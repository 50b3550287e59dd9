"""What must hold when all is quiet, whatever was asked and whatever broke on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simulation.invariants.audit import audit_is_whole, audit_tells_how_it_is
from simulation.invariants.books import Books
from simulation.invariants.bus import nothing_is_undelivered
from simulation.invariants.coupons import coupons_are_counted
from simulation.invariants.documents import documents_tell_the_money
from simulation.invariants.endings import orders_end_in_one_state
from simulation.invariants.facts import facts_are_told_once
from simulation.invariants.mails import mails_tell_what_became_of_orders
from simulation.invariants.money import money_is_where_it_belongs
from simulation.invariants.promises import promises_are_kept
from simulation.invariants.replicas import replicas_equal_their_source
from simulation.invariants.stock import goods_are_where_they_belong
from simulation.world import World

__all__ = ["INVARIANTS", "violations"]

INVARIANTS: tuple[Callable[[Books], Iterator[str]], ...] = (
    orders_end_in_one_state,
    promises_are_kept,
    goods_are_where_they_belong,
    money_is_where_it_belongs,
    coupons_are_counted,
    documents_tell_the_money,
    mails_tell_what_became_of_orders,
    facts_are_told_once,
    nothing_is_undelivered,
    replicas_equal_their_source,
    audit_is_whole,
    audit_tells_how_it_is,
)


def violations(world: World) -> list[str]:
    """Return a sentence for each thing that doesn't hold, with the order and the numbers."""
    books = Books(world)
    return [sentence for invariant in INVARIANTS for sentence in invariant(books)]
